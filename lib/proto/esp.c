/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ESP (RFC 4303): the SPI is covered by the integrity check and stays; only one
 * address changes, and the IP header's checksum with it.
 *
 * Outward an SPI is learnt from the host's own first packet.  Inward it was
 * agreed inside encrypted IKE, so an unknown one is met when the remote first
 * uses it: bind_inbound() gives it to a candidate, and as long as that is not
 * certain, ipsec/probation.h says who else gets its packets.
 */
#include "event.h"
#include "ipsec/association.h"
#include "ipsec/confirm.h"
#include "ipsec/probation.h"
#include "ipsec/spi.h"
#include "timers.h"
#include "packet/rewrite.h"
#include "proto/copies.h"
#include "proto/identify.h"
#include "proto/ipsec.h"
#include "proto/proto.h"
#include "verdict.h"

/* A new outbound SPI: learnt exactly. */
static SLOW_PATH uint32_t learn_outbound(struct spinat *engine,
    const struct view *view, enum spinat_verdict *verdict)
{
	const uint32_t peer = ipsec_sender(engine, view, verdict);
	uint32_t number;

	if (peer == 0)
		return 0;
	number = spi_open(engine, peer, SPINAT_FLOW_ESP_OUT, view->key.ids.spi);
	if (number == 0) {
		peer_close_if_empty(&engine->peers, peer);
		*verdict = ipsec_refuse(engine, view, SPINAT_REASON_NO_FLOWS);
		return 0;
	}
	if (engine_is_public(engine, view_destination(view), NULL))
		engine->table.flows[number].flags |= FLOW_HAIRPIN;
	engine->peers.peers[peer].began = engine->now;
	/* An SA was agreed lately: an inbound SPI must belong to it. */
	engine->table.flows[number].awaits =
	    expect_best(&engine->peers.peers[peer].expects, engine->tick) !=
	    NULL;
	flow_set_gate(&engine->table.flows[number]);
	event_flow(engine, SPINAT_EVENT_CREATED, number, SPINAT_REASON_NONE,
	    (engine->table.flows[number].flags & FLOW_OWN) != 0
		? "learnt from the gateway's own packet"
		: "learnt from the inside host's own packet");
	return number;
}

/* Whether an unknown SPI may be looked into: a remote, or whoever forges its
 * address, has a budget, and what comes a second time a reserve. */
static bool is_admitted(
    struct spinat *engine, const struct view *view, uint32_t peer)
{
	struct remote *remote = remote_of(engine, peer);
	const uint32_t sequence =
	    be32_to_host(load_be32(view->l4 + ESP_SEQUENCE));

	return bucket_take(&remote->unknown, REMOTE_UNKNOWN, engine->tick) ||
	    (sketch_note(&engine->sketch, view->hash, sequence) &&
		bucket_take(&remote->reserve, REMOTE_RESERVE, engine->tick));
}

static uint32_t open_inbound(struct spinat *engine, const struct view *view,
    const struct candidates *candidates)
{
	const uint32_t peer = candidates->latest;
	const uint32_t surplus =
	    association_surplus_probation(engine, engine->peers.peers[peer].of);
	const enum binding_why why =
	    candidates->count == 1 ? candidates->why : WHY_LEADS;
	struct binding *binding;
	uint32_t number;

	if (surplus != 0)
		timers_end_flow(engine, surplus, SPINAT_REASON_EVICTED);
	number = spi_open(engine, peer, SPINAT_FLOW_ESP_IN, view->key.ids.spi);
	if (number == 0)
		return 0;
	if (!confirm_begin(engine, number, why)) {
		timers_end_flow(engine, number, SPINAT_REASON_EVICTED);
		return 0;
	}
	binding = binding_of(engine, number);
	binding->first_sequence =
	    be32_to_host(load_be32(view->l4 + ESP_SEQUENCE));
	if (candidates->count == 1)
		association_paired(engine, peer);
	event_flow(engine, SPINAT_EVENT_BOUND, number, SPINAT_REASON_NONE,
	    binding_why_text(why));
	return number;
}

/* An inbound SPI that is not known. */
static SLOW_PATH uint32_t bind_inbound(struct spinat *engine,
    const struct view *view, be32 sender, enum spinat_verdict *verdict)
{
	struct candidates candidates;
	uint32_t number;

	if (!engine_is_public(engine, view_destination(view), NULL)) {
		*verdict = verdict_pass(engine, view, SPINAT_REASON_NOT_FOR_US);
		return 0;
	}
	candidates = association_candidates(
	    engine, view_destination(view), view_source(view), sender);
	if (candidates.count == 0) {
		*verdict = ipsec_unknown(
		    engine, view, sender, SPINAT_REASON_ESP_UNKNOWN);
		return 0;
	}
	if (!is_admitted(engine, view, candidates.latest)) {
		*verdict = ipsec_refuse(engine, view, SPINAT_REASON_BUDGET);
		return 0;
	}
	number = open_inbound(engine, view, &candidates);
	if (number == 0) {
		peer_close_if_empty(&engine->peers, candidates.latest);
		*verdict = ipsec_refuse(engine, view, SPINAT_REASON_NO_FLOWS);
		return 0;
	}
	return number;
}

