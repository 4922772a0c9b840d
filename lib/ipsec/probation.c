/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/probation.h"

#include "event.h"
#include "ipsec/association.h"
#include "ipsec/confirm.h"
#include "ipsec/spi.h"

/* Packets for which the claims are weighed one by one; from then on only as
 * time goes by. */
#define WEIGHED_PACKETS 16u
/* Claims of one SPI at most, those that expect one first. */
#define CLAIMS_MOST 64u
/* What a host says of itself is believed so long. */
#define REFUTED_SPAN (60 * SPINAT_SECOND)
/* Of several, none is believed before so many packets: what began by the same
 * event as the SPI has begun by then. */
#define BELIEVED_MOMENTS 3u
#define MOMENT           (SPINAT_SECOND / 1000)
/* So far behind the best, a candidate gets but few of the copies. */
#define IMPROBABLE      30
#define IMPROBABLE_EACH 16u
/* Past the budget: how many packets the holder may leave unanswered before
 * others get half of them, and how far ahead it must be to get nearly all. */
#define SILENT_PACKETS 8u
#define WELL_AHEAD     8
/* What a host sends so soon after a packet of the SPI may have to do with it.
 */
#define NEAR_SPAN (SPINAT_SECOND / 16)
/* How soon after a copy a host speaks up that objects to it. */
#define OBJECT_SPAN (SPINAT_SECOND / 10)
/* ... unless it has just agreed on an SA, and deletes the old one. */
#define AGREED_SPAN (5 * SPINAT_SECOND)
/* An exchange that is not complete by then never will be. */
#define CONTENDER_SPAN (60 * SPINAT_SECOND)
/* What a copy provokes comes within that. */
#define PROVOKED_SPAN (10 * SPINAT_SECOND)
/* A host's silence before an SPI appeared says how rarely it sends, up to: */
#define SILENCE_MOST (60 * SPINAT_SECOND)
/* An old SPI fell silent as the new one began: within these, before and since.
 */
#define SUCCESSION_SPAN    (2 * SPINAT_SECOND)
#define SUCCESSION_SINCE   (SPINAT_SECOND / 2)
#define SUCCESSION_SLACK   (SPINAT_SECOND / 4)
#define SUCCESSION_PACKETS 3u
/* A new outbound SPI without an inbound one for so long puts others in doubt.
 */
#define UNPAIRED_SPAN    (2 * SPINAT_SECOND)
#define UNPAIRED_PACKETS 8u

static struct binding *binding_at(struct spinat *engine, uint32_t number)
{
	return &engine->bindings.bindings[number];
}

static struct claim *claim_at(struct spinat *engine, uint32_t number)
{
	return &engine->bindings.claims[number];
}

static struct remote *remote_of(struct spinat *engine, uint32_t peer)
{
	return &engine->peers.remotes.remotes[engine->peers.peers[peer].of];
}

/* Whether the association that a claim is made for is still there. */
static bool is_valid(const struct spinat *engine, const struct binding *binding,
    const struct claim *claim)
{
	const struct peer *peer = &engine->peers.peers[claim->peer];
	const uint32_t holder = engine->table.flows[binding->flow].peer;

	return peer->live && be32_equal(peer->inside, claim->inside) &&
	    peer->of == engine->peers.peers[holder].of;
}

static bool is_refuted(const struct spinat *engine, const struct claim *claim)
{
	return claim->refuted &&
	    engine->tick - claim->refuted_at < tick_span(REFUTED_SPAN);
}

static bool counts(const struct spinat *engine, const struct binding *binding,
    const struct claim *claim)
{
	return is_valid(engine, binding, claim) && !is_refuted(engine, claim);
}

/* ------------------------------------------------------------- evidence */

static enum succession succession_of(
    const struct spinat *engine, const struct binding *binding, uint32_t peer)
{
	const struct flow *flows = engine->table.flows;
	const tick seen = tick_of(binding->seen);
	enum succession found = SUCCESSION_NONE;

	for (uint32_t f = engine->peers.peers[peer].flows; f != 0;
	     f = flows[f].group_next) {
		tick last;

		if (f == binding->flow ||
		    flow_kind(&flows[f]) != SPINAT_FLOW_ESP_IN ||
		    flows[f].state == FLOW_PROBATION ||
		    !flow_table_last(
			&engine->table, f, SPINAT_OUTSIDE, engine->tick, &last))
			continue;
		if ((int32_t)(last - seen) >
		    (int32_t)tick_span(SUCCESSION_SLACK))
			found = found == SUCCESSION_NONE ? SUCCESSION_GOES_ON
							 : found;
		else if ((int32_t)(seen - last) <
			(int32_t)tick_span(SUCCESSION_SPAN) &&
		    engine->tick - seen > tick_span(SUCCESSION_SINCE) &&
		    binding->packets >= SUCCESSION_PACKETS)
			found = SUCCESSION_SILENT;
	}
	return found;
}

