/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who owns what, and what the NAT made of it.
 *
 * Every SA has a number, its "key", that stands inside its packets.  The oracle
 * looks at packets as they come to the NAT and as they leave it.  A packet
 * counts as *due* if its owner lives, and could be known: protected IKE of its
 * tunnel had crossed the NAT both ways before.
 */
#ifndef SPINAT_SIM_ORACLE_H
#define SPINAT_SIM_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet.h"
#include "spinat/spinat.h"

struct world;
struct end;
struct tunnel;

#define ORACLE_WINDOW  1024u /* sequence numbers remembered */
#define ORACLE_BUCKETS 4096u

/** One direction of a child SA. */
struct sa_record {
	struct end *owner; /* who receives with it */
	uint32_t spi;
	uint32_t next_of_spi;  /* number of another in its bucket */
	bool dead;             /* its owner removed it */
	bool wrongly;          /* was once confirmed for another */
	uint64_t arrived;      /* at the NAT */
	uint64_t due, reached; /* of those that were due */
	uint64_t deliveries;   /* to anybody */
	uint64_t wrong;        /* to others than the owner */
	uint64_t misled;       /* lost while confirmed for another */
	uint32_t missed;       /* the first due one that did not reach */
	spinat_time first;     /* arrival at the NAT, or SPINAT_NEVER */
	spinat_time first_reached;
	spinat_time confirmed;    /* the engine says: rightly, its owner's */
	spinat_time wrong_since;  /* the engine says: confirmed, another's */
	spinat_time healed_after; /* the longest such time that ended */
	uint32_t *awaited;        /* owned; due ones that did not reach yet */
};

/** One IKE SA: its messages from outside go to one client. */
struct ike_record {
	struct end *inside;
	bool dead;
};

struct totals {
	uint64_t sas; /* that packets came for, from outside */
	uint64_t arrived, due, reached, deliveries, wrong, misled;
	uint64_t orphans, orphan_deliveries; /* the owner had removed the SA */
	uint64_t forged, forged_deliveries;  /* of no SA */
	uint64_t ike_due, ike_reached, ike_deliveries, ike_wrong;
	uint64_t outbound, outbound_lost; /* ESP and IKE from the inside */
	uint64_t swallowed, leaked;       /* provoked answers in clear */
	uint64_t wrong_confirmed;         /* SAs */
	uint64_t unconfirmed;             /* SAs, at the end */
	uint64_t unsound; /* packets that failed a check of nat.c */
	uint64_t slander; /* gateways wrongly said to serve one peer */
};

struct oracle {
	struct sa_record *sas; /* owned */
	size_t sa_count, sa_room;
	uint32_t by_spi[ORACLE_BUCKETS]; /* numbers: index + 1 */
	struct ike_record *ikes;         /* owned */
	size_t ike_count, ike_room;
	bool crossed[128][2]; /* by tunnel and side: protected IKE did */
	struct totals totals; /* what is not in records */
	spinat_time poll_next;
	/* the inbound packet now at the NAT */
	uint64_t key;
	uint32_t sequence;
	bool due, ike_initial;
	struct end *ike_owner; /* until it was given to him */
	unsigned ike_deliveries;
};

uint64_t oracle_add_sa(struct world *world, struct end *owner, uint32_t spi);
uint64_t oracle_add_ike(struct world *world, struct end *inside);
struct sa_record *oracle_sa(struct world *world, uint64_t key);
/** The client's end of an IKE SA; NULL: there is none. */
struct end *oracle_ike_owner(struct world *world, uint64_t key);
void oracle_sa_ended(struct world *world, uint64_t key);
void oracle_ike_ended(struct world *world, uint64_t key);

/** A packet comes to the NAT, before and after the engine had it. */
void oracle_before(
    struct world *world, enum spinat_side side, const struct packet *packet);
void oracle_after(struct world *world, enum spinat_side side,
    const struct packet *packet, const struct spinat_packet *verdict);
/** A packet leaves the NAT towards the inside, be it a copy or not. */
void oracle_to_inside(struct world *world, const struct packet *packet);
/** Looks at what the engine says of SPIs. */
void oracle_poll(struct world *world, bool now);

struct totals oracle_totals(const struct world *world);
/** Whether this packet is another's than this host's. */
bool oracle_is_anothers(
    struct world *world, const struct packet *packet, const struct end *end);

/** Whether an ESP packet is of an SA that its owner has (or has offered). */
bool oracle_is_alive(struct world *world, const struct packet *packet);
/** After the engine forgot all: nobody is known until IKE crossed again. */
void oracle_forget_crossed(struct world *world);

#endif
