/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a flow makes of a packet: the other side's tuple, as it is to stand in
 * the packet, and what that does to its checksums.
 */
#ifndef SPINAT_FLOW_TRANSLATION_H
#define SPINAT_FLOW_TRANSLATION_H

#include "flow/flow.h"

struct translation {
	uint64_t addresses; /* source and destination, as they lie in memory */
	uint32_t ports;     /* the same; TCP and UDP */
	be16 id;            /* ICMP: the identifier */
	uint16_t address_delta;   /* for the IP header's checksum */
	uint16_t transport_delta; /* for the transport's */
};

/** Of a packet that matched on the side `seen`. */
static inline struct translation translation_of(
    const struct flow *flow, enum spinat_side seen)
{
	const struct flow_side *to = &flow->side[seen ^ 1];
	const uint16_t turn = (uint16_t)-seen; /* the way back: ~delta */

	return (struct translation){
	    .addresses = turn_pair32(load_pair32(&to->local), seen),
	    .ports = turn_pair16(to->ids.raw, seen),
	    .id = to->ids.port.local,
	    .address_delta = flow->address_delta ^ turn,
	    .transport_delta = flow->transport_delta ^ turn,
	};
}

#endif
