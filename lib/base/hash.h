/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keyed hash of a 16-byte key.
 *
 * Multilinear hashing (Lemire, Kaser 2014): the sum of four 32-bit words times
 * secret 64-bit multipliers; its high half is strongly universal, so nobody
 * who does not know the seed can choose colliding keys better than by chance.
 * A finishing multiplication spreads it over all 64 bits.  Four independent
 * multiplications take about 2 ns; SipHash-1-3 takes 8; CRC32C takes less but
 * is linear: keys that collide under one seed collide under every other.
 * It needs 64-bit arithmetic only, so that it runs in eBPF as it stands.
 */
#ifndef SPINAT_BASE_HASH_H
#define SPINAT_BASE_HASH_H

#include "base/random.h"

struct hash_seed {
	uint64_t add, times[4], finish;
};

static inline void hash_seed_init(
    struct hash_seed *seed, const uint8_t from[16])
{
	struct random random;

	random_init(&random, from);
	seed->add = random_next(&random);
	for (int i = 0; i < 4; i++)
		seed->times[i] = random_next(&random);
	seed->finish = random_next(&random) | 1;
}

static inline uint64_t hash_words(const struct hash_seed *seed, uint32_t a,
    uint32_t b, uint32_t c, uint32_t d)
{
	uint64_t sum = seed->add + seed->times[0] * a + seed->times[1] * b +
	    seed->times[2] * c + seed->times[3] * d;

	sum ^= sum >> 32;
	sum *= seed->finish;
	return sum ^ sum >> 32;
}

#endif
