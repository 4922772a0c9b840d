/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions: TCP, UDP and ICMP queries by address and port (or identifier), any
 * other protocol by address alone.
 *
 * A packet that matches no flow opens one, if it may: outward always (policy
 * and room permitting), inward by a static rule, or under endpoint-independent
 * filtering by the mapping it hits.  From the inside to a public address of
 * ours it is a hairpin: both ends are translated.
 */
#include "timers.h"
#include "packet/parse.h"
#include "packet/rewrite.h"
#include "event.h"
#include "proto/natt.h"
#include "proto/proto.h"
#include "proto/session.h"
#include "verdict.h"

/* What a new flow is to be. */
struct opening {
	struct flow_side side[2];
	uint8_t protocol, flags;
	enum spinat_side origin;
	uint32_t sibling; /* join the mapping of this flow */
	bool owns_port;   /* a port was reserved for it: open a mapping */
	unsigned public_number;
};

static struct key key_of(const struct opening *opening, enum spinat_side side)
{
	return (struct key){
	    .protocol = opening->protocol,
	    .kind = (uint8_t)side,
	    .local = opening->side[side].local,
	    .remote = opening->side[side].remote,
	    .ids = opening->side[side].ids,
	};
}

static bool is_taken(const struct spinat *engine, const struct key *key)
{
	const uint64_t hash = key_hash(&engine->table.seed, key);

	index_prefetch(&engine->table.index, hash);
	index_prefetch_other(&engine->table.index, hash);
	return flow_table_find(&engine->table, key, hash) != 0;
}

static void release_port(struct spinat *engine, const struct opening *opening)
{
	if (opening->owns_port)
		ports_release(&engine->ports, opening->public_number,
		    port_class_of(opening->protocol),
		    be16_to_host(opening->side[SPINAT_OUTSIDE].ids.port.local));
}

/* Makes the flow; on failure nothing of it is left. */
static enum spinat_reason open_flow(
    struct spinat *engine, const struct opening *opening, uint32_t *number)
{
	struct flow_table *table = &engine->table;
	const struct key other = key_of(opening, !opening->origin);
	enum spinat_reason reason = SPINAT_REASON_NO_FLOWS;
	struct flow made = {
	    .protocol = opening->protocol,
	    .flags = opening->flags,
	    .origin = (uint8_t)opening->origin,
	    .state = FLOW_NEW,
	    .public_number = (uint16_t)opening->public_number,
	    .created = engine->tick,
	};

	/* By the side it came from the packet matched nothing; the other side's
	 * tuple may be taken all the same. */
	if (is_taken(engine, &other)) {
		reason = SPINAT_REASON_CONFLICT;
		goto fail;
	}
	memcpy(made.side, opening->side, sizeof made.side);
	flow_set_deltas(&made);
	*number = flow_table_add(table, &made);
	if (*number == 0)
		goto fail;
	if (opening->sibling != 0) {
		mapping_join(table, *number, opening->sibling);
	} else if (opening->owns_port && !mapping_open(table, *number)) {
		flow_table_end(table, *number);
		goto fail;
	}
	timers_flow_changed(engine, *number);
	engine->stats.flows_created++;
	event_flow(
	    engine, SPINAT_EVENT_CREATED, *number, SPINAT_REASON_NONE, NULL);
	return SPINAT_REASON_NONE;

fail:
	release_port(engine, opening);
	return reason;
}

/* A public port for a new mapping of an inside endpoint. */
static bool draw_port(
    struct spinat *engine, struct opening *opening, be16 wanted)
{
	const struct spinat_config *config = &engine->config;
	const enum port_class class = port_class_of(opening->protocol);
	const uint16_t same = be16_to_host(wanted);
	const uint16_t low = class == PORT_ICMP ? 0 : config->port_low;
	const uint16_t high =
	    class == PORT_ICMP ? UINT16_MAX : config->port_high;
	uint16_t port;

	if (config->same_ports && same >= low && same <= high &&
	    ports_reserve(&engine->ports, opening->public_number, class, same))
		port = same;
	else if (!ports_draw(&engine->ports, opening->public_number, class,
		     &engine->random, low, high, &port))
		return false;
	opening->side[SPINAT_OUTSIDE].ids.port.local = be16_from_host(port);
	opening->owns_port = true;
	return true;
}

/* As what the inside endpoint appears outside: by a rule, by the mapping it
 * has, or by a new one. */
