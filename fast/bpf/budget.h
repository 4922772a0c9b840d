/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Budgets of misses: how many packets that no flow is known for may go to the
 * daemon, of each source and of all, by direction.
 *
 * What would not be queued for the daemon takes nothing of a budget and is
 * never dropped: that is the kernel's, or the gateway's own.
 */
#ifndef SPINAT_FAST_BPF_BUDGET_H
#define SPINAT_FAST_BPF_BUDGET_H

#include <linux/if_ether.h>

#include "datagram.h"
#include "find.h"
#include "packet/header.h"

/* Linux 6.2, newer than the headers it may be compiled with. */
#define FIB_LOOKUP_SKIP_NEIGH 4u

#define BUDGET_SOURCES_BITS 12u
#define BUDGET_SOURCES      (1u << BUDGET_SOURCES_BITS)

/* Each is one word: when all that was taken of it will have come back, ns of
 * the coarse clock.  So a look at one that is used up writes nothing.  Two CPUs
 * at once may count two packets as one.  Sources are told apart by a keyed
 * hash; two that fall together share a budget. */
struct budgets {
	uint64_t all, room[7]; /* a cache line of its own */
	uint64_t sources[BUDGET_SOURCES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2); /* by side */
	__type(key, uint32_t);
	__type(value, struct budgets);
} budgets SEC(".maps");

/* A packet that the daemon would have to look at.  The key's two addresses are
 * loaded as one word, which on a stack must be aligned. */
struct miss {
	uint8_t protocol, icmp_type;
	bool is_seen; /* the transport header, which the key is from */
	uint8_t outcome;
	struct key key;
	struct datagram_key datagram; /* with the packet's addresses */
};

static_assert(
    offsetof(struct miss, key.local) % sizeof(uint64_t) == 0, "aligned");

static ALWAYS_INLINE bool is_miss(unsigned outcome)
{
	const uint32_t misses = 1u << FAST_NO_FLOW | 1u << FAST_IKE |
	    1u << FAST_TCP_FLAGS | 1u << FAST_FRAGMENT | 1u << FAST_PROTOCOL |
	    1u << FAST_OPTIONS | 1u << FAST_MALFORMED;

	return (misses >> outcome & 1) != 0;
}

/* (The verifier looks at what is not static by itself, once, instead of on
 * every way that leads there.) */
SLOW_CALL int is_of_known_flow(const struct miss *miss, uint32_t side)
{
	if (miss == NULL)
		return 0;
	side %= 2;
	if (!miss->is_seen)
		return miss->outcome == FAST_FRAGMENT &&
		    datagram_find(&miss->datagram, tick_now()).state ==
		    DATAGRAM_KNOWN;
	return miss->outcome != FAST_NO_FLOW &&
	    find_elsewhere(&miss->key, hash_of(&miss->key), side) != 0;
}

/* ------------------------------------------------- what would be queued */

static ALWAYS_INLINE bool is_public(
    const struct fast_limits *limits, uint32_t address)
{
	for (unsigned i = 0; i < SPINAT_MAX_PUBLIC; i++) {
		if (i >= limits->public_count)
			break;
		if (limits->publics[i].raw == address)
			return true;
	}
	return false;
}

static ALWAYS_INLINE bool is_inside(
    const struct fast_limits *limits, uint32_t address)
{
	for (unsigned i = 0; i < SPINAT_MAX_INSIDE; i++) {
		if (i >= limits->inside_count)
			break;
		if ((address & limits->inside[i].mask.raw) ==
		    limits->inside[i].address.raw)
			return true;
	}
	return false;
}

/* Of a packet to a public address, or in mode ipsec-only of any, by what it
 * carries: firewall/ruleset.c, simplified to more. */
static ALWAYS_INLINE bool is_of_rules(const struct fast_limits *limits,
    const struct miss *miss, enum spinat_side side)
{
	const union key_ids *ids = &miss->key.ids;
	const be16 ike = be16_from_host(IKE_PORT);
	uint16_t port;

	if (!miss->is_seen)
		return true;
	switch (miss->protocol) {
	case IPPROTO_UDP:
		if (be16_equal(ids->port.local, ike) ||
		    be16_equal(ids->port.remote, ike))
			return true;
		break;
	case IPPROTO_TCP:
		break;
	case IPPROTO_ICMP:
		return miss->icmp_type < 32 &&
		    (limits->icmp_types >> miss->icmp_type & 1) != 0;
	case IPPROTO_ESP:
	case IPPROTO_AH:
		return !limits->has_tunnels;
	default:
		return limits->is_full;
	}
	port = be16_to_host(
	    side == SPINAT_OUTSIDE ? ids->port.local : ids->port.remote);
	return port >= limits->port_low && port <= limits->port_high;
}

