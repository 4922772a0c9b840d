/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine under test, through its public header alone, with what must hold
 * for every packet: right checksums, nothing but addresses changed, no inside
 * address outside, no answer outside that a misdelivered packet provoked.
 */
#ifndef SPINAT_SIM_NAT_H
#define SPINAT_SIM_NAT_H

#include "packet.h"
#include "spinat/spinat.h"

struct world;

struct nat {
	struct spinat *engine;
	struct spinat_config config;
	void *memory;
	size_t memory_size;
	spinat_time timers; /* when the engine wants to be called */
	unsigned said;      /* that a remote serves one peer per address */
	unsigned moved;     /* hosts, to another public address for it */
};

void nat_open(struct world *world);
/** Before anything is sent: another configuration of IKE's ports. */
void nat_set_ike_ports(struct world *world, enum spinat_ike_ports policy);
void nat_close(struct world *world);
/** Gives it so many public addresses, before anything was sent. */
void nat_pool(struct world *world, unsigned addresses);
/** The engine forgets everything: a new one. */
void nat_restart(struct world *world);
/** A packet arrives at the NAT. */
void nat_receive(
    struct world *world, enum spinat_side side, struct packet *packet);

#endif