static enum spinat_reason choose_public(
    struct spinat *engine, struct opening *opening)
{
	struct flow_side *in = &opening->side[SPINAT_INSIDE];
	struct flow_side *out = &opening->side[SPINAT_OUTSIDE];
	const struct spinat_endpoint inside = {in->local, in->ids.port.local};
	const struct spinat_endpoint remote = {in->remote, in->ids.port.remote};
	struct spinat_endpoint public_end;

	if (redirect_outbound(&engine->redirects, opening->protocol, inside,
		remote, &public_end) != NULL) {
		opening->flags |= FLOW_REDIRECTED;
		out->local = public_end.address;
		out->ids.port.local = public_end.port;
		engine_is_public(engine, out->local, &opening->public_number);
		return SPINAT_REASON_NONE;
	}
	if (!port_class_has(opening->protocol)) {
		out->local = engine_public_of(engine, inside.address);
		engine_is_public(engine, out->local, &opening->public_number);
		return SPINAT_REASON_NONE;
	}
	opening->sibling =
	    mapping_of_inside(&engine->table, opening->protocol, inside);
	if (opening->sibling != 0) {
		const struct flow *sibling =
		    &engine->table.flows[opening->sibling];
		out->local = sibling->side[SPINAT_OUTSIDE].local;
		out->ids.port.local =
		    sibling->side[SPINAT_OUTSIDE].ids.port.local;
		opening->public_number = sibling->public_number;
		return SPINAT_REASON_NONE;
	}
	out->local = engine_public_of(engine, inside.address);
	engine_is_public(engine, out->local, &opening->public_number);
	if (opening->public_number >= engine->public_max) {
		/* A redirect_address of its own: nobody else's ports. */
		opening->flags |= FLOW_REDIRECTED;
		out->ids.port.local = inside.port;
		return SPINAT_REASON_NONE;
	}
	return draw_port(engine, opening, inside.port) ? SPINAT_REASON_NONE
						       : SPINAT_REASON_NO_PORTS;
}

/* Who stands behind a public endpoint, asked from the inside. */
static bool hairpin_target(const struct spinat *engine, uint8_t protocol,
    struct spinat_endpoint public_end, struct spinat_endpoint asker,
    struct spinat_endpoint *target)
{
	uint32_t flow;

	if (redirect_inbound(&engine->redirects, protocol, public_end, asker,
		target) != NULL)
		return true;
	/* A ping of the public address is the gateway's: its identifier is the
	 * asker's own, and says nothing of who is meant. */
	if (!port_class_has(protocol) || protocol == IPPROTO_ICMP)
		return false;
	flow = mapping_of_public(&engine->table, protocol, public_end);
	if (flow == 0)
		return false;
	*target = (struct spinat_endpoint){
	    engine->table.flows[flow].side[SPINAT_INSIDE].local,
	    engine->table.flows[flow].side[SPINAT_INSIDE].ids.port.local,
	};
	return true;
}

static void begin(struct opening *opening, const struct view *view)
{
	const enum spinat_side side = view->side;

	memset(opening, 0, sizeof *opening);
	opening->protocol = view->protocol;
	opening->origin = side;
	opening->side[side].local = view->key.local;
	opening->side[side].remote = view->key.remote;
	opening->side[side].ids = view->key.ids;
	opening->side[!side] = opening->side[side];
}

/* A packet from the inside that matches nothing.  0: *verdict is given. */
static uint32_t open_outward(struct spinat *engine, const struct view *view,
    enum spinat_verdict *verdict)
{
	const enum spinat_reason policy =
	    engine_inside_policy(engine, view_source(view));
	struct opening opening;
	enum spinat_reason reason;
	unsigned number;
	uint32_t flow = 0;

	if (policy != SPINAT_REASON_NONE) {
		*verdict = verdict_pass(engine, view, policy);
		return 0;
	}
	begin(&opening, view);
	if (engine_is_public(engine, view_destination(view), &number)) {
		const struct flow_side *in = &opening.side[SPINAT_INSIDE];
		struct flow_side *out = &opening.side[SPINAT_OUTSIDE];
		const struct spinat_endpoint to = {
		    in->remote, in->ids.port.remote};
		const struct spinat_endpoint from = {
		    in->local, in->ids.port.local};
		struct spinat_endpoint target;

		if (!hairpin_target(
			engine, view->protocol, to, from, &target)) {
			*verdict = verdict_pass(
			    engine, view, SPINAT_REASON_NO_FLOW_PASSED);
			return 0;
		}
		opening.flags |= FLOW_HAIRPIN;
		out->remote = target.address;
		if (view->protocol != IPPROTO_ICMP)
			out->ids.port.remote = target.port;
	}
	reason = choose_public(engine, &opening);
	if (reason == SPINAT_REASON_NONE)
		reason = open_flow(engine, &opening, &flow);
	if (reason != SPINAT_REASON_NONE) {
		*verdict = verdict_refuse(engine, view, reason);
		return 0;
	}
	if (view->protocol == IPPROTO_UDP)
		natt_session_opened(engine, view);
	return flow;
}