/* Whether the routes say so; those of broadcasts are no such routes. */
static ALWAYS_INLINE bool leaves_outside(void *context, const struct miss *miss)
{
	struct bpf_fib_lookup fib = {
	    .family = 2, /* AF_INET */
	    .ifindex = constants.devices[SPINAT_INSIDE],
	    .ipv4_src = (uint32_t)miss->datagram.addresses,
	    .ipv4_dst = (uint32_t)(miss->datagram.addresses >> 32),
	};

	/* Class D and above: multicast. */
	return (be32toh(fib.ipv4_dst) >> 28) < 0xe &&
	    bpf_fib_lookup(context, &fib, sizeof fib, FIB_LOOKUP_SKIP_NEIGH) ==
	    BPF_FIB_LKUP_RET_SUCCESS &&
	    fib.ifindex == constants.devices[SPINAT_OUTSIDE];
}

static ALWAYS_INLINE bool is_queued(void *context,
    const struct fast_limits *limits, const struct miss *miss,
    enum spinat_side side, bool to_public)
{
	if (to_public)
		return is_of_rules(limits, miss, side);
	if (side == SPINAT_OUTSIDE || limits->has_tunnels ||
	    !is_inside(limits, (uint32_t)miss->datagram.addresses))
		return false;
	return (limits->is_full || is_of_rules(limits, miss, side)) &&
	    leaves_outside(context, miss);
}

/* ------------------------------------------------ what the gateway waits for
 */

/* Whether a socket of the gateway's does.  Of IKE nobody but the engine can
 * tell whose it is. */
static ALWAYS_INLINE bool has_socket(
    void *context, const struct miss *miss, enum spinat_side side)
{
	const uint32_t ports =
	    turn_pair16(miss->key.ids.raw, side == SPINAT_OUTSIDE);
	struct bpf_sock_tuple tuple = {
	    .ipv4 = {
		.saddr = (uint32_t)miss->datagram.addresses,
		.daddr = (uint32_t)(miss->datagram.addresses >> 32),
		.sport = (uint16_t)ports,
		.dport = (uint16_t)(ports >> 16),
	    }};
	struct bpf_sock *found;

	if (!miss->is_seen || miss->outcome == FAST_IKE)
		return false;
	if (miss->protocol == IPPROTO_UDP)
		found = bpf_sk_lookup_udp(
		    context, &tuple, sizeof tuple.ipv4, BPF_F_CURRENT_NETNS, 0);
	else if (miss->protocol == IPPROTO_TCP)
		found = bpf_skc_lookup_tcp(
		    context, &tuple, sizeof tuple.ipv4, BPF_F_CURRENT_NETNS, 0);
	else
		return false;
	if (found == NULL)
		return false;
	bpf_sk_release(found);
	return true;
}

/* ------------------------------------------------------------ the budgets */

/* A budget of which `burst` and more is taken is used up. */
static ALWAYS_INLINE bool is_used_up(
    uint64_t until, uint64_t now, uint32_t cost, uint64_t burst)
{
	return cost != 0 && until > now + burst;
}

static ALWAYS_INLINE uint64_t take_from(
    uint64_t until, uint64_t now, uint32_t cost)
{
	return (until > now ? until : now) + cost;
}

/* What becomes of a miss: the outcome it has, or one of the two that drop it.
 */
SLOW_CALL unsigned spend(
    CONTEXT *context, const struct miss *miss, uint32_t side)
{
	const uint32_t only = 0, from = side;
	const struct fast_settings *set = bpf_map_lookup_elem(&settings, &only);
	struct budgets *here = bpf_map_lookup_elem(&budgets, &from);
	const struct hash_seed seed = seed_of(&constants.layout.hash);
	const uint64_t now = bpf_ktime_get_coarse_ns();
	const struct fast_limits *limits;
	uint64_t *of_source;
	unsigned outcome;
	bool to_public;

	if (miss == NULL || set == NULL || here == NULL)
		return FAST_NO_FLOW;
	limits = &set->limits;
	to_public =
	    is_public(limits, (uint32_t)(miss->datagram.addresses >> 32));
	if (!is_queued(context, limits, miss, side, to_public))
		return miss->outcome;
	of_source =
	    &here->sources[hash_words(&seed, (uint32_t)miss->datagram.addresses,
			       0, 0, 0) %
		BUDGET_SOURCES];
	if (is_used_up(*of_source, now, limits->cost_source, FAST_BURST_SOURCE))
		outcome = FAST_OVER_SOURCE;
	else if (is_used_up(here->all, now, limits->cost_all, FAST_BURST_ALL))
		outcome = FAST_OVER_ALL;
	else {
		*of_source = take_from(*of_source, now, limits->cost_source);
		here->all = take_from(here->all, now, limits->cost_all);
		return miss->outcome;
	}
	return to_public && has_socket(context, miss, side) ? miss->outcome
							    : outcome;
}

#endif