void probation_evidence(const struct spinat *engine, uint32_t number,
    const struct claim *claim, struct evidence *evidence)
{
	const struct binding *binding = &engine->bindings.bindings[number];
	const struct peer *peer = &engine->peers.peers[claim->peer];
	const tick seen = tick_of(binding->seen);
	const struct expect *hint = expect_best(&peer->expects, seen);

	*evidence = (struct evidence){
	    .fresh = binding->first_sequence <= SEQUENCE_FRESH,
	    .relaxed = memo_is_settling(engine),
	    .out_awaits = association_awaits(engine, claim->peer, seen),
	    .succession = succession_of(engine, binding, claim->peer),
	    .answers = claim->answers,
	    .prompts = claim->prompts,
	    .turns = claim->turns,
	    .sent = claim->sent,
	    .packets =
		claim->sent > binding->packets ? claim->sent : binding->packets,
	    .span = engine->now - binding->seen,
	    .quiet = engine->now - claim->begun,
	    .alone = binding->senders == 1 && claim->sent != 0 &&
		(claim->expecting || binding->first_sequence > SEQUENCE_FRESH),
	    .out_lag = peer->began > binding->seen
		? peer->began - binding->seen
		: binding->seen - peer->began,
	    .echoes = claim->echoes,
	    .cipher_differs = sizes_disagree(&binding->sizes, &claim->sizes),
	    .near = claim->near,
	    .near_other = claim->near == binding->near_most
		? binding->near_next
		: binding->near_most,
	    .objected = claim->objected,
	    .holds = engine->table.flows[binding->flow].peer == claim->peer,
	};
	if (hint != NULL) {
		const spinat_time age =
		    binding->seen - tick_to_time(hint->opened, engine->now);
		evidence->expected = (enum expect_strength)hint->strength;
		evidence->expect_age = age > 0 ? age : 0;
	}
}

/* --------------------------------------------------------------- claims */

/* Since when the host has not sent: its silence tells how rarely it does. */
static spinat_time silent_since(const struct spinat *engine, uint32_t peer)
{
	spinat_time since = engine->now - SILENCE_MOST;

	for (uint32_t f = engine->peers.peers[peer].flows; f != 0;
	     f = engine->table.flows[f].group_next) {
		tick last;
		if (flow_table_last(&engine->table, f, SPINAT_INSIDE,
			engine->tick, &last) &&
		    tick_to_time(last, engine->now) > since)
			since = tick_to_time(last, engine->now);
	}
	return since;
}

static void add_claim(struct spinat *engine, uint32_t number, uint32_t peer)
{
	const uint32_t claim = binding_add_claim(
	    &engine->bindings, number, peer, engine->peers.peers[peer].inside);

	if (claim != 0)
		claim_at(engine, claim)->begun = silent_since(engine, peer);
}

/* One claim for each candidate there is now; those that expect an SPI first, if
 * there are very many. */
static void update_claims(struct spinat *engine, uint32_t number, be32 sender)
{
	struct binding *binding = binding_at(engine, number);
	struct peer *peers = engine->peers.peers;
	const uint32_t holder = engine->table.flows[binding->flow].peer;
	const uint32_t first = remote_of(engine, holder)->peers;
	enum binding_why tier = WHY_ONLY_SENDER;

	binding->looked = engine->now;
	for (uint32_t p = first; p != 0; p = peers[p].next) {
		peers[p].mark = 0;
		if (association_is_one_of(engine, p, WHY_SOLE))
			tier = WHY_SOLE;
	}
	for (uint32_t c = binding->claims; c != 0;
	     c = claim_at(engine, c)->next) {
		struct claim *claim = claim_at(engine, c);
		if (is_valid(engine, binding, claim))
			peers[claim->peer].mark = c;
	}
	for (int expecting = 1; expecting >= 0; expecting--)
		for (uint32_t p = first; p != 0; p = peers[p].next) {
			if (binding->claim_count >= CLAIMS_MOST)
				return;
			if (peers[p].mark != 0 ||
			    be32_equal(peers[p].inside, sender) ||
			    (expecting &&
				expect_best(&peers[p].expects, engine->tick) ==
				    NULL) ||
			    (p != holder &&
				!association_is_one_of(engine, p, tier)))
				continue;
			add_claim(engine, number, p);
			peers[p].mark = 1;
		}
}

