/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of a packet whose session is known: everything that happens to most
 * packets, in line.
 */
#ifndef SPINAT_PROTO_SESSION_H
#define SPINAT_PROTO_SESSION_H

#include "packet/rewrite.h"
#include "proto/identify.h"
#include "proto/tcp.h"
#include "verdict.h"

/** Whether the record that was guessed and prefetched is the packet's own. */
static inline bool session_is_known(
    const struct spinat *engine, const struct view *view)
{
	return flow_matches(
	    &engine->table.flows[view->guess], &view->key, view->side);
}

/** Translates a packet of a flow that it matched on the side `seen`. */
static inline enum spinat_verdict session_follow(struct spinat *engine,
    struct view *view, uint32_t number, enum spinat_side seen)
{
	struct flow *flow = &engine->table.flows[number];

	flow_count(&engine->table.counters[seen][number], view->ip_length,
	    engine->tick);
	if (view->protocol == IPPROTO_TCP)
		tcp_track(engine, number, seen, view->l4[TCP_FLAGS]);
	else if (UNLIKELY(flow->state == FLOW_NEW) && seen != flow->origin)
		flow_set_state(flow, FLOW_REPLIED);
	rewrite_packet(view, flow, seen);
	identify(engine, view);
	return verdict_translated(engine, view,
	    UNLIKELY((flow->flags & FLOW_HAIRPIN) != 0) ? SPINAT_INSIDE
							: !seen);
}

#endif
