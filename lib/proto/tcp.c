/* SPDX-License-Identifier: BSD-2-Clause */
#include "proto/tcp.h"

#include "timers.h"

enum flow_state tcp_next_state(
    const struct flow *flow, enum spinat_side from, uint8_t flags)
{
	const enum flow_state state = flow->state;
	const enum flow_state own_fin =
	    from == SPINAT_INSIDE ? FLOW_FIN_INSIDE : FLOW_FIN_OUTSIDE;

	/* A RST is believed only so far that silence after it ends the flow
	 * soon: its sequence number is not checked, and data restores. */
	if ((flags & TCP_RST) != 0)
		return FLOW_RESET;
	/* A new connection on the ports of one that is over. */
	if ((flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
	    state > FLOW_ESTABLISHED)
		return FLOW_NEW;

	switch (state) {
	case FLOW_NEW:
		return from == flow->origin ? FLOW_NEW : FLOW_REPLIED;
	case FLOW_REPLIED:
		if ((flags & TCP_FIN) != 0)
			return own_fin;
		return from == flow->origin && (flags & TCP_SYN) == 0
		    ? FLOW_ESTABLISHED
		    : FLOW_REPLIED;
	case FLOW_ESTABLISHED:
		return (flags & TCP_FIN) != 0 ? own_fin : state;
	case FLOW_FIN_INSIDE:
	case FLOW_FIN_OUTSIDE:
		return (flags & TCP_FIN) != 0 && state != own_fin ? FLOW_CLOSING
								  : state;
	case FLOW_RESET:
		return FLOW_ESTABLISHED;
	default:
		return state;
	}
}

void tcp_move(struct spinat *engine, uint32_t number, enum flow_state next)
{
	struct flow *flow = &engine->table.flows[number];

	if (next == flow->state)
		return;
	/* The opener of a connection that is opened anew stays who it was: the
	 * record's published half does not change. */
	flow_set_state(flow, next);
	if (next == FLOW_NEW || next == FLOW_CLOSING || next == FLOW_RESET)
		timers_flow_changed(engine, number);
}
