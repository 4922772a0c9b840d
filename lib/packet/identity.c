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

	identities->next =
	    arena_take(arena, IDENTITY_SEQUENCES, sizeof *identities->next);
	random_init(&random, seed);
	random.counter = FIRST_DRAW;
	for (unsigned i = 0; i < 2; i++)
		words[i] = random_next(&random);
	memcpy(own, words, sizeof own);
	hash_seed_init(&identities->seed, own);
	if (identities->next == NULL)
		return;
	for (unsigned i = 0; i < IDENTITY_SEQUENCES; i++)
		identities->next[i] = (uint32_t)random_next(&random);
}

be16 identity_draw(
    struct identities *identities, const uint8_t *ip, unsigned count)
{
	const uint32_t sequence = identity_sequence(
	    &identities->seed, load_pair32(ip + IP4_SOURCE), ip[IP4_PROTOCOL]);

	return identity_draw_from(&identities->next[sequence], count);
}
