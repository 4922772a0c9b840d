/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/identity.h"

/* Draws of its own, far from where others begin. */
#define FIRST_DRAW (UINT64_C(1) << 63)

void identities_init(
    struct identities *identities, struct arena *arena, const uint8_t seed[16])
{
	struct random random;
	uint64_t words[2];
	uint8_t own[sizeof words];

	identities->last =
	    arena_take(arena, IDENTITY_SEQUENCES, sizeof *identities->last);
	random_init(&random, seed);
	random.counter = FIRST_DRAW;
	for (unsigned i = 0; i < 2; i++)
		words[i] = random_next(&random);
	memcpy(own, words, sizeof own);
	hash_seed_init(&identities->seed, own);
	if (identities->last == NULL)
		return;
	for (unsigned i = 0; i < IDENTITY_SEQUENCES; i++)
		identities->last[i] = (uint16_t)random_next(&random);
}

be16 identity_draw(
    struct identities *identities, const uint8_t *ip, unsigned count)
{
	const uint64_t hash =
	    hash_words(&identities->seed, load_be32(ip + IP4_SOURCE).raw,
		load_be32(ip + IP4_DESTINATION).raw, ip[IP4_PROTOCOL], 0);
	uint16_t *last = &identities->last[hash % IDENTITY_SEQUENCES];
	uint16_t id = (uint16_t)(*last + 1);

	if (id == 0)
		id = 1;
	*last = (uint16_t)(id + count - 1);
	return be16_from_host(id);
}
