/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IP id of what leaves under a public address (RFC 6864 5.3.1, RFC 7857).
 *
 * A receiver puts fragments together by {source, destination, protocol, IP id}.
 * Inside hosts choose their ids each for itself; behind one public address they
 * are one source.  So what is in fragments, or may come to be on its way, gets
 * another id here, out of one sequence for all that has the first three alike.
 *
 * Left alone are whole packets that must not be fragmented, whose id means
 * nothing, and whole ones so short that nobody will.  The probes that know
 * their answers by the id (traceroute) are among these.
 *
 * A sequence is found by a keyed hash and begins at random.  Where two meet in
 * one they go on together: ids come round sooner, and no other harm is done.  A
 * fast path draws from the same sequences, at the same time.
 */
#ifndef SPINAT_PACKET_IDENTITY_H
#define SPINAT_PACKET_IDENTITY_H

#include "base/arena.h"
#include "base/hash.h"
#include "packet/header.h"

#define IDENTITY_SEQUENCES 1024u /* a power of two */
#define IDENTITY_SHORT     576u  /* RFC 791: what every host takes */

struct identities {
	uint32_t *next; /* [IDENTITY_SEQUENCES] */
	struct hash_seed seed;
};

/** `seed` is 16 bytes, and may serve for something else: what is drawn here
 * tells nothing about that. */
void identities_init(
    struct identities *identities, struct arena *arena, const uint8_t seed[16]);

/** Whether the id of a packet of this total length means anything. */
static inline bool identity_matters(const uint8_t *ip, unsigned length)
{
	const uint16_t word = load_be16(ip + IP4_FRAGMENT).raw;

	return (length > IDENTITY_SHORT &&
		   (word & htobe16(IP4_DONT_FRAGMENT)) == 0) ||
	    (word & htobe16(IP4_MORE_FRAGMENTS | IP4_FRAGMENT_OFFSET)) != 0;
}

/** The number of the sequence of what has these addresses, from the source on,
 * and this protocol. */
static inline uint32_t identity_sequence(
    const struct hash_seed *seed, uint64_t addresses, uint8_t protocol)
{
	return (uint32_t)hash_words(seed, (uint32_t)addresses,
		   (uint32_t)(addresses >> 32), protocol, 0) %
	    IDENTITY_SEQUENCES;
}

/** The first of `count` ids that are drawn from a sequence; never zero, which a
 * raw socket takes for none. */
static inline be16 identity_draw_from(uint32_t *next, uint32_t count)
{
	const uint32_t drawn =
	    __atomic_fetch_add(next, count, __ATOMIC_RELAXED);

	return be16_from_host((uint16_t)(drawn % UINT16_MAX + 1));
}

/** The same of a packet's sequence. */
be16 identity_draw(
    struct identities *identities, const uint8_t *ip, unsigned count);

#endif
