/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow/flow.h"

#include "base/csum.h"

static const char *const state_names[] = {
    [FLOW_NEW] = "new",
    [FLOW_REPLIED] = "replied",
    [FLOW_ESTABLISHED] = "established",
    [FLOW_FIN_INSIDE] = "fin-inside",
    [FLOW_FIN_OUTSIDE] = "fin-outside",
    [FLOW_CLOSING] = "closing",
    [FLOW_RESET] = "reset",
    [FLOW_UNPAIRED] = "unpaired",
    [FLOW_PAIRED] = "paired",
    [FLOW_PROBATION] = "probation",
    [FLOW_CONFIRMED] = "confirmed",
    [FLOW_SHARED] = "shared",
};
static_assert(sizeof state_names / sizeof state_names[0] == FLOW_STATES,
    "every state has a name");

/* Which states each may be left for; the table in flow.h, as bits. */
#define TO(state) (UINT32_C(1) << (state))
static const uint32_t allowed[FLOW_STATES] = {
    [FLOW_NEW] = TO(FLOW_REPLIED) | TO(FLOW_RESET),
    [FLOW_REPLIED] = TO(FLOW_ESTABLISHED) | TO(FLOW_FIN_INSIDE) |
	TO(FLOW_FIN_OUTSIDE) | TO(FLOW_RESET),
    [FLOW_ESTABLISHED] =
	TO(FLOW_FIN_INSIDE) | TO(FLOW_FIN_OUTSIDE) | TO(FLOW_RESET),
    [FLOW_FIN_INSIDE] = TO(FLOW_CLOSING) | TO(FLOW_RESET) | TO(FLOW_NEW),
    [FLOW_FIN_OUTSIDE] = TO(FLOW_CLOSING) | TO(FLOW_RESET) | TO(FLOW_NEW),
    [FLOW_CLOSING] = TO(FLOW_NEW) | TO(FLOW_RESET),
    [FLOW_RESET] = TO(FLOW_ESTABLISHED) | TO(FLOW_NEW),
    [FLOW_UNPAIRED] = TO(FLOW_PAIRED),
    [FLOW_PROBATION] = TO(FLOW_CONFIRMED) | TO(FLOW_SHARED),
    [FLOW_CONFIRMED] = TO(FLOW_PROBATION),
    [FLOW_SHARED] = TO(FLOW_PROBATION),
};

const char *flow_state_name(enum flow_state state)
{
	ENSURE((unsigned)state < FLOW_STATES);
	return state_names[state];
}

bool flow_state_allows(enum flow_state from, enum flow_state to)
{
	return (allowed[from] & TO(to)) != 0;
}

void flow_set_state(struct flow *flow, enum flow_state state)
{
	ENSURE(flow_state_allows(flow->state, state));
	flow->state = (uint8_t)state;
	if (flow_is_live(flow))
		flow_set_gate(flow);
}

/* What no packet of that side can change any more, save those that every fast
 * path leaves to the engine: SYN, FIN, RST, and late sequence numbers. */
static unsigned gate_of_session(const struct flow *flow)
{
	switch (flow->state) {
	case FLOW_NEW:
		if (flow->protocol == IPPROTO_TCP)
			return 0;
		return flow->origin == SPINAT_INSIDE ? FLOW_OPEN_INSIDE
						     : FLOW_OPEN_OUTSIDE;
	case FLOW_REPLIED:
		return flow->protocol == IPPROTO_TCP
		    ? 0
		    : FLOW_OPEN_INSIDE | FLOW_OPEN_OUTSIDE;
	case FLOW_RESET: /* data restores */
		return 0;
	default:
		return FLOW_OPEN_INSIDE | FLOW_OPEN_OUTSIDE;
	}
}

static unsigned gate_of_esp(const struct flow *flow)
{
	if (flow_kind(flow) == SPINAT_FLOW_ESP_IN)
		return flow->state == FLOW_CONFIRMED ? FLOW_OPEN_OUTSIDE : 0;
	return !flow->awaits && (flow->gate & FLOW_WATCHED) == 0
	    ? FLOW_OPEN_INSIDE
	    : 0;
}

void flow_set_gate(struct flow *flow)
{
	const unsigned kept = flow->gate & FLOW_WATCHED;
	unsigned open = 0;

	if ((flow->flags & (FLOW_HAIRPIN | FLOW_OWN)) == 0)
		open = flow_kind(flow) == SPINAT_FLOW_SESSION
		    ? gate_of_session(flow)
		    : gate_of_esp(flow);
	/* Who finds it live, finds it filled in. */
	__atomic_store_n(
	    &flow->gate, (uint8_t)(FLOW_LIVE | kept | open), __ATOMIC_RELEASE);
}

struct key flow_key(const struct flow *flow, enum spinat_side side)
{
	const struct flow_side *own = &flow->side[side];

	return (struct key){
	    .protocol = flow->protocol,
	    .kind = (uint8_t)(side | flow->key_kind),
	    .local = own->local,
	    .remote = own->remote,
	    .ids = own->ids,
	};
}

struct key flow_mapping_key(const struct flow *flow, enum spinat_side side)
{
	const struct flow_side *own = &flow->side[side];

	return (struct key){
	    .protocol = flow->protocol,
	    .kind = side == SPINAT_INSIDE ? KEY_MAPPING_INSIDE
					  : KEY_MAPPING_OUTSIDE,
	    .local = own->local,
	    .ids.port.local = own->ids.port.local,
	};
}

void flow_set_deltas(struct flow *flow)
{
	const struct flow_side *in = &flow->side[SPINAT_INSIDE];
	const struct flow_side *out = &flow->side[SPINAT_OUTSIDE];
	const uint64_t addresses = csum_change32(in->local, out->local) +
	    csum_change32(in->remote, out->remote);
	const uint64_t ids =
	    csum_change16(in->ids.port.local, out->ids.port.local) +
	    csum_change16(in->ids.port.remote, out->ids.port.remote);

	flow->address_delta = csum_fold(addresses);
	switch (flow->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		flow->transport_delta = csum_fold(addresses + ids);
		break;
	case IPPROTO_UDPLITE: /* by address alone, but with a pseudo header */
	case IPPROTO_DCCP:
		flow->transport_delta = flow->address_delta;
		break;
	case IPPROTO_ICMP: /* no pseudo header */
		flow->transport_delta = csum_fold(ids);
		break;
	default:
		flow->transport_delta = 0;
		break;
	}
}
