/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow: one record with two sides, found by either.
 *
 * The first 32 bytes are what translating a packet needs.  They do not change
 * while the flow is in an index, so that a kernel fast path may read them
 * beside us; a change is a new flow.  The rest is the engine's own.  Counters
 * lie in lines of their own, one array per direction.
 *
 * Hairpin (RFC 4787 REQ-9): side[OUTSIDE].remote is another inside host, and
 * both directions come from the inside; the two tuples tell them apart.
 */
#ifndef SPINAT_FLOW_FLOW_H
#define SPINAT_FLOW_FLOW_H

#include "base/wheel.h"
#include "flow/key.h"

/** The tuple of one side. */
struct flow_side {
	be32 local, remote;
	union key_ids ids;
};

enum flow_flag {
	FLOW_HAIRPIN = 1,
	FLOW_REDIRECTED = 2, /* made by a static rule: owns no port */
	FLOW_MAPPED = 4,     /* in the ring of flows that share a public port */
	FLOW_HEAD = 8,       /* the one of the ring that the index points at */
	FLOW_OWN = 16,       /* the gateway's: both sides are the same */
};

/** What a fast path may do with a flow, as far as the engine is concerned: it
 * takes packets of a side only while that is open, since only then there is
 * nothing that the engine has to see of them. */
enum flow_gate {
	FLOW_LIVE = 1,         /* it is in the table */
	FLOW_OPEN_INSIDE = 2,  /* packets from the inside */
	FLOW_OPEN_OUTSIDE = 4, /* packets from the outside */
	/* ESP out: what it sends tells whose an SPI in probation is */
	FLOW_WATCHED = 8,
};

/**
 * The state of a flow; each protocol uses its own rows.
 *
 * | state        | used by  | left for                                       |
 * |--------------|----------|------------------------------------------------|
 * | NEW          | sessions | REPLIED (the other side spoke), RESET          |
 * | REPLIED      | sessions | ESTABLISHED (TCP: the opener went on), FIN_*,  |
 * |              |          | RESET                                          |
 * | ESTABLISHED  | TCP      | FIN_INSIDE, FIN_OUTSIDE, RESET                 |
 * | FIN_INSIDE   | TCP      | CLOSING (FIN of the other side), RESET, NEW    |
 * | FIN_OUTSIDE  | TCP      | CLOSING, RESET, NEW (a fresh SYN)              |
 * | CLOSING      | TCP      | NEW (a fresh SYN), RESET                       |
 * | RESET        | TCP      | ESTABLISHED (data: the RST was not believed),  |
 * |              |          | NEW (a fresh SYN)                              |
 * | UNPAIRED     | ESP out  | PAIRED (IKE or an inbound SPI beside it)       |
 * | PAIRED       | ESP out  | -                                              |
 * | PROBATION    | ESP in   | CONFIRMED, SHARED (see ipsec/binding.h)        |
 * | CONFIRMED    | ESP in   | PROBATION                                      |
 * | SHARED       | ESP in   | PROBATION                                      |
 */
enum flow_state {
	FLOW_NEW,
	FLOW_REPLIED,
	FLOW_ESTABLISHED,
	FLOW_FIN_INSIDE,
	FLOW_FIN_OUTSIDE,
	FLOW_CLOSING,
	FLOW_RESET,
	FLOW_UNPAIRED,
	FLOW_PAIRED,
	FLOW_PROBATION,
	FLOW_CONFIRMED,
	FLOW_SHARED,
	FLOW_STATES
};

struct flow {
	struct flow_side side[2]; /* by enum spinat_side */
	uint8_t protocol;
	uint8_t key_kind;       /* what its keys' kinds have beside the side */
	uint8_t flags;          /* enum flow_flag */
	uint8_t origin;         /* enum spinat_side that opened it */
	uint16_t address_delta; /* outward, for the IP header's checksum */
	uint16_t transport_delta; /* outward, for the transport's checksum */

