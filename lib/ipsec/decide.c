/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/decide.h"

#include "event.h"
#include "ipsec/association.h"
#include "ipsec/claims.h"
#include "ipsec/confirm.h"
#include "ipsec/probation.h"
#include "ipsec/spi.h"

/* Of several, none is believed before so many moments: what began by the same
 * event as the SPI has begun by then. */
#define BELIEVED_MOMENTS 3u
#define SILENT_ASKED     16u
/* An exchange that is not complete by then never will be. */
#define CONTENDER_SPAN (60 * SPINAT_SECOND)

struct ranking {
	struct claim *first, *second, *third; /* NULL: none */
	struct claim *other, *other_second;   /* the same without the holder */
	unsigned count;
};

static void rank_one(
    struct claim **first, struct claim **second, struct claim *claim)
{
	if (*first == NULL || claim->score > (*first)->score) {
		*second = *first;
		*first = claim;
	} else if (*second == NULL || claim->score > (*second)->score) {
		*second = claim;
	}
}

static void rank_among_three(struct ranking *ranking, struct claim *claim)
{
	struct claim *last = claim;

	if (ranking->second != NULL && claim->score > ranking->second->score)
		last = ranking->second;
	if (ranking->second != NULL &&
	    (ranking->third == NULL || last->score > ranking->third->score))
		ranking->third = last;
	rank_one(&ranking->first, &ranking->second, claim);
}

/* Which hosts send at all, of those that a fresh SPI can be for, and the two
 * that send most, while it is in use. */
static void look_around(struct spinat *engine, struct binding *binding)
{
	const bool fresh = binding->first_sequence <= SEQUENCE_FRESH;

	binding->near_most = binding->near_next = 0;
	binding->senders = 0;
	for (uint32_t c = binding->claims; c != 0;
	     c = claim_at(engine, c)->next) {
		struct claim *claim = claim_at(engine, c);
		if (!claims_counts(engine, binding, claim))
			continue;
		claim->expecting =
		    expect_best(&engine->peers.peers[claim->peer].expects,
			tick_of(binding->seen)) != NULL;
		if ((claim->expecting || !fresh) && claim->sent != 0)
			binding->senders++;
		if (fresh && !claim->expecting)
			continue;
		if (claim->near >= binding->near_most) {
			binding->near_next = binding->near_most;
			binding->near_most = claim->near;
		} else if (claim->near > binding->near_next) {
			binding->near_next = claim->near;
		}
	}
}

/* The score, and how it comes about, kept for people to see. */
static void weigh(struct claim *claim, const struct evidence *evidence)
{
	deciban rows[SCORE_ROWS];

	claim->score = score(evidence, rows);
	claim->of_traffic = (int16_t)score_of_traffic(rows);
	for (unsigned row = 0; row < SCORE_ROWS; row++)
		claim->rows[row] = (int8_t)rows[row];
	claim->agreed_before = evidence->expected == EXPECT_NONE
	    ? SPINAT_NEVER
	    : evidence->expect_age;
}

static struct ranking rank(struct spinat *engine, uint32_t number)
{
	struct binding *binding = binding_at(engine, number);
	struct ranking ranking = {0};

	look_around(engine, binding);
	for (uint32_t c = binding->claims; c != 0;
	     c = claim_at(engine, c)->next) {
		struct claim *claim = claim_at(engine, c);
		struct evidence evidence;

		if (!claims_counts(engine, binding, claim))
			continue;
		claims_evidence(engine, number, claim, &evidence);
		weigh(claim, &evidence);
		rank_among_three(&ranking, claim);
		if (!evidence.holds)
			rank_one(&ranking.other, &ranking.other_second, claim);
		ranking.count++;
	}
	return ranking;
}

/* Who holds the SPI stays ahead when scores are equal; it is no evidence.  Who
 * leaves everything that it gets unanswered may own a one-way stream, but
 * nothing confirms that. */
static bool is_believed(
    const struct claim *claim, const struct claim *next, unsigned count)
{
	return claim != NULL && !turns_is_silent(&claim->turns, SILENT_ASKED) &&
	    claim->of_traffic >= SCORE_OF_TRAFFIC &&
	    (next == NULL ||
		claim->score - claim->rows[SCORE_HOLDS] - next->score >=
		    score_believed(count));
}

