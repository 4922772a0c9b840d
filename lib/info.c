/* SPDX-License-Identifier: BSD-2-Clause */
#include "info.h"

#include "ipsec/association.h"
#include "ipsec/ike_port.h"
#include "ipsec/rivals.h"
#include "lifetime.h"

/* What is known of whose an SPI is. */
static void explain(const struct spinat *engine, const struct flow *flow,
    struct spinat_flow_info *info)
{
	const struct binding *binding =
	    &engine->bindings.bindings[flow->binding];

	if (flow_kind(flow) == SPINAT_FLOW_ESP_OUT) {
		info->why = (flow->flags & FLOW_OWN) != 0
		    ? "learnt from the gateway's own packet"
		    : "learnt from the inside host's own packet";
		return;
	}
	info->candidates = 1;
	info->why = binding_why_text(WHY_ANSWERED);
	if (flow->binding == 0)
		return;
	info->why = binding_why_text((enum binding_why)binding->why);
	info->copies = binding->copies;
	if (binding->claim_count > 1)
		info->candidates = binding->claim_count;
}

void info_of_flow(
    const struct spinat *engine, uint32_t number, struct spinat_flow_info *info)
{
	const struct flow_table *table = &engine->table;
	const struct flow *flow = &table->flows[number];
	const struct flow_side *in = &flow->side[SPINAT_INSIDE];
	const struct flow_side *out = &flow->side[SPINAT_OUTSIDE];

	*info = (struct spinat_flow_info){
	    .id = number,
	    .kind = (uint8_t)flow_kind(flow),
	    .protocol = flow->protocol,
	    .hairpin = (flow->flags & FLOW_HAIRPIN) != 0,
	    .redirected = (flow->flags & FLOW_REDIRECTED) != 0,
	    .state = flow_state_name(flow->state),
	    .inside.address = in->local,
	    .public_end.address = out->local,
	    .remote.address = out->remote,
	    .remote_seen.address = in->remote,
	    .created = tick_to_time(flow->created, engine->now),
	    .expires =
		tick_to_time(lifetime_of_flow(engine, number), engine->now),
	    .open = {(flow->gate & FLOW_OPEN_INSIDE) != 0,
		(flow->gate & FLOW_OPEN_OUTSIDE) != 0},
	};
	if (flow_kind(flow) != SPINAT_FLOW_SESSION) {
		info->spi = in->ids.spi;
		info->sequence = flow->highest_sequence;
		explain(engine, flow, info);
	} else if (port_class_has(flow->protocol)) {
		info->inside.port = in->ids.port.local;
		info->public_end.port = out->ids.port.local;
		info->remote.port = out->ids.port.remote;
		info->remote_seen.port = in->ids.port.remote;
	}
	for (int side = 0; side < 2; side++) {
		const struct flow_counter *counter =
		    &table->counters[side][number];
		tick last;
		info->packets[side] = flow_counter_packets(counter);
		info->bytes[side] = flow_counter_bytes(counter);
		if (flow_table_last(table, number, (enum spinat_side)side,
			engine->tick, &last))
			info->last_seen[side] = tick_to_time(last, engine->now);
	}
}

void info_of_ike(
    const struct spinat *engine, uint32_t number, struct spinat_ike_info *info)
{
	const struct ike_sa *sa = &engine->ikes.sas[number];

	*info = (struct spinat_ike_info){
	    .id = number,
	    .inside = sa->inside,
	    .public_address = sa->public_address,
	    .remote = sa->remote,
	    .version = sa->version,
	    .inside_initiated = sa->inside_initiated,
	    .floated = sa->floated,
	    .public_port = ike_port_of(engine, sa),
	    .state = ike_state_name(sa->state),
	    .created = tick_to_time(sa->created, engine->now),
	    .expires =
		tick_to_time(lifetime_of_ike(engine, number), engine->now),
	};
	memcpy(info->initiator_spi, sa->initiator, 8);
	memcpy(info->responder_spi, sa->responder, 8);
	for (int side = 0; side < 2; side++) {
		info->packets[side] = sa->packets[side];
		if (sa->packets[side] != 0)
			info->last_seen[side] =
			    tick_to_time(sa->last[side], engine->now);
	}
}

