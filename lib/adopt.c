/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Going on with the tables that an engine before this one left (a restart of
 * the daemon): what is in them is all that is known of sessions, and a fast
 * path translates by them while we look.
 *
 * The other engine may have been stopped anywhere, and may have had another
 * configuration.  So a record stays only if it is one that this engine could
 * have made, to the last bit that a fast path reads; the rest is worked out
 * anew: free records, slots, mappings, ports, associations, timers.
 */
#include <errno.h>

#include "core.h"
#include "flow/mend.h"
#include "ipsec/restore.h"
#include "timers.h"

/* ------------------------------------------------------------- sessions */

static struct spinat_endpoint local_end(
    const struct flow *flow, enum spinat_side side)
{
	return (struct spinat_endpoint){
	    flow->side[side].local, flow->side[side].ids.port.local};
}

static struct spinat_endpoint remote_end(
    const struct flow *flow, enum spinat_side side)
{
	return (struct spinat_endpoint){
	    flow->side[side].remote, flow->side[side].ids.port.remote};
}

static bool same_end(struct spinat_endpoint a, struct spinat_endpoint b)
{
	return be32_equal(a.address, b.address) && be16_equal(a.port, b.port);
}

static bool state_is_possible(const struct flow *flow)
{
	return flow->protocol == IPPROTO_TCP ? flow->state <= FLOW_RESET
					     : flow->state <= FLOW_REPLIED;
}

static bool deltas_are_right(const struct flow *flow)
{
	struct flow again = *flow;

	flow_set_deltas(&again);
	return again.address_delta == flow->address_delta &&
	    again.transport_delta == flow->transport_delta;
}

/* Whether a static rule says the same today. */
static bool rule_still_says(
    const struct spinat *engine, const struct flow *flow)
{
	const struct redirects *redirects = &engine->redirects;
	const struct spinat_endpoint inside = local_end(flow, SPINAT_INSIDE);
	const struct spinat_endpoint public_end =
	    local_end(flow, SPINAT_OUTSIDE);
	struct spinat_endpoint said;
	be32 address;

	if (redirect_inbound(redirects, flow->protocol, public_end,
		remote_end(flow, SPINAT_OUTSIDE), &said) != NULL &&
	    same_end(said, inside))
		return true;
	if (redirect_outbound(redirects, flow->protocol, inside,
		remote_end(flow, SPINAT_INSIDE), &said) != NULL &&
	    same_end(said, public_end))
		return true;
	return redirect_public_of(redirects, inside.address, &address) &&
	    be32_equal(address, public_end.address) &&
	    be16_equal(inside.port, public_end.port);
}

/* A hairpin's far end is an inside host behind another of our ports. */
static bool remote_is_possible(
    const struct spinat *engine, const struct flow *flow)
{
	const struct spinat_endpoint in = remote_end(flow, SPINAT_INSIDE);
	const struct spinat_endpoint out = remote_end(flow, SPINAT_OUTSIDE);

	return (flow->flags & FLOW_HAIRPIN) != 0
	    ? engine_is_public(engine, in.address, NULL)
	    : same_end(in, out) && !engine_is_public(engine, in.address, NULL);
}

static bool session_is_possible(
    const struct spinat *engine, const struct flow *flow)
{
	unsigned public_number;
	const unsigned kind = flow->flags & (FLOW_REDIRECTED | FLOW_MAPPED);

	if (flow->key_kind != 0 || flow->origin > SPINAT_OUTSIDE ||
	    (flow->flags &
		~(FLOW_HAIRPIN | FLOW_REDIRECTED | FLOW_MAPPED | FLOW_HEAD)) !=
		0 ||
	    !state_is_possible(flow) || !deltas_are_right(flow) ||
	    be32_is_zero(flow->side[SPINAT_INSIDE].local) ||
	    engine_leaves_to_kernel(engine, flow->protocol) ||
	    !engine_is_public(
		engine, flow->side[SPINAT_OUTSIDE].local, &public_number) ||
	    !remote_is_possible(engine, flow))
		return false;
	if (kind == FLOW_REDIRECTED)
		return rule_still_says(engine, flow);
	if (public_number >= engine->public_max ||
	    engine_inside_policy(engine, flow->side[SPINAT_INSIDE].local) !=
		SPINAT_REASON_NONE)
		return false;
	return kind == FLOW_MAPPED
	    ? port_class_has(flow->protocol)
	    : kind == 0 && !port_class_has(flow->protocol);
}

