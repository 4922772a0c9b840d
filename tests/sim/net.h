/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way between hosts and NAT.  The inside loses nothing; the outside has
 * latency, jitter, loss and reordering.  The oracle counts at the NAT, so what
 * the network loses is nobody's fault.
 */
#ifndef SPINAT_SIM_NET_H
#define SPINAT_SIM_NET_H

#include "packet.h"
#include "spinat/spinat.h"

struct world;
struct host;

struct net {
	double loss;    /* outside, either way */
	double reorder; /* share of packets that come late, others first */
	/** Scenarios: whether to lose a packet outside; NULL: none. */
	bool (*lose)(struct world *world, const struct packet *packet,
	    enum spinat_side from);
	uint64_t lost;
};

/** A host sends; the packet is the network's from here on. */
void net_send(struct world *world, struct host *from, struct packet *packet);
/** What the NAT lets out towards a side. */
void net_forward(
    struct world *world, enum spinat_side to, struct packet *packet);

#endif
