/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs in the kernel and the daemon both know of the fast path.
 *
 * The tables are the engine's own (spinat_create_shared()); here is the rest:
 * what a program is told when it is loaded, what may change while it runs, and
 * what it counts.
 */
#ifndef SPINAT_FAST_SHARED_H
#define SPINAT_FAST_SHARED_H

#include "fast/limits.h"
#include "flow/flow.h"

/** What became of a packet that a program saw.  Most leave it, as it came, to
 * the kernel's own way, on which the daemon gets it: all but TAKEN and those
 * that drop it. */
enum fast_outcome {
	FAST_TAKEN,        /* translated and sent on, here */
	FAST_NOT_IPV4,     /* another ethertype: VLAN, ARP, IPv6 */
	FAST_MALFORMED,    /* shorter than its headers say */
	FAST_OPTIONS,      /* an IP header with options */
	FAST_FRAGMENT,     /* of a datagram that is not taken */
	FAST_TTL,          /* this is its last hop */
	FAST_PROTOCOL,     /* neither TCP, UDP, ICMP echo nor ESP */
	FAST_IKE,          /* UDP with our end on port 500 */
	FAST_TCP_FLAGS,    /* SYN, FIN or RST */
	FAST_NO_FLOW,      /* in no table */
	FAST_CLOSED,       /* the engine has to see what comes of this flow */
	FAST_ALONE,        /* nobody has watched over the flows for too long */
	FAST_RULES,        /* the firewall's rules have not passed it yet */
	FAST_PROBE,        /* now and then, so that the rules are asked again */
	FAST_LATE,         /* ESP, not after the highest sequence number */
	FAST_NO_ROUTE,     /* the routes say no, or another interface */
	FAST_NO_NEIGHBOUR, /* its next hop's address is not known */
	FAST_TOO_BIG,      /* for the next interface */
	FAST_OVER_SOURCE,  /* dropped: its source has sent too many misses */
	FAST_OVER_ALL,     /* dropped: all sources together have */
	FAST_SPOILT,       /* dropped: the kernel could not rewrite it */
	FAST_OUTCOMES
};

/** A direction's, of all packets since the programs were loaded. */
struct fast_count {
	uint64_t packets, bytes; /* bytes of IP; of those that are none: 0 */
};

/** Of what programs and daemon share beside the engine's tables. */
#define FAST_LAYOUT_VERSION 1u

/** Counts are by side and outcome. */
#define FAST_COUNTS               (2 * FAST_OUTCOMES)
#define FAST_COUNT(side, outcome) ((unsigned)(side)*FAST_OUTCOMES + (outcome))

/** Constants of a program, which it is loaded with. */
struct fast_constants {
	struct spinat_layout layout;
	uint32_t devices[2]; /* interface indexes, by side */
	int64_t clock_begin; /* what the engine's clock is ahead of monotonic
			      * time, ns */
};

/** What may change while a program runs. */
struct fast_settings {
	/** The age of the firewall's rules: 1 to FAST_EPOCH_LAST, then 1 again.
	 * What they passed in another one, they pass anew.  0: nothing is
	 * taken. */
	uint8_t epoch;
	/** The daemon's last sign of life, and for how long after it packets
	 * are taken. */
	tick alive, linger;
	struct fast_limits limits;
};

/** A daemon whose sign of life is older is away: a probe would be lost. */
#define FAST_LATE_TICKS 2

#define FAST_EPOCH_LAST 0x7f

/*
 * The high bits of a counter's bytes say in which epoch a packet of this flow
 * and direction last left the gateway, past all rules.
 *
 * Every FAST_PROBE_TICKS one packet of each goes the long way all the same: a
 * probe.  So the kernel's connection tracking does not forget the flow, and
 * rules that nobody said have changed are asked.  Until it is seen leaving,
 * others are taken as before; if it is not by the next time, none are.
 */
#define FAST_PROBE_BITS  9 /* ticks: 69 s */
#define FAST_PROBE_TICKS (1u << FAST_PROBE_BITS)
#define FAST_PROBING     0x80

static inline uint8_t fast_passed(const struct flow_counter *counter)
{
	return (uint8_t)(counter->passed_bytes >> FLOW_BYTES_BITS);
}

static inline void fast_set_passed(struct flow_counter *counter, uint8_t passed)
{
	counter->passed_bytes = (counter->passed_bytes & FLOW_BYTES_MASK) |
	    (uint64_t)passed << FLOW_BYTES_BITS;
}

/** Whether a probe is due: another span has begun since the last packet.  Spans
 * begin at another time for each flow. */
static inline bool fast_is_probe_due(
    const struct flow_counter *counter, uint32_t number, tick now)
{
	const tick last = tick_of_stamp(
	    now, (uint32_t)counter->packets_stamp & TICK_STAMP_MASK);
	const tick phase = number * 37u;

	return (last + phase) >> FAST_PROBE_BITS !=
	    (now + phase) >> FAST_PROBE_BITS;
}

/** The present packet is the last one of the span that begins with it. */
static inline void fast_note_probe(struct flow_counter *counter, tick now)
{
	counter->packets_stamp =
	    (counter->packets_stamp & ~(uint64_t)TICK_STAMP_MASK) |
	    (now & TICK_STAMP_MASK);
}

#endif