static void describe_rivals(const struct spinat *engine,
    const struct peer *peer, struct spinat_peer_info *info)
{
	const struct single *single = rivals_evidence(engine, peer->remote);

	if (single == NULL)
		return;
	info->moved =
	    peer->astray && !peer->redirected && !engine->config.ipsec_spread;
	info->endings = single->endings;
	info->ended = single->ended;
	info->rival = single->rival;
	info->ended_at = tick_to_time(single->last, engine->now);
}

void info_of_peer(
    const struct spinat *engine, uint32_t number, struct spinat_peer_info *info)
{
	const struct peer *peer = &engine->peers.peers[number];

	*info = (struct spinat_peer_info){
	    .id = number,
	    .inside = peer->inside,
	    .public_address = peer->public_address,
	    .remote = peer->remote,
	    .redirected = peer->redirected,
	    .ike_count = peer->ike_count,
	    .out_count = peer->out_count,
	    .in_count = peer->in_count,
	    .created = tick_to_time(peer->created, engine->now),
	};
	info->candidate = association_is_candidate(engine, number, &info->why);
	describe_rivals(engine, peer, info);
	for (uint32_t f = peer->flows; f != 0;
	     f = engine->table.flows[f].group_next) {
		struct spinat_flow_info flow;
		info_of_flow(engine, f, &flow);
		for (int side = 0; side < 2; side++) {
			info->packets[side] += flow.packets[side];
			info->bytes[side] += flow.bytes[side];
			if (flow.last_seen[side] > info->last_seen[side])
				info->last_seen[side] = flow.last_seen[side];
		}
	}
}

/* Slots that one step of a walk looks at. */
#define WALK_STEP 256u

/* Moves the cursor to the next live record. */
static enum spinat_walk walk(const struct spinat *engine, uint32_t *cursor,
    uint32_t highest, bool (*is_live)(const struct spinat *, uint32_t))
{
	for (unsigned looked = 0; looked < WALK_STEP; looked++) {
		if (*cursor >= highest)
			return SPINAT_WALK_END;
		if (is_live(engine, ++*cursor))
			return SPINAT_WALK_FOUND;
	}
	return SPINAT_WALK_ON;
}

static bool is_live_flow(const struct spinat *engine, uint32_t number)
{
	return flow_is_live(&engine->table.flows[number]);
}

static bool is_live_ike(const struct spinat *engine, uint32_t number)
{
	return engine->ikes.sas[number].live;
}

static bool is_live_peer(const struct spinat *engine, uint32_t number)
{
	return engine->peers.peers[number].live;
}

enum spinat_walk spinat_next_flow(const struct spinat *engine, uint32_t *cursor,
    struct spinat_flow_info *info)
{
	const enum spinat_walk step =
	    walk(engine, cursor, engine->table.highest, is_live_flow);

	if (step == SPINAT_WALK_FOUND)
		info_of_flow(engine, *cursor, info);
	return step;
}

enum spinat_walk spinat_next_ike(
    const struct spinat *engine, uint32_t *cursor, struct spinat_ike_info *info)
{
	const enum spinat_walk step =
	    walk(engine, cursor, engine->ikes.highest, is_live_ike);

	if (step == SPINAT_WALK_FOUND)
		info_of_ike(engine, *cursor, info);
	return step;
}

enum spinat_walk spinat_next_peer(const struct spinat *engine, uint32_t *cursor,
    struct spinat_peer_info *info)
{
	const enum spinat_walk step =
	    walk(engine, cursor, engine->peers.highest, is_live_peer);

	if (step == SPINAT_WALK_FOUND)
		info_of_peer(engine, *cursor, info);
	return step;
}

void spinat_get_stats(const struct spinat *engine, struct spinat_stats *stats)
{
	*stats = engine->stats;
	stats->flows = engine->table.live;
	stats->max_flows = engine->table.max;
	stats->mappings = engine->table.mappings.used / 2;
	stats->ike = engine->ikes.live;
	stats->max_ike = engine->ikes.max;
	stats->peers = engine->peers.live;
	stats->max_peers = engine->peers.max;
	stats->fragments_held = engine->fragments.held;
	stats->probation = engine->bindings.in_probation;
}
