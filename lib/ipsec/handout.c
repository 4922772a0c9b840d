/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/handout.h"

#include "ipsec/claims.h"

/* So far behind the best, a candidate gets but few of the copies. */
#define IMPROBABLE      20
#define IMPROBABLE_EACH 16u
/* Past the budget: how many packets the holder may leave unanswered before
 * others get half of them; else they get one of eight, and the fewer the
 * farther they are behind. */
#define SILENT_ASKED 8u
#define SILENT_EACH  2u
#define EACH_LEAST   8u
#define EACH_MOST    1024u
#define DOUBLED_EACH 3 /* decibans */

/* Whether the other candidates get a copy of this packet. */
static bool may_copy(struct spinat *engine, struct binding *binding,
    struct remote *remote, unsigned wanted)
{
	bucket_refill(&binding->allowed, BINDING_COPIES, engine->tick);
	return bucket_has(&binding->allowed, wanted) &&
	    bucket_take_many(
		&remote->copies, REMOTE_COPIES, engine->tick, wanted) &&
	    bucket_take_many(
		&binding->allowed, BINDING_COPIES, engine->tick, wanted);
}

static void give(struct spinat *engine, struct claim *claim)
{
	claim->copied = engine->now;
	timing_begin(&claim->answers, engine->now);
}

/* Whatever the lots: it tells them nothing. */
static void give_for_certain(struct spinat *engine, struct claim *claim)
{
	turns_packet(&claim->turns, TURNS_ONE, true, engine->now);
	give(engine, claim);
}

static void give_copy(
    struct spinat *engine, struct claim *claim, struct copies *copies)
{
	copies->hosts[copies->count++] = claim->inside;
	claim->copies++;
	engine->peers.peers[claim->peer].copied = engine->now;
	give_for_certain(engine, claim);
}

/* Of how many packets the holder gets all but one. */
static uint32_t turns_of_holder(
    const struct claim *holder, struct claim *const others[], unsigned count)
{
	deciban best = others[0]->score;
	uint32_t each = EACH_LEAST;

	if (turns_is_silent(&holder->turns, SILENT_ASKED))
		return SILENT_EACH;
	for (unsigned i = 1; i < count; i++)
		if (others[i]->score > best)
			best = others[i]->score;
	for (deciban ahead = holder->score - best;
	     ahead >= DOUBLED_EACH && each < EACH_MOST; ahead -= DOUBLED_EACH)
		each *= 2;
	return each;
}

/* The others get what they get by lot. */
static void take_turns(struct spinat *engine, struct claim *holder,
    struct claim *const others[], unsigned count, struct copies *copies)
{
	const uint32_t lots = turns_of_holder(holder, others, count) * count;
	const uint32_t drawn = random_below(&engine->random, lots);
	struct claim *served = drawn < count ? others[drawn] : holder;

	for (unsigned i = 0; i < count; i++)
		turns_packet(&others[i]->turns, TURNS_ONE / lots,
		    others[i] == served, engine->now);
	turns_packet(&holder->turns, TURNS_ONE - TURNS_ONE / lots * count,
	    holder == served, engine->now);
	if (served != holder) {
		copies->instead = served->inside;
		engine->peers.peers[served->peer].copied = engine->now;
	}
	give(engine, served);
}

/* What is improbable gets copies while half of what may be spent is there, and
 * then one of several. */
static bool gets_improbable(struct spinat *engine, struct binding *binding)
{
	bucket_refill(&binding->allowed, BINDING_COPIES, engine->tick);
	return bucket_has(&binding->allowed, BINDING_COPIES.burst / 2) ||
	    binding->packets % IMPROBABLE_EACH == 0;
}

/* In groups, in turn, if there are more than one packet's copies can serve. */
void handout_candidates(
    struct spinat *engine, uint32_t number, be32 sender, struct copies *copies)
{
	struct binding *binding = binding_at(engine, number);
	const uint32_t holds = engine->table.flows[binding->flow].peer;
	struct remote *remote = remote_of(engine, holds);
	struct claim *others[CLAIMS_MOST], *holder = NULL;
	unsigned count = 0, wanted;

	for (uint32_t c = binding->claims; c != 0 && count < CLAIMS_MOST;
	     c = claim_at(engine, c)->next) {
		struct claim *claim = claim_at(engine, c);
		if (claim->peer == holds)
			holder = claim;
		else if (claims_counts(engine, binding, claim) &&
		    !be32_equal(claim->inside, sender) &&
		    (binding->best - claim->score < IMPROBABLE ||
			gets_improbable(engine, binding)))
			others[count++] = claim;
	}
	wanted = count < COPIES_MOST ? count : COPIES_MOST;
	if (holder != NULL && wanted != 0 &&
	    !may_copy(engine, binding, remote, wanted)) {
		take_turns(engine, holder, others, count, copies);
		return;
	}
	if (holder != NULL)
		give_for_certain(engine, holder);
	for (unsigned i = 0; i < wanted; i++)
		give_copy(engine, others[(remote->rotor + i) % count], copies);
	remote->rotor = (uint16_t)(remote->rotor + wanted);
	binding->copies += wanted;
	engine->stats.copies += wanted;
}

/* Several chose this SPI: all of them get all of it, as long as they live. */
void handout_owners(
    struct spinat *engine, uint32_t number, be32 sender, struct copies *copies)
{
	struct binding *binding = binding_at(engine, number);
	const uint32_t holder = engine->table.flows[binding->flow].peer;

	for (uint32_t c = binding->claims; c != 0;
	     c = claim_at(engine, c)->next) {
		struct claim *claim = claim_at(engine, c);
		if (!claim->owner || claim->peer == holder ||
		    copies->count == COPIES_MOST ||
		    !claims_counts(engine, binding, claim) ||
		    be32_equal(claim->inside, sender))
			continue;
		copies->hosts[copies->count++] = claim->inside;
		claim->copies++;
		binding->copies++;
		engine->stats.copies++;
	}
}
