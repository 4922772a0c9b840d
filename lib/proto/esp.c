/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ESP (RFC 4303): the SPI is covered by the integrity check and stays; only one
 * address changes, and the IP header's checksum with it.
 *
 * Outward an SPI is learnt from the host's own first packet.  Inward it was
 * agreed inside encrypted IKE, so an unknown one is met when the remote first
 * uses it, and association_choose() says whose it may be.  With one candidate
 * it is bound at once.  (Several candidates of one remote are the place where
 * scoring and probation belong: bind_inbound().)
 */
#include "event.h"
#include "ipsec/association.h"
#include "timers.h"
#include "packet/rewrite.h"
#include "proto/ipsec.h"
#include "proto/proto.h"
#include "verdict.h"

/* Makes the flow of one SPI under an association. */
static uint32_t open_spi(struct spinat *engine, uint32_t number_of_peer,
    enum spinat_flow_kind kind, be32 spi)
{
	struct flow_table *table = &engine->table;
	const struct peer *peer = &engine->peers.peers[number_of_peer];
	struct flow *flow;
	uint32_t number, surplus;

	surplus = association_surplus_flow(engine, number_of_peer, kind);
	if (surplus != 0)
		timers_end_flow(engine, surplus, SPINAT_REASON_EVICTED);
	number = flow_table_take(table);
	if (number == 0)
		return 0;
	flow = &table->flows[number];
	for (int side = 0; side < 2; side++) {
		flow->side[side].remote = peer->remote;
		flow->side[side].ids.spi = spi;
	}
	flow->side[SPINAT_INSIDE].local = peer->inside;
	flow->side[SPINAT_OUTSIDE].local = peer->public_address;
	flow->protocol = IPPROTO_ESP;
	flow->key_kind =
	    kind == SPINAT_FLOW_ESP_IN ? KEY_INSIDE_SPI_IN : KEY_INSIDE;
	flow->flags = peer->redirected ? FLOW_REDIRECTED : 0;
	flow->peer = number_of_peer;
	flow->created = engine->tick;
	flow_set_deltas(flow);
	if (kind == SPINAT_FLOW_ESP_IN) {
		flow->origin = SPINAT_OUTSIDE;
		flow->state = FLOW_BOUND;
	} else {
		flow->origin = SPINAT_INSIDE;
		flow->state = association_is_paired(engine, number_of_peer)
		    ? FLOW_PAIRED
		    : FLOW_UNPAIRED;
	}
	if (!flow_table_publish(table, number)) {
		flow_table_put_back(table, number);
		return 0;
	}
	association_add_flow(engine, number);
	if (kind == SPINAT_FLOW_ESP_IN)
		association_paired(engine, number_of_peer);
	timers_flow_changed(engine, number);
	engine->stats.flows_created++;
	return number;
}

/* A new outbound SPI: learnt exactly. */
static SLOW_PATH uint32_t learn_outbound(struct spinat *engine,
    const struct view *view, enum spinat_verdict *verdict)
{
	const uint32_t peer = ipsec_sender(engine, view, verdict);
	uint32_t number;

	if (peer == 0)
		return 0;
	number = open_spi(engine, peer, SPINAT_FLOW_ESP_OUT, view->key.ids.spi);
	if (number == 0) {
		peer_close_if_empty(&engine->peers, peer);
		*verdict = verdict_refuse(engine, view, SPINAT_REASON_NO_FLOWS);
		return 0;
	}
	if (engine_is_public(engine, view_destination(view), NULL))
		engine->table.flows[number].flags |= FLOW_HAIRPIN;
	event_flow(engine, SPINAT_EVENT_CREATED, number, SPINAT_REASON_NONE,
	    "learnt from the inside host's own packet");
	return number;
}

/* An inbound SPI that is not known. */
static SLOW_PATH uint32_t bind_inbound(struct spinat *engine,
    const struct view *view, be32 sender, enum spinat_verdict *verdict)
{
	const char *why = NULL;
	uint32_t peer = 0, number;

	if (!engine_is_public(engine, view_destination(view), NULL)) {
		*verdict = verdict_pass(engine, view, SPINAT_REASON_NOT_FOR_US);
		return 0;
	}
	switch (association_choose_for_spi(engine, view_destination(view),
	    view_source(view), sender, &peer, &why)) {
	case ASSOCIATION_NONE:
		*verdict = ipsec_unknown(
		    engine, view, sender, SPINAT_REASON_ESP_UNKNOWN);
		return 0;
	case ASSOCIATION_SEVERAL:
		*verdict =
		    verdict_refuse(engine, view, SPINAT_REASON_ESP_AMBIGUOUS);
		return 0;
	case ASSOCIATION_ONE:
		break;
	}
	number = open_spi(engine, peer, SPINAT_FLOW_ESP_IN, view->key.ids.spi);
	if (number == 0) {
		peer_close_if_empty(&engine->peers, peer);
		*verdict = verdict_refuse(engine, view, SPINAT_REASON_NO_FLOWS);
		return 0;
	}
	event_flow(engine, SPINAT_EVENT_BOUND, number, SPINAT_REASON_NONE, why);
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

static enum spinat_verdict take(
    struct spinat *engine, struct view *view, be32 sender)
{
	const enum spinat_side seen = view->side;
	uint32_t number = view->guess;
	uint32_t sequence;
	struct flow *flow;

	if (UNLIKELY(number == 0 ||
		!flow_same(&engine->table, number, &view->key))) {
		enum spinat_verdict verdict = SPINAT_DROPPED;
		number = find_or_learn(engine, view, sender, &verdict);
		if (number == 0)
			return verdict;
	}
	flow = &engine->table.flows[number];
	sequence = be32_to_host(load_be32(view->l4 + ESP_SEQUENCE));
	/* The first one counts as it is: the SA may be older than the flow. */
	if ((int32_t)(sequence - flow->highest_sequence) > 0 ||
	    flow_counter_packets(&engine->table.counters[seen][number]) == 0)
		flow->highest_sequence = sequence;
	flow_count(&engine->table.counters[seen][number], view->ip_length,
	    engine->tick);
	rewrite_packet(view, flow, seen);
	if (UNLIKELY((flow->flags & FLOW_HAIRPIN) != 0)) {
		const be32 inside = flow->side[SPINAT_INSIDE].local;
		ipsec_turn_inward(view);
		view->hash = key_hash(&engine->table.seed, &view->key);
		return take(engine, view, inside);
	}
	return verdict_translated(engine, view, !seen);
}

enum spinat_verdict esp_packet(struct spinat *engine, struct view *view)
{
	return take(engine, view, (be32){0});
}
