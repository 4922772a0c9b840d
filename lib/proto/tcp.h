/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP's states, as far as its flags tell them (RFC 9293 3.3.2, RFC 5382).
 */
#ifndef SPINAT_PROTO_TCP_H
#define SPINAT_PROTO_TCP_H

#include "engine.h"

/** The state after a segment with these flags came from a side. */
enum flow_state tcp_next_state(
    const struct flow *flow, enum spinat_side from, uint8_t flags);
/** Moves a flow on; arms its timer anew if it shall end sooner. */
void tcp_move(struct spinat *engine, uint32_t number, enum flow_state next);

/** Follows a segment of a flow. */
static inline void tcp_track(struct spinat *engine, uint32_t number,
    enum spinat_side from, uint8_t flags)
{
	const struct flow *flow = &engine->table.flows[number];

	if (LIKELY(flow->state == FLOW_ESTABLISHED &&
		(flags & (TCP_FIN | TCP_RST)) == 0))
		return;
	tcp_move(engine, number, tcp_next_state(flow, from, flags));
}

#endif