/* One from the outside. */
static uint32_t open_inward(struct spinat *engine, const struct view *view,
    enum spinat_verdict *verdict)
{
	const struct spinat_endpoint public_end = {
	    view->key.local, view->key.ids.port.local};
	const struct spinat_endpoint remote = {
	    view->key.remote, view->key.ids.port.remote};
	struct opening opening;
	struct spinat_endpoint inside;
	enum spinat_reason reason;
	uint32_t flow = 0;

	begin(&opening, view);
	if (!engine_is_public(
		engine, view_destination(view), &opening.public_number)) {
		*verdict = verdict_pass(engine, view, SPINAT_REASON_NOT_FOR_US);
		return 0;
	}
	if (redirect_inbound(&engine->redirects, view->protocol, public_end,
		remote, &inside) != NULL) {
		opening.flags |= FLOW_REDIRECTED;
	} else {
		if (port_class_has(view->protocol))
			opening.sibling = mapping_of_public(
			    &engine->table, view->protocol, public_end);
		if (opening.sibling == 0) {
			*verdict = verdict_unknown(
			    engine, view, SPINAT_REASON_NO_FLOW_PASSED);
			return 0;
		}
		/* An ICMP identifier is drawn from all there are, so the
		 * gateway's own pings may use the same one. */
		if (view->protocol == IPPROTO_ICMP) {
			*verdict = verdict_unknown(
			    engine, view, SPINAT_REASON_NO_FLOW_PASSED);
			return 0;
		}
		if (!engine->config.endpoint_independent_filtering) {
			*verdict =
			    verdict_drop(engine, view, SPINAT_REASON_FILTERED);
			return 0;
		}
		inside.address = engine->table.flows[opening.sibling]
				     .side[SPINAT_INSIDE]
				     .local;
		inside.port = engine->table.flows[opening.sibling]
				  .side[SPINAT_INSIDE]
				  .ids.port.local;
	}
	opening.side[SPINAT_INSIDE].local = inside.address;
	if (port_class_has(view->protocol))
		opening.side[SPINAT_INSIDE].ids.port.local = inside.port;
	reason = open_flow(engine, &opening, &flow);
	if (reason != SPINAT_REASON_NONE)
		*verdict = verdict_refuse(engine, view, reason);
	return flow;
}

/* The answer within a hairpin: from the inside to a public address, known by
 * the flow's outside tuple. */
static uint32_t find_hairpin_back(
    const struct spinat *engine, const struct view *view)
{
	const bool ports = view->protocol != IPPROTO_ICMP;
	const struct key back = {
	    .protocol = view->key.protocol,
	    .kind = KEY_OUTSIDE,
	    .local = view->key.remote,
	    .remote = view->key.local,
	    .ids.raw = turn_pair16(view->key.ids.raw, ports),
	};

	if (!engine_is_public(engine, back.local, NULL))
		return 0;
	return flow_table_find(
	    &engine->table, &back, key_hash(&engine->table.seed, &back));
}

enum spinat_verdict session_packet(struct spinat *engine, struct view *view)
{
	enum spinat_verdict verdict = SPINAT_DROPPED;
	enum spinat_side seen = view->side;
	uint32_t number =
	    flow_table_find(&engine->table, &view->key, view->hash);

	if (number == 0 && view->side == SPINAT_INSIDE) {
		number = find_hairpin_back(engine, view);
		if (number != 0)
			seen = SPINAT_OUTSIDE;
	}
	if (number == 0 && ike_takes(engine, view))
		return ike_packet(engine, view);
	if (number == 0)
		number = seen == SPINAT_INSIDE
		    ? open_outward(engine, view, &verdict)
		    : open_inward(engine, view, &verdict);
	return number == 0 ? verdict
			   : session_follow(engine, view, number, seen);
}
