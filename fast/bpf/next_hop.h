/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a translated packet goes next, as the kernel's routes and neighbours
 * say.
 *
 * Asking them takes longer than all the rest, so each CPU remembers what they
 * said of the last pairs of addresses, until the tick is over: a change of
 * routes is heeded within 134 ms.
 */
#ifndef SPINAT_FAST_BPF_NEXT_HOP_H
#define SPINAT_FAST_BPF_NEXT_HOP_H

#include <linux/if_ether.h>

#include "maps.h"

#define NEXT_HOPS_BITS  14u /* 512 KiB a CPU */
#define NEXT_HOPS_GROUP 10u /* bits: a CPU's own memory comes in 32 KiB */

struct next_hop {
	uint64_t addresses; /* of the packet as it leaves, source first */
	tick asked;
	uint16_t mtu;
	uint8_t tos;
	uint8_t is_known; /* 0: nothing is remembered here */
	uint8_t next_mac[ETH_ALEN], own_mac[ETH_ALEN];
};

/* Not an element each: finding one would take a look into a table of pointers
 * as long as this one. */
struct next_hop_group {
	struct next_hop hops[1u << NEXT_HOPS_GROUP];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1u << (NEXT_HOPS_BITS - NEXT_HOPS_GROUP));
	__type(key, uint32_t);
	__type(value, struct next_hop_group);
} next_hops SEC(".maps");

static ALWAYS_INLINE struct next_hop *next_hop_at(uint64_t addresses)
{
	const uint32_t mixed =
	    ((uint32_t)addresses ^ (uint32_t)(addresses >> 32)) *
	    UINT32_C(0x9e3779b1);
	const uint32_t number = mixed >> (32 - NEXT_HOPS_BITS);
	const uint32_t group = number >> NEXT_HOPS_GROUP;
	struct next_hop_group *found = bpf_map_lookup_elem(&next_hops, &group);

	return found == NULL
	    ? NULL
	    : &found->hops[number & ((1u << NEXT_HOPS_GROUP) - 1)];
}

/* What is asked for. */
struct leaving {
	uint64_t addresses;
	uint32_t ports;
	uint16_t length; /* of IP, of each packet on the wire */
	uint8_t protocol, tos;
};

/* All but the addresses, so that it fits into a register. */
static ALWAYS_INLINE uint64_t pack(const struct leaving *leaving)
{
	return (uint64_t)leaving->ports << 32 |
	    (uint64_t)leaving->length << 16 | leaving->protocol << 8 |
	    leaving->tos;
}

static ALWAYS_INLINE struct leaving unpack(uint64_t addresses, uint64_t rest)
{
	return (struct leaving){
	    .addresses = addresses,
	    .ports = (uint32_t)(rest >> 32),
	    .length = (uint16_t)(rest >> 16),
	    .protocol = (uint8_t)(rest >> 8),
	    .tos = (uint8_t)rest,
	};
}

static SLOW_CALL unsigned ask_routes(void *context, struct next_hop *next_hop,
    uint64_t addresses, uint64_t rest, enum spinat_side side)
{
	const struct leaving leaving = unpack(addresses, rest);
	struct bpf_fib_lookup fib = {
	    .family = 2, /* AF_INET */
	    .l4_protocol = leaving.protocol,
	    .tot_len = leaving.length,
	    .ifindex = constants.devices[side],
	    .tos = leaving.tos,
	    .ipv4_src = (uint32_t)leaving.addresses,
	    .ipv4_dst = (uint32_t)(leaving.addresses >> 32),
	};

	if (leaving.protocol == IPPROTO_TCP ||
	    leaving.protocol == IPPROTO_UDP) {
		fib.sport = (uint16_t)leaving.ports;
		fib.dport = (uint16_t)(leaving.ports >> 16);
	}
	switch (bpf_fib_lookup(context, &fib, sizeof fib, 0)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		break;
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		return FAST_NO_NEIGHBOUR;
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		return FAST_TOO_BIG;
	default:
		return FAST_NO_ROUTE;
	}
	if (fib.ifindex != constants.devices[!side])
		return FAST_NO_ROUTE;
	next_hop->addresses = leaving.addresses;
	next_hop->tos = leaving.tos;
	next_hop->mtu = fib.mtu_result;
	memcpy(next_hop->own_mac, fib.smac, ETH_ALEN);
	memcpy(next_hop->next_mac, fib.dmac, ETH_ALEN);
	return FAST_TAKEN;
}

static ALWAYS_INLINE bool fits(
    const struct next_hop *next_hop, const struct leaving *leaving, tick now)
{
	return next_hop->is_known != 0 && next_hop->asked == now &&
	    next_hop->addresses == leaving->addresses &&
	    next_hop->tos == leaving->tos && leaving->length <= next_hop->mtu;
}

/* The next hop of a packet that came from `side`; FAST_TAKEN: there is one. */
static ALWAYS_INLINE unsigned find_next_hop(void *context,
    const struct next_hop **result, const struct leaving *leaving,
    enum spinat_side side, tick now)
{
	struct next_hop *next_hop = next_hop_at(leaving->addresses);
	unsigned outcome;

	if (next_hop == NULL)
		return FAST_NO_ROUTE;
	*result = next_hop;
	if (fits(next_hop, leaving, now))
		return FAST_TAKEN;
	next_hop->is_known = 0;
	outcome = ask_routes(
	    context, next_hop, leaving->addresses, pack(leaving), side);
	if (outcome != FAST_TAKEN)
		return outcome;
	next_hop->asked = now;
	next_hop->is_known = 1;
	return FAST_TAKEN;
}

#endif