/* ------------------------------------------------------------- decisions */

struct ranking {
	struct claim *first, *second;       /* NULL: none */
	struct claim *other, *other_second; /* the same without the holder */
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
		if (!counts(engine, binding, claim))
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

static struct ranking rank(struct spinat *engine, uint32_t number)
{
	struct binding *binding = binding_at(engine, number);
	struct ranking ranking = {0};

	look_around(engine, binding);
	for (uint32_t c = binding->claims; c != 0;
	     c = claim_at(engine, c)->next) {
		struct claim *claim = claim_at(engine, c);
		struct evidence evidence;

		if (!counts(engine, binding, claim))
			continue;
		probation_evidence(engine, number, claim, &evidence);
		claim->score = score(&evidence, NULL);
		rank_one(&ranking.first, &ranking.second, claim);
		if (!evidence.holds)
			rank_one(&ranking.other, &ranking.other_second, claim);
		ranking.count++;
	}
	return ranking;
}

/* Who holds the SPI stays ahead when scores are equal; it is no evidence. */
static bool is_believed(const struct spinat *engine, uint32_t number,
    const struct claim *claim, const struct claim *next, unsigned count)
{
	struct evidence evidence;
	deciban rows[SCORE_ROWS], own;

	if (claim == NULL)
		return false;
	probation_evidence(engine, number, claim, &evidence);
	own = score(&evidence, rows) - rows[SCORE_HOLDS];
	return score_of_traffic(rows) >= SCORE_OF_TRAFFIC &&
	    (next == NULL || own - next->score >= score_believed(count));
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

static bool share(
    struct spinat *engine, uint32_t number, const struct ranking *ranking)
{
	const struct binding *binding = binding_at(engine, number);
	const uint32_t holder = engine->table.flows[binding->flow].peer;

	if (binding->why != WHY_SEQUENCE || ranking->other == NULL ||
	    binding->moments < BELIEVED_MOMENTS ||
	    !is_believed(engine, number, ranking->other, ranking->other_second,
		ranking->count))
		return false;
	for (uint32_t c = binding->claims; c != 0;
	     c = claim_at(engine, c)->next) {
		struct claim *claim = claim_at(engine, c);
		claim->owner = claim == ranking->other || claim->peer == holder;
	}
	(void)association_pair(
	    engine, ranking->other->peer, tick_of(binding->seen));
	confirm_shared(engine, binding->flow);
	return true;
}

/* Gives the SPI to whom it is most likely to be, and confirms it if that is
 * certain.  True: it is in probation no more. */
static bool decide(struct spinat *engine, uint32_t number)
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
	    is_believed(
		engine, number, ranking.first, ranking.second, ranking.count) &&
	    ranking.count > 1;
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

/* --------------------------------------------------------------- copies */

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

static void give_copy(
    struct spinat *engine, struct claim *claim, struct copies *copies)
{
	copies->hosts[copies->count++] = claim->inside;
	claim->copies++;
	engine->peers.peers[claim->peer].copied = engine->now;
	give(engine, claim);
}

/* Of how many packets the holder gets all but one: few if it never answers, and
 * many if it is well ahead. */
static unsigned turns_of_holder(
    const struct claim *holder, struct claim *const others[], unsigned count)
{
	if (holder->turns.packets[1] >= SILENT_PACKETS &&
	    holder->turns.answers[1] == 0)
		return 2;
	for (unsigned i = 0; i < count; i++)
		if (holder->score - others[i]->score < WELL_AHEAD)
			return 8;
	return 32;
}

/* The others get what they get by lot. */
static void take_turns(struct spinat *engine, struct claim *holder,
    struct claim *const others[], unsigned count, struct copies *copies)
{
	const uint32_t drawn = random_below(
	    &engine->random, turns_of_holder(holder, others, count) * count);
	struct claim *served = drawn < count ? others[drawn] : holder;

	for (unsigned i = 0; i < count; i++)
		turns_packet(
		    &others[i]->turns, others[i] == served, engine->now);
	turns_packet(&holder->turns, holder == served, engine->now);
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
static void choose_copies(
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
		else if (counts(engine, binding, claim) &&
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
		give(engine, holder);
	for (unsigned i = 0; i < wanted; i++)
		give_copy(engine, others[(remote->rotor + i) % count], copies);
	remote->rotor = (uint16_t)(remote->rotor + wanted);
	binding->copies += wanted;
	engine->stats.copies += wanted;
}

/* Several chose this SPI: all of them get all of it, as long as they live. */
static void copy_to_owners(
    struct spinat *engine, uint32_t number, be32 sender, struct copies *copies)
{
	struct binding *binding = binding_at(engine, number);
	const uint32_t holder = engine->table.flows[binding->flow].peer;

	for (uint32_t c = binding->claims; c != 0;
	     c = claim_at(engine, c)->next) {
		struct claim *claim = claim_at(engine, c);
		if (!claim->owner || claim->peer == holder ||
		    copies->count == COPIES_MOST ||
		    !counts(engine, binding, claim) ||
		    be32_equal(claim->inside, sender))
			continue;
		copies->hosts[copies->count++] = claim->inside;
		claim->copies++;
		binding->copies++;
		engine->stats.copies++;
	}
}

/* --------------------------------------------------------------- events */

static void note_packet(struct spinat *engine, uint32_t number, uint16_t size)
{
	struct binding *binding = binding_at(engine, number);

	binding->packets++;
	if (engine->now - binding->last >= MOMENT)
		binding->moments++;
	binding->last = engine->now;
	binding->size_before = binding->size;
	binding->size = size;
	sizes_note(&binding->sizes, size);
	for (uint32_t c = binding->claims; c != 0;
	     c = claim_at(engine, c)->next)
		timing_end(&claim_at(engine, c)->prompts, engine->now);
}

uint32_t probation_received(struct spinat *engine, uint32_t flow, uint16_t size,
    be32 sender, struct copies *copies)
{
	const struct key key =
	    flow_key(&engine->table.flows[flow], SPINAT_OUTSIDE);
	const uint32_t number = engine->table.flows[flow].binding;
	struct binding *binding = binding_at(engine, number);

	if (engine->table.flows[flow].state == FLOW_SHARED) {
		copy_to_owners(engine, number, sender, copies);
		return flow;
	}
	binding->sender = sender;
	note_packet(engine, number, size);
	if (binding->packets <= WEIGHED_PACKETS ||
	    tick_of(binding->looked) != engine->tick) {
		update_claims(engine, number, sender);
		if (decide(engine, number))
			return flow_table_find(&engine->table, &key,
			    key_hash(&engine->table.seed, &key));
	}
	choose_copies(engine, number, sender, copies);
	return binding->flow;
}

void probation_fell_back(
    struct spinat *engine, uint32_t flow, uint32_t sequence)
{
	const struct remote *remote =
	    remote_of(engine, engine->table.flows[flow].peer);
	struct binding *binding;

	if (remote->peer_count < 2 ||
	    !confirm_doubt(engine, flow, WHY_SEQUENCE))
		return;
	binding = binding_at(engine, engine->table.flows[flow].binding);
	binding->first_sequence = sequence;
}

/* An answer as long as the SPI's packet, when that length has just changed. */
static bool is_echo(
    const struct binding *binding, const struct claim *claim, uint16_t size)
{
	return claim->answers.begun != 0 && size == binding->size &&
	    binding->size_before != 0 && claim->sent_size != 0 &&
	    binding->size != binding->size_before && claim->sent_size != size;
}

static void note_sent(
    struct spinat *engine, uint32_t number, be32 inside, uint16_t size)
{
	struct binding *binding = binding_at(engine, number);
	const uint32_t c = binding_claim(&engine->bindings, number, inside);
	struct claim *claim = claim_at(engine, c);

	if (c == 0)
		return;
	claim->sent++;
	sizes_note(&claim->sizes, size);
	if (engine->now - binding->last < NEAR_SPAN)
		claim->near++;
	if (is_echo(binding, claim, size) && claim->echoes < UINT16_MAX)
		claim->echoes++;
	claim->sent_size = size;
	turns_sent(&claim->turns, engine->now);
	timing_begin(&claim->prompts, engine->now);
	if (claim->answers.begun == 0)
		return;
	timing_end(&claim->answers, engine->now);
	if (tick_of(binding->looked) != engine->tick)
		update_claims(engine, number, binding->sender);
	(void)decide(engine, number);
}

/* A host's new SA with this remote stays without an inbound SPI: one of those
 * that came since it was agreed may be its own. */
static void doubt_others(struct spinat *engine, uint32_t number, tick agreed)
{
	const struct peer *peers = engine->peers.peers;
	const struct flow *flows = engine->table.flows;

	/* What is in probation anyway may be it. */
	for (uint32_t b = remote_of(engine, number)->probation; b != 0;
	     b = binding_at(engine, b)->next)
		if ((int32_t)(tick_of(binding_at(engine, b)->seen) - agreed) >=
		    -(int32_t)tick_span(SPINAT_SECOND))
			return;

	for (uint32_t p = remote_of(engine, number)->peers; p != 0;
	     p = peers[p].next)
		for (uint32_t f = p == number ? 0 : peers[p].flows; f != 0;
		     f = flows[f].group_next)
			if (flows[f].state == FLOW_CONFIRMED &&
			    flow_kind(&flows[f]) == SPINAT_FLOW_ESP_IN &&
			    (int32_t)(flows[f].created - agreed) >=
				-(int32_t)tick_span(SPINAT_SECOND))
				(void)confirm_doubt(engine, f, WHY_UNPAIRED);
}

static bool is_power_of_two(uint64_t number)
{
	return (number & (number - 1)) == 0;
}

static void note_unpaired(struct spinat *engine, uint32_t number)
{
	const struct flow *flow = &engine->table.flows[number];
	const uint64_t packets = flow_counter_packets(
	    &engine->table.counters[SPINAT_INSIDE][number]);
	const struct expect *hint = expect_best(
	    &engine->peers.peers[flow->peer].expects, flow->created);

	if (packets >= UNPAIRED_PACKETS && is_power_of_two(packets) &&
	    hint != NULL && hint->strength == EXPECT_STRONG &&
	    engine->tick - flow->created >= tick_span(UNPAIRED_SPAN))
		doubt_others(engine, flow->peer, hint->opened);
}

void probation_sent(struct spinat *engine, uint32_t flow, uint16_t size)
{
	const uint32_t peer = engine->table.flows[flow].peer;
	const be32 inside = engine->peers.peers[peer].inside;
	uint32_t next;

	for (uint32_t b = remote_of(engine, peer)->probation; b != 0;
	     b = next) {
		next = binding_at(engine, b)->next;
		note_sent(engine, b, inside, size);
	}
	if (engine->table.flows[flow].awaits)
		note_unpaired(engine, flow);
}

static bool has_just_agreed(const struct spinat *engine, uint32_t peer)
{
	const struct expect *hint =
	    expect_best(&engine->peers.peers[peer].expects, engine->tick);

	return hint != NULL &&
	    engine->tick - hint->opened < tick_span(AGREED_SPAN);
}

void probation_spoke(struct spinat *engine, uint32_t peer, bool informational)
{
	const be32 inside = engine->peers.peers[peer].inside;
	uint32_t next;

	for (uint32_t b = remote_of(engine, peer)->probation; b != 0;
	     b = next) {
		const struct binding *binding = binding_at(engine, b);
		const uint32_t c = binding_claim(&engine->bindings, b, inside);
		struct claim *claim = claim_at(engine, c);

		next = binding->next;
		if (c == 0)
			continue;
		if (informational && claim->copied != 0 &&
		    engine->now - claim->copied < OBJECT_SPAN &&
		    engine->table.flows[binding->flow].peer != peer &&
		    !has_just_agreed(engine, peer))
			claim->objected = true;
		if (binding->claim_count != 1)
			continue;
		update_claims(engine, b, binding->sender);
		(void)decide(engine, b);
	}
}

bool probation_refuted(struct spinat *engine, be32 public_address, be32 remote,
    be32 inside, be32 spi)
{
	const struct key key = {
	    .protocol = IPPROTO_ESP,
	    .kind = KEY_OUTSIDE_SPI_IN,
	    .local = public_address,
	    .remote = remote,
	    .ids.spi = spi,
	};
	const uint32_t peer =
	    peer_find(&engine->peers, inside, public_address, remote);
	const uint32_t flow = flow_table_find(
	    &engine->table, &key, key_hash(&engine->table.seed, &key));
	struct claim *claim;
	uint32_t binding, c;

	if (flow == 0 || peer == 0 || remote_of(engine, peer)->peer_count < 2)
		return false;
	if (engine->table.flows[flow].state != FLOW_PROBATION &&
	    (engine->table.flows[flow].peer != peer ||
		!confirm_doubt(engine, flow, WHY_REFUTED)))
		return engine->peers.peers[peer].copied != 0 &&
		    engine->now - engine->peers.peers[peer].copied <
		    PROVOKED_SPAN;
	binding = engine->table.flows[flow].binding;
	update_claims(engine, binding, (be32){0});
	c = binding_claim(&engine->bindings, binding, inside);
	if (c == 0)
		return false;
	claim = claim_at(engine, c);
	claim->refuted = true;
	claim->refuted_at = engine->tick;
	event_flow(engine, SPINAT_EVENT_REFUTED, flow, SPINAT_REASON_NONE,
	    "an inside host said that it does not own this SPI");
	return true;
}