	uint8_t state; /* enum flow_state */
	uint8_t gate;  /* enum flow_gate, or-ed; 0: the record is free */
	union {
		uint16_t public_number; /* sessions: whose port it has */
		uint16_t binding;       /* ESP in: ipsec/binding.h; 0: none */
		uint16_t awaits; /* ESP out: no inbound one is paired with it */
	};
	uint32_t group_next; /* MAPPED: ring; ESP: the association's list */
	union {
		uint32_t group_prev;       /* MAPPED */
		uint32_t highest_sequence; /* ESP, host order */
	};
	uint32_t peer; /* ESP: its association */
	tick created;
	struct wheel_node timer; /* of a free record: next is the free list */
};

static_assert(sizeof(struct flow) == 64, "a flow is one cache line");

/** One direction's counters: packets in the high 40 bits of a word whose low
 * 24 bits are the tick of the last packet; bytes in the low 56 bits of one
 * whose high 8 bits are a fast path's. */
struct flow_counter {
	uint64_t passed_bytes;
	uint64_t packets_stamp;
};

#define FLOW_BYTES_BITS 56
#define FLOW_BYTES_MASK ((UINT64_C(1) << FLOW_BYTES_BITS) - 1)

static inline void flow_count(
    struct flow_counter *counter, uint32_t length, tick now)
{
	const uint64_t before = counter->packets_stamp;
	const uint32_t stamp = (uint32_t)before & TICK_STAMP_MASK;

	counter->passed_bytes += length;
	counter->packets_stamp = before - stamp +
	    (UINT64_C(1) << TICK_STAMP_BITS) + tick_stamp(stamp, now);
}

static inline uint64_t flow_counter_packets(const struct flow_counter *counter)
{
	return counter->packets_stamp >> TICK_STAMP_BITS;
}

static inline uint64_t flow_counter_bytes(const struct flow_counter *counter)
{
	return counter->passed_bytes & FLOW_BYTES_MASK;
}

static inline bool flow_is_live(const struct flow *flow)
{
	return (flow->gate & FLOW_LIVE) != 0;
}

/** Whether a flow is found by this key, which is one of the side `seen`. */
static inline bool flow_matches(
    const struct flow *flow, const struct key *key, enum spinat_side seen)
{
	const struct flow_side *side = &flow->side[seen];

	return load_pair32(&side->local) == load_pair32(&key->local) &&
	    side->ids.raw == key->ids.raw &&
	    key_same_head(&flow->protocol, &key->protocol);
}

/** The number of the record that a flow is put into if it is free, by the hash
 * of its key that has a home: it may be found there without the index. */
static inline uint32_t flow_home(uint64_t hash, uint32_t max_flows)
{
	return 1 + (uint32_t)((hash >> 32) * max_flows >> 32);
}

/** The one that is next to it, and so as good as read with it; maybe 0, or one
 * more than there are. */
static inline uint32_t flow_second_home(uint32_t home)
{
	return home ^ 1;
}

/** What it is: only ESP has two kinds of keys. */
static inline enum spinat_flow_kind flow_kind(const struct flow *flow)
{
	if (flow->protocol != IPPROTO_ESP)
		return SPINAT_FLOW_SESSION;
	return flow->key_kind == KEY_INSIDE_SPI_IN ? SPINAT_FLOW_ESP_IN
						   : SPINAT_FLOW_ESP_OUT;
}

/** The key under which this flow is found by packets of one side. */
struct key flow_key(const struct flow *flow, enum spinat_side side);
/** The one that all flows of its public port share. */
struct key flow_mapping_key(const struct flow *flow, enum spinat_side side);
/** Works out the two checksum deltas from the sides. */
void flow_set_deltas(struct flow *flow);
const char *flow_state_name(enum flow_state state);
/** The single setter: an illegal move is a fault of ours. */
void flow_set_state(struct flow *flow, enum flow_state state);
/** Opens and closes the gate of a flow in the table, after anything that it
 * follows from has changed. */
void flow_set_gate(struct flow *flow);
bool flow_state_allows(enum flow_state from, enum flow_state to);

#endif
