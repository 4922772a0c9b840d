/* SPDX-License-Identifier: BSD-2-Clause */
#include "lifetime.h"

static enum spinat_timeout tcp_timeout(enum flow_state state)
{
	switch (state) {
	case FLOW_NEW:
	case FLOW_REPLIED:
		return SPINAT_TIMEOUT_TCP_OPENING;
	case FLOW_CLOSING:
		return SPINAT_TIMEOUT_TCP_CLOSING;
	case FLOW_RESET:
		return SPINAT_TIMEOUT_TCP_RESET;
	default: /* a half-closed connection may go on for long */
		return SPINAT_TIMEOUT_TCP;
	}
}

static enum spinat_timeout session_timeout(const struct flow *flow)
{
	switch (flow->protocol) {
	case IPPROTO_TCP:
		return tcp_timeout(flow->state);
	case IPPROTO_UDP:
		return SPINAT_TIMEOUT_UDP;
	case IPPROTO_ICMP:
		return SPINAT_TIMEOUT_ICMP;
	default:
		return SPINAT_TIMEOUT_OTHER;
	}
}

tick lifetime_peer_activity(const struct spinat *engine, uint32_t number)
{
	const struct peer *peer = &engine->peers.peers[number];
	tick latest = peer->created;

	for (uint32_t f = peer->flows; f != 0;
	     f = engine->table.flows[f].group_next)
		latest = tick_later(latest,
		    flow_table_last_any(&engine->table, f, engine->tick));
	for (uint32_t i = peer->ikes; i != 0; i = engine->ikes.sas[i].next) {
		const struct ike_sa *sa = &engine->ikes.sas[i];
		/* What nobody answered is no sign of life of a tunnel. */
		if (sa->state == IKE_ESTABLISHED)
			latest = tick_later(latest,
			    tick_later(sa->last[SPINAT_INSIDE],
				sa->last[SPINAT_OUTSIDE]));
	}
	return latest;
}

tick lifetime_of_flow(const struct spinat *engine, uint32_t number)
{
	const struct flow *flow = &engine->table.flows[number];
	const tick last =
	    flow_table_last_any(&engine->table, number, engine->tick);

	if (flow_kind(flow) == SPINAT_FLOW_SESSION)
		return last + engine->timeouts[session_timeout(flow)];
	/* What comes from the outside alone keeps no probation alive. */
	if (flow->state == FLOW_PROBATION)
		return (flow->binding != 0
			       ? engine->bindings.bindings[flow->binding].since
			       : flow->created) +
		    engine->timeouts[SPINAT_TIMEOUT_ESP_UNPAIRED];
	if (flow->state == FLOW_UNPAIRED)
		return last + engine->timeouts[SPINAT_TIMEOUT_ESP_UNPAIRED];
	return lifetime_peer_activity(engine, flow->peer) +
	    engine->timeouts[SPINAT_TIMEOUT_ESP];
}

tick lifetime_of_ike(const struct spinat *engine, uint32_t number)
{
	const struct ike_sa *sa = &engine->ikes.sas[number];
	const tick last = tick_later(sa->created,
	    tick_later(sa->last[SPINAT_INSIDE], sa->last[SPINAT_OUTSIDE]));

	switch (sa->state) {
	case IKE_UNANSWERED:
		return last + engine->timeouts[SPINAT_TIMEOUT_IKE_UNANSWERED];
	case IKE_HALF_OPEN:
		return last + engine->timeouts[SPINAT_TIMEOUT_IKE_HALF_OPEN];
	default:
		return lifetime_peer_activity(engine, sa->peer) +
		    engine->timeouts[SPINAT_TIMEOUT_IKE];
	}
}
