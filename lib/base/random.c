/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/random.h"

#include "base/siphash.h"

/* SipHash-2-4 of one 64-bit word (Aumasson, Bernstein 2012). */
static uint64_t sip_word(const uint64_t key[2], uint64_t word)
{
	uint64_t v[4];
	const uint64_t blocks[2] = {word, UINT64_C(8) << 56};

	sip_init(v, key);
	for (int block = 0; block < 2; block++) {
		v[3] ^= blocks[block];
		sip_round(v);
		sip_round(v);
		v[0] ^= blocks[block];
	}
	v[2] ^= 0xff;
	for (int round = 0; round < 4; round++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void random_init(struct random *random, const uint8_t seed[16])
{
	uint64_t words[2];

	memcpy(words, seed, sizeof words);
	random->key[0] = le64toh(words[0]);
	random->key[1] = le64toh(words[1]);
	random->counter = 0;
}

uint64_t random_next(struct random *random)
{
	return sip_word(random->key, random->counter++);
}

uint32_t random_below(struct random *random, uint32_t bound)
{
	/* Multiply-shift: the bias is under bound / 2^32. */
	return (uint32_t)((random_next(random) >> 32) * bound >> 32);
}
