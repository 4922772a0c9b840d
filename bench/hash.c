/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keyed hash, beside what else it could have been: nanoseconds for one
 * 16-byte key, many keys one after the other as in a burst.
 *
 * CRC32C is there for scale only: it is linear, so keys that collide under one
 * seed collide under every other.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/siphash.h"
#include "bench/measure.h"
#include "flow/key.h"

#define KEYS   4096u
#define ROUNDS 15
#define TURNS  64

typedef uint64_t hash_function(const void *seed, const struct key *key);

/* SipHash-1-3 of the two words of a key (Aumasson, Bernstein 2012). */
static uint64_t siphash_1_3(const void *seed, const struct key *key)
{
	uint64_t k[2], blocks[3], v[4];

	memcpy(k, seed, sizeof k);
	memcpy(blocks, key, 16);
	blocks[2] = UINT64_C(16) << 56;
	sip_init(v, k);
	for (int round = 0; round < 6; round++) {
		if (round < 3)
			v[3] ^= blocks[round];
		else if (round == 3)
			v[2] ^= 0xff;
		sip_round(v);
		if (round < 3)
			v[0] ^= blocks[round];
	}
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t multilinear(const void *seed, const struct key *key)
{
	return key_hash(seed, key);
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint64_t crc32c(
    const void *seed, const struct key *key)
{
	uint64_t words[2], start;

	memcpy(words, key, sizeof words);
	memcpy(&start, seed, sizeof start);
	start = __builtin_ia32_crc32di(start & 0xffffffff, words[0]);
	return __builtin_ia32_crc32di(start, words[1]) *
	    UINT64_C(0x9e3779b97f4a7c15);
}
#endif

/* In line, so that each loop is as the burst's is. */
static inline __attribute__((always_inline)) void measure(const char *name,
    hash_function *hash, const void *seed, const struct key *keys)
{
	double rounds[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		const double start = seconds();
		for (int turn = 0; turn < TURNS; turn++)
			for (unsigned i = 0; i < KEYS; i++) {
				const uint64_t value = hash(seed, &keys[i]);
				/* One by one: no four at once in a vector. */
				__asm__ volatile("" : : "r"(value));
			}
		rounds[round] = (seconds() - start) * 1e9 / (KEYS * TURNS);
	}
	printf("bench hash.%s %.2f ns/key\n", name, median(rounds, ROUNDS));
}

int main(void)
{
	const uint8_t secret[16] = "not much secret";
	struct key *keys = calloc(KEYS, sizeof *keys);
	struct hash_seed seed;

	if (keys == NULL)
		return 1;
	hash_seed_init(&seed, secret);
	for (unsigned i = 0; i < KEYS; i++) {
		keys[i].protocol = 17;
		keys[i].local.raw = 0x0a000001 + i;
		keys[i].remote.raw = 0x2d000000 + i * 7;
		keys[i].ids.raw = i * 65537;
	}
	measure("multilinear", multilinear, &seed, keys);
	measure("siphash-1-3", siphash_1_3, secret, keys);
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		measure("crc32c", crc32c, secret, keys);
#endif
	free(keys);
	return 0;
}
