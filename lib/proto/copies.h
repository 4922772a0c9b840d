/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies of an inbound packet for further inside hosts: the packet with another
 * destination, given to the back end one after the other.
 */
#ifndef SPINAT_PROTO_COPIES_H
#define SPINAT_PROTO_COPIES_H

#include "engine.h"

/** Nobody gets any. */
static inline void copies_none(struct spinat *engine)
{
	engine->copies.count = 0;
	engine->copies.instead = (be32){0};
}

/** The gateway itself cannot be sent a copy.  If it is to get one it gets the
 * packet `instead`, and who would have had that, `to`, the copy. */
void copies_spare_gateway(struct copies *copies, be32 gateway, be32 to);
/** The packet is as it came from the outside, and is so again afterwards. */
void copies_send(struct spinat *engine, const struct view *view,
    const struct copies *copies);
/** The same for a later fragment, of which only the IP header is touched. */
void copies_send_fragment(struct spinat *engine, uint8_t *ip, size_t length,
    const struct copies *copies);

#endif
