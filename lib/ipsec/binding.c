/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/binding.h"

#include <assert.h>

/* How many bindings to look at for claims to give up. */
#define HAND_STEPS 64u

static const char *const texts[] = {
    [WHY_SOLE] = "the only host here that may own it",
    [WHY_RULE] = "a redirect_ipsec rule names its host",
    [WHY_ONLY_SENDER] = "the only host here that sends ESP to this remote",
    [WHY_LEADS] = "of several hosts that may own it, what is known speaks "
		  "most for this one",
    [WHY_ANSWERED] = "the only host that may own it has answered",
    [WHY_TRAFFIC] = "of several hosts that might own it, traffic told that "
		    "it is this one's",
    [WHY_LEFT] = "all other hosts that might own it said that they do not",
    [WHY_RESTORED] = "known from before the restart",
    [WHY_UNPAIRED] = "in doubt: another host's new SA with this remote has "
		     "no inbound SPI",
    [WHY_SEQUENCE] = "in doubt: its sequence numbers fell back, so another "
		     "host may have chosen the same SPI",
    [WHY_REFUTED] = "in doubt: its host said that it does not own it",
    [WHY_UNDISTURBED] = "it was in doubt, and nothing spoke for another host",
    [WHY_SAME_SPI] = "several hosts chose this SPI for this remote: each "
		     "gets all of it",
};
static_assert(
    sizeof texts / sizeof texts[0] == WHY_COUNT, "every why has a text");

const char *binding_why_text(enum binding_why why)
{
	ENSURE((unsigned)why < WHY_COUNT);
	return texts[why];
}

void bindings_init(struct bindings *bindings, struct arena *arena, uint32_t max,
    uint32_t claim_max)
{
	memset(bindings, 0, sizeof *bindings);
	bindings->max = max;
	bindings->claim_max = claim_max;
	bindings->bindings =
	    arena_take(arena, (size_t)max + 1, sizeof *bindings->bindings);
	bindings->claims =
	    arena_take(arena, (size_t)claim_max + 1, sizeof *bindings->claims);
}

bool bindings_have_room(const struct bindings *bindings)
{
	return bindings->free != 0 || bindings->highest < bindings->max;
}

uint32_t binding_take(struct bindings *bindings)
{
	uint32_t number = bindings->free;

	if (number != 0)
		bindings->free = bindings->bindings[number].next;
	else if (bindings->highest < bindings->max)
		number = ++bindings->highest;
	else
		return 0;
	memset(&bindings->bindings[number], 0, sizeof *bindings->bindings);
	return number;
}

void binding_drop_claims(struct bindings *bindings, uint32_t number)
{
	struct binding *binding = &bindings->bindings[number];

	while (binding->claims != 0) {
		const uint32_t claim = binding->claims;
		binding->claims = bindings->claims[claim].next;
		bindings->claims[claim].next = bindings->claim_free;
		bindings->claim_free = claim;
	}
	binding->claim_count = 0;
	binding->senders = 0;
}

void binding_put_back(struct bindings *bindings, uint32_t number)
{
	struct binding *binding = &bindings->bindings[number];

	ENSURE(!binding->in_probation);
	binding_drop_claims(bindings, number);
	binding->flow = 0;
	binding->next = bindings->free;
	bindings->free = number;
}

uint32_t binding_claim(
    const struct bindings *bindings, uint32_t number, be32 inside)
{
	uint32_t claim = bindings->bindings[number].claims;

	while (
	    claim != 0 && !be32_equal(bindings->claims[claim].inside, inside))
		claim = bindings->claims[claim].next;
	return claim;
}

/* What was decided keeps its claims for people to see, until they are wanted
 * for what is not. */
static void give_up_claims(struct bindings *bindings)
{
	for (unsigned step = 0; step < HAND_STEPS && bindings->highest != 0;
	     step++) {
		struct binding *binding;

		bindings->hand = bindings->hand % bindings->highest + 1;
		binding = &bindings->bindings[bindings->hand];
		if (binding->flow != 0 && !binding->in_probation &&
		    binding->why != WHY_SAME_SPI && binding->claims != 0) {
			binding_drop_claims(bindings, bindings->hand);
			return;
		}
	}
}

uint32_t binding_add_claim(
    struct bindings *bindings, uint32_t number, uint32_t peer, be32 inside)
{
	struct binding *binding = &bindings->bindings[number];
	uint32_t claim;

	if (bindings->claim_free == 0 &&
	    bindings->claim_highest == bindings->claim_max)
		give_up_claims(bindings);
	claim = bindings->claim_free;
	if (claim != 0)
		bindings->claim_free = bindings->claims[claim].next;
	else if (bindings->claim_highest < bindings->claim_max)
		claim = ++bindings->claim_highest;
	else
		return 0;
	bindings->claims[claim] = (struct claim){
	    .peer = peer,
	    .next = binding->claims,
	    .inside = inside,
	};
	binding->claims = claim;
	binding->claim_count++;
	return claim;
}