/* One that was not guessed: looked up in full, or its SPI is new. */
static SLOW_PATH uint32_t find_or_learn(struct spinat *engine,
    const struct view *view, be32 sender, enum spinat_verdict *verdict)
{
	const uint32_t number =
	    flow_table_find(&engine->table, &view->key, view->hash);

	if (number != 0)
		return number;
	return view->side == SPINAT_INSIDE
	    ? learn_outbound(engine, view, verdict)
	    : bind_inbound(engine, view, sender, verdict);
}

/* A sequence number that falls back so far is no reordering: another SA that
 * happens to have the same SPI has begun, or its owner has anew. */
#define FALLEN_BACK     128u
#define FALLEN_BACK_FAR 4096u

static bool has_fallen_back(const struct flow *flow, uint32_t sequence)
{
	const uint32_t behind = flow->highest_sequence - sequence;

	return behind > FALLEN_BACK &&
	    (sequence <= SEQUENCE_FRESH || behind > FALLEN_BACK_FAR);
}

static inline void follow_sequence(
    struct spinat *engine, uint32_t number, uint32_t sequence, bool first)
{
	struct flow *flow = &engine->table.flows[number];

	/* The first one counts as it is: the SA may be older than the flow. */
	if (LIKELY((int32_t)(sequence - flow->highest_sequence) > 0 || first)) {
		flow->highest_sequence = sequence;
	} else if (UNLIKELY(has_fallen_back(flow, sequence)) &&
	    flow->state == FLOW_CONFIRMED &&
	    flow_kind(flow) == SPINAT_FLOW_ESP_IN) {
		flow->highest_sequence = sequence;
		probation_fell_back(engine, number, sequence);
	} else if (flow_kind(flow) == SPINAT_FLOW_ESP_IN &&
	    flow->binding != 0) {
		probation_fell_behind(engine, number, sequence);
	}
}

/* Whose SPI it is, is not certain, or is for several. */
static SLOW_PATH uint32_t take_uncertain(struct spinat *engine,
    const struct view *view, uint32_t number, be32 sender)
{
	struct copies *copies = &engine->copies;

	number =
	    probation_received(engine, number, view->ip_length, sender, copies);
	copies_spare_gateway(copies, view_destination(view),
	    engine->table.flows[number].side[SPINAT_INSIDE].local);
	copies_send(engine, view, copies);
	return number;
}

static enum spinat_verdict give_instead(
    struct spinat *engine, const struct view *view)
{
	const be32 host = engine->copies.instead;

	if (be32_equal(host, view_destination(view)))
		return verdict_pass(engine, view, SPINAT_REASON_OWN_TRAFFIC);
	rewrite_addresses(view->ip, view_source(view), host);
	return verdict_translated(engine, view, SPINAT_INSIDE);
}

static enum spinat_verdict take(
    struct spinat *engine, struct view *view, be32 sender);

/* The gateway's own is passed; a hairpin goes in again. */
static SLOW_PATH enum spinat_verdict end_special(
    struct spinat *engine, struct view *view, const struct flow *flow)
{
	if ((flow->flags & FLOW_OWN) != 0)
		return verdict_pass(engine, view, SPINAT_REASON_OWN_TRAFFIC);
	rewrite_packet(view, flow, view->side);
	identify(engine, view);
	ipsec_turn_inward(view);
	view->hash = key_hash(&engine->table.seed, &view->key);
	return take(engine, view, flow->side[SPINAT_INSIDE].local);
}

static enum spinat_verdict take(
    struct spinat *engine, struct view *view, be32 sender)
{
	const enum spinat_side seen = view->side;
	uint32_t number = view->guess;
	struct flow_counter *counter;
	struct flow *flow;

	if (UNLIKELY(number == 0 ||
		!flow_same(&engine->table, number, &view->key))) {
		enum spinat_verdict verdict = SPINAT_DROPPED;
		number = find_or_learn(engine, view, sender, &verdict);
		if (number == 0)
			return verdict;
	}
	counter = &engine->table.counters[seen][number];
	follow_sequence(engine, number,
	    be32_to_host(load_be32(view->l4 + ESP_SEQUENCE)),
	    flow_counter_packets(counter) == 0);
	flow_count(counter, view->ip_length, engine->tick);
	flow = &engine->table.flows[number];
	if (UNLIKELY(
		flow->state == FLOW_PROBATION || flow->state == FLOW_SHARED)) {
		number = take_uncertain(engine, view, number, sender);
		if (number == 0)
			return verdict_refuse(
			    engine, view, SPINAT_REASON_NO_FLOWS);
		flow = &engine->table.flows[number];
		if (!be32_is_zero(engine->copies.instead))
			return give_instead(engine, view);
	} else if (UNLIKELY(seen == SPINAT_INSIDE &&
		       (engine->bindings.in_probation != 0 || flow->awaits))) {
		probation_sent(engine, number, view->ip_length);
	}
	if (UNLIKELY((flow->flags & (FLOW_HAIRPIN | FLOW_OWN)) != 0))
		return end_special(engine, view, flow);
	rewrite_packet(view, flow, seen);
	identify(engine, view);
	return verdict_translated(engine, view, !seen);
}

enum spinat_verdict esp_packet(struct spinat *engine, struct view *view)
{
	copies_none(engine);
	return take(engine, view, (be32){0});
}