/* The mapping that this flow and others share: its first flow makes it. */
static int find_mapping(struct spinat *engine, uint32_t number)
{
	struct flow_table *table = &engine->table;
	struct flow *flow = &table->flows[number];
	const struct spinat_endpoint inside = local_end(flow, SPINAT_INSIDE);
	const struct spinat_endpoint public_end =
	    local_end(flow, SPINAT_OUTSIDE);
	const uint32_t sibling =
	    mapping_of_inside(table, flow->protocol, inside);

	flow->flags &= (uint8_t) ~(FLOW_MAPPED | FLOW_HEAD);
	if (sibling != mapping_of_public(table, flow->protocol, public_end))
		return -EEXIST;
	if (sibling != 0) {
		mapping_join(table, number, sibling);
		return 0;
	}
	if (!ports_reserve(&engine->ports, flow->public_number,
		port_class_of(flow->protocol), be16_to_host(public_end.port)))
		return -EEXIST;
	if (mapping_open(table, number))
		return 0;
	ports_release(&engine->ports, flow->public_number,
	    port_class_of(flow->protocol), be16_to_host(public_end.port));
	return -ENOSPC;
}

static int adopt_session(struct spinat *engine, uint32_t number)
{
	struct flow *flow = &engine->table.flows[number];
	unsigned public_number = 0;
	int result = 0;

	(void)engine_is_public(
	    engine, flow->side[SPINAT_OUTSIDE].local, &public_number);
	flow->public_number = (uint16_t)public_number;
	if ((flow->flags & FLOW_MAPPED) != 0)
		result = find_mapping(engine, number);
	if (result != 0)
		return result;
	flow_set_gate(flow);
	timers_flow_changed(engine, number);
	engine->stats.flows_created++;
	return 0;
}

/* ------------------------------------------------------------------ all */

/* All that can be said of a record by itself. */
static bool is_possible(const struct spinat *engine, const struct flow *flow)
{
	if (tick_is_after(flow->created, engine->tick))
		return false;
	if (flow->protocol == IPPROTO_ESP)
		return flow->key_kind == KEY_INSIDE ||
		    flow->key_kind == KEY_INSIDE_SPI_IN;
	return session_is_possible(engine, flow);
}

static void reject_impossible(
    struct spinat *engine, struct spinat_adoption *adoption)
{
	struct flow_table *table = &engine->table;

	for (uint32_t number = 1; number <= table->highest; number++) {
		const struct flow *flow = &table->flows[number];

		if (!flow_is_live(flow) || is_possible(engine, flow))
			continue;
		mend_reject(table, number);
		adoption->refused++;
	}
}

static void adopt(
    struct spinat *engine, uint32_t number, struct spinat_adoption *adoption)
{
	const bool esp = engine->table.flows[number].protocol == IPPROTO_ESP;

	if ((esp ? restore_in_place(engine, number)
		 : adopt_session(engine, number)) != 0) {
		flow_table_end(&engine->table, number);
		adoption->refused++;
	} else if (esp) {
		adoption->spis++;
	} else {
		adoption->sessions++;
	}
}

void spinat_adopt(
    struct spinat *engine, spinat_time now, struct spinat_adoption *adoption)
{
	struct flow_table *table = &engine->table;
	uint32_t lost;

	*adoption = (struct spinat_adoption){0};
	core_set_now(engine, now);
	mend_begin(table);
	reject_impossible(engine, adoption);
	mend_indexes(table, &adoption->mended, &lost);
	adoption->refused += lost;
	for (uint32_t number = 1; number <= table->highest; number++)
		if (flow_is_live(&table->flows[number]))
			adopt(engine, number, adoption);
}
