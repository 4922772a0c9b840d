/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/probation.h"

#include "event.h"
#include "ipsec/association.h"
#include "ipsec/claims.h"
#include "ipsec/confirm.h"
#include "ipsec/decide.h"
#include "ipsec/handout.h"

/* Packets for which the claims are weighed one by one; from then on only as
 * time goes by. */
#define WEIGHED_PACKETS 16u
/* Packets so near to each other are of one moment. */
#define MOMENT (SPINAT_SECOND / 1000)
/* What a host sends so soon after a packet of the SPI may have to do with it.
 */
#define NEAR_SPAN (SPINAT_SECOND / 16)
/* How soon after a copy a host speaks up that objects to it. */
#define OBJECT_SPAN (SPINAT_SECOND / 10)
/* ... unless it has just agreed on an SA, and deletes the old one. */
#define AGREED_SPAN (5 * SPINAT_SECOND)
/* A new outbound SPI without an inbound one for so long puts others in doubt.
 */
#define UNPAIRED_SPAN    (2 * SPINAT_SECOND)
#define UNPAIRED_PACKETS 8u

/* Of so many in a row of what one SA sends, so many came late or twice: that is
 * no network, but two SAs side by side. */
#define BEHIND_OF   64u
#define BEHIND_MANY 8u

static void note_packet(struct spinat *engine, uint32_t number, uint16_t size)
{
	struct binding *binding = binding_at(engine, number);

	binding->packets++;
	if (engine->now - binding->last >= MOMENT)
		binding->moments++;
	binding->last = engine->now;
	cover_packet(&binding->cover, engine->now);
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
		handout_owners(engine, number, sender, copies);
		return flow;
	}
	binding->sender = sender;
	note_packet(engine, number, size);
	if (binding->packets <= WEIGHED_PACKETS ||
	    tick_of(binding->looked) != engine->tick) {
		claims_update(engine, number, sender);
		if (decide(engine, number)) {
			flow = flow_table_find(&engine->table, &key,
			    key_hash(&engine->table.seed, &key));
			if (flow != 0 &&
			    engine->table.flows[flow].state == FLOW_SHARED)
				handout_owners(engine, number, sender, copies);
			return flow;
		}
	}
	handout_candidates(engine, number, sender, copies);
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
	binding = binding_of(engine, flow);
	binding->first_sequence = sequence;
}

void probation_fell_behind(
    struct spinat *engine, uint32_t flow, uint32_t sequence)
{
	struct binding *binding = binding_of(engine, flow);
	const uint32_t highest = engine->table.flows[flow].highest_sequence;

	if (highest - binding->behind_since > BEHIND_OF) {
		binding->behind_since = highest;
		binding->behind = 0;
	}
	if (binding->behind < BEHIND_MANY)
		binding->behind++;
	if (probation_is_of_two(binding) &&
	    engine->table.flows[flow].state == FLOW_CONFIRMED)
		probation_fell_back(engine, flow, sequence);
}

bool probation_is_of_two(const struct binding *binding)
{
	return binding->behind >= BEHIND_MANY;
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
	cover_packet(&claim->cover, engine->now);
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
		claims_update(engine, number, binding->sender);
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
		claims_update(engine, b, binding->sender);
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
		return association_was_given_copy(engine, peer);
	binding = engine->table.flows[flow].binding;
	claims_update(engine, binding, (be32){0});
	c = binding_claim(&engine->bindings, binding, inside);
	if (c == 0)
		return false;
	claim = claim_at(engine, c);
	claim->refuted = true;
	claim->refuted_at = engine->tick;
	event_refuted(engine, flow, inside,
	    "an inside host said that it does not own this SPI");
	return true;
}
