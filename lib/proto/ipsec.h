/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What IKE and ESP have in common on their way through.
 *
 * Hairpin: an inside host that sends to our public address with another inside
 * host behind it.  The packet goes out and in again: it is translated as any
 * outbound one, and what that gives is taken as an inbound packet from our own
 * public address, whose sender itself is no candidate.  Each of the two hosts
 * thus has an association with "the remote", which is our public address.
 */
#ifndef SPINAT_PROTO_IPSEC_H
#define SPINAT_PROTO_IPSEC_H

#include "engine.h"

/** Whether the gateway itself sends it: it is followed, and passed. */
static inline bool ipsec_is_own(const struct view *view)
{
	return view->side == SPINAT_INSIDE &&
	    (view->packet->flags & SPINAT_PACKET_OWN) != 0;
}

/** The association of an outbound packet's sender, made if need be; 0: there is
 * none, *verdict is given. */
uint32_t ipsec_sender(struct spinat *engine, const struct view *view,
    enum spinat_verdict *verdict);

/** Turns the view of a packet that was just translated outward into that of an
 * inbound one.  `hash` of the view is left to the caller. */
void ipsec_turn_inward(struct view *view);

/** There is no room, or no budget, for what a packet would open: refused.  But
 * what the gateway sends goes its way, and so does what comes from a remote
 * that only the gateway talks to. */
enum spinat_verdict ipsec_refuse(
    struct spinat *engine, const struct view *view, enum spinat_reason reason);

/** Nobody is found for an inbound packet.  In a hairpin it is ours and changed
 * already: dropped; else it may be the gateway's. */
enum spinat_verdict ipsec_unknown(struct spinat *engine,
    const struct view *view, be32 sender, enum spinat_reason reason);

#endif