/* Whether a host without a claim has agreed on an SA, or is about to: the
 * remote may use that before its last message arrives. */
static bool has_contender(struct spinat *engine, const struct binding *binding)
{
	const uint32_t holder = engine->table.flows[binding->flow].peer;
	const struct peer *peers = engine->peers.peers;

	for (uint32_t p = remote_of(engine, holder)->peers; p != 0;
	     p = peers[p].next) {
		const struct expect *hint =
		    expect_best(&peers[p].expects, engine->tick);
		if (hint != NULL &&
		    engine->tick - hint->opened < tick_span(CONTENDER_SPAN) &&
		    binding_claim(&engine->bindings,
			engine->table.flows[binding->flow].binding,
			peers[p].inside) == 0)
			return true;
	}
	return false;
}

/* The only one left is believed as soon as it speaks, if it agreed on an SA
 * lately or the SPI goes on: single packets of unknown SPIs can be forged. */
static bool is_alone_and_speaks(struct spinat *engine,
    const struct binding *binding, const struct ranking *ranking)
{
	return ranking->count == 1 &&
	    (ranking->first->expecting ||
		binding->moments >= BELIEVED_MOMENTS) &&
	    (binding->first_sequence > SEQUENCE_FRESH ||
		!has_contender(engine, binding)) &&
	    association_spoke_since(
		engine, ranking->first->peer, tick_of(binding->seen) - 1);
}

/* Its holder's SPI is `other`'s too. */
static bool share_with(
    struct spinat *engine, uint32_t number, const struct claim *other)
{
	const struct binding *binding = binding_at(engine, number);
	const uint32_t holder = engine->table.flows[binding->flow].peer;

	for (uint32_t c = binding->claims; c != 0;
	     c = claim_at(engine, c)->next) {
		struct claim *claim = claim_at(engine, c);
		claim->owner = claim == other || claim->peer == holder;
	}
	(void)association_pair(engine, other->peer, tick_of(binding->seen));
	confirm_shared(engine, binding->flow);
	return true;
}

/* It began anew, and is found to be another's too; or it was two hosts' from
 * the start. */
static bool share(
    struct spinat *engine, uint32_t number, const struct ranking *ranking)
{
	const struct binding *binding = binding_at(engine, number);
	const uint32_t holder = engine->table.flows[binding->flow].peer;

	if (binding->moments < BELIEVED_MOMENTS)
		return false;
	if (binding->why == WHY_SEQUENCE)
		return is_believed(ranking->other, ranking->other_second,
			   ranking->count) &&
		    share_with(engine, number, ranking->other);
	return probation_is_of_two(binding) && ranking->first->peer == holder &&
	    is_believed(ranking->first, ranking->third, ranking->count) &&
	    is_believed(ranking->second, ranking->third, ranking->count) &&
	    share_with(engine, number, ranking->second);
}

bool decide(struct spinat *engine, uint32_t number)
{
	struct binding *binding = binding_at(engine, number);
	const struct ranking ranking = rank(engine, number);
	bool alone, told;

	if (ranking.count == 0)
		return false;
	if (share(engine, number, &ranking))
		return true;
	binding->best = ranking.first->score;
	alone = is_alone_and_speaks(engine, binding, &ranking);
	told = binding->moments >= BELIEVED_MOMENTS &&
	    is_believed(ranking.first, ranking.second, ranking.count) &&
	    ranking.count > 1 && !probation_is_of_two(binding) &&
	    (binding->first_sequence > SEQUENCE_FRESH ||
		!has_contender(engine, binding));
	if (engine->table.flows[binding->flow].peer != ranking.first->peer &&
	    binding->why != WHY_SEQUENCE) {
		const uint32_t moved =
		    spi_move(engine, binding->flow, ranking.first->peer);
		if (moved == 0)
			return true;
		if (!binding->was_confirmed)
			binding->why = WHY_LEADS;
		event_flow(engine, SPINAT_EVENT_BOUND, moved,
		    SPINAT_REASON_NONE, binding_why_text(WHY_LEADS));
	}
	if (!alone && !told)
		return false;
	confirm_owner(engine, binding->flow,
	    told                           ? WHY_TRAFFIC
		: binding->claim_count > 1 ? WHY_LEFT
					   : WHY_ANSWERED);
	return true;
}
