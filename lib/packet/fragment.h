/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtual reassembly (RFC 4787 REQ-14): later fragments follow their first.
 *
 * A *datagram* entry, keyed {protocol, source, destination, IP id, side},
 * remembers what became of the first fragment: its new addresses and IP id, or
 * that it was passed or dropped.  A fragment that comes before its first is
 * copied into chunks of a bounded pool and waits there.  Everything ends with
 * the datagram's timer.
 */
#ifndef SPINAT_PACKET_FRAGMENT_H
#define SPINAT_PACKET_FRAGMENT_H

#include "base/wheel.h"
#include "flow/index.h"
#include "packet/view.h"

#define FRAGMENT_CHUNK 1536u /* bytes of packet in a chunk */
#define FRAGMENT_MAX   9216u /* bytes of a held one: a jumbo frame */

struct fragment_chunk {
	uint32_t next;      /* chunk of the same packet, 0: last */
	uint32_t next_held; /* first chunk of the next held packet; free list */
	uint32_t length;    /* first chunk: of the whole packet */
	uint8_t data[FRAGMENT_CHUNK];
};

/** The inside hosts that get a copy of a packet beside the one it goes to. */
#define COPIES_MOST 7u

struct copies {
	unsigned count;
	be32 hosts[COPIES_MOST];
	be32 instead; /* who gets the packet itself; zero: whom it goes to */
};

/** What the first fragment's fate makes of the later ones. */
struct fragment_fate {
	uint8_t verdict; /* enum spinat_verdict; HELD: not known yet */
	uint8_t to, reason;
	be16 id;
	be32 source, destination; /* with the id: when TRANSLATED */
	struct copies copies;
};

struct datagram {
	struct key key;
	struct fragment_fate fate;
	uint32_t held; /* first chunk of the first held packet, oldest first */
	uint32_t held_count;
	uint32_t next; /* free list */
	struct wheel_node timer;
};

struct fragments {
	struct datagram *datagrams; /* [1 .. max] */
	struct fragment_chunk *chunks;
	uint8_t *whole; /* FRAGMENT_MAX bytes, to put a held packet together */
	uint32_t max, highest, free;
	uint32_t chunk_max, chunk_highest, chunk_free;
	uint32_t held; /* packets waiting */
	struct index index;
	struct wheel wheel;
	struct hash_seed seed;
};

void fragments_init(struct fragments *fragments, struct arena *arena,
    uint32_t max, const uint8_t seed[16], tick now);

/** The datagram a fragment belongs to; made if there is none (0: full). */
uint32_t fragment_datagram(
    struct fragments *fragments, const struct view *view, tick expires);
/** Keeps a copy; false: no room. */
SPINAT_MUST_CHECK bool fragment_hold(struct fragments *fragments,
    uint32_t number, const uint8_t *packet, uint32_t length);
/** Takes the oldest held packet out into fragments->whole; returns its length,
 * 0: none is left. */
uint32_t fragment_take(struct fragments *fragments, uint32_t number);
/** Ends a datagram whose held packets have been taken. */
void fragment_end(struct fragments *fragments, uint32_t number);

#endif
