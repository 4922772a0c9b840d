/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An association ("peer"): one inside host and one remote gateway, through one
 * public address.  It ties together what belongs to one tunnel: the IKE SAs and
 * the SPIs of both directions, which keep each other alive.
 *
 * It exists for as long as it has any of these.  A remote's associations form
 * one list (ipsec/remote.h), so that asking "which inside hosts may this
 * unknown SPI belong to?" costs no more than their number.
 *
 * The gateway itself is one more host, whose inside address is the public one.
 * What is its own is followed like anybody's, and passed instead of translated.
 */
#ifndef SPINAT_IPSEC_PEER_H
#define SPINAT_IPSEC_PEER_H

#include "ipsec/expect.h"
#include "ipsec/remote.h"

struct peer {
	be32 inside, public_address, remote;
	uint32_t of;    /* its remote's record */
	uint32_t next;  /* of the same remote; free list */
	uint32_t flows; /* first SPI (flow number), by group_next */
	uint32_t ikes;  /* first IKE SA, by its next */
	uint16_t out_count, in_count, ike_count;
	uint8_t live;
	uint8_t redirected; /* a static rule names it */
	uint8_t astray;     /* not by its host's own public address */
	bool ended;         /* the remote ended it for a rival (rivals.h) */
	tick created;
	struct expects expects;
	/* It was given a request of the remote for an IKE SA: what comes next,
	 * of other cookies, is for another, unless all have been asked. */
	tick asked;
	bool was_asked;
	/* Its IKE goes on from its own port; initial requests since the last
	 * answer to one, from the port that it has (ipsec/ike_port.h). */
	bool prefers_own;
	uint8_t requests;
	be16 port; /* its own, taken; 0: none */
	tick first_request;
	/* When it last began to send with a new SPI. */
	spinat_time began;
	/* A copy of what may be another host's was last given to it. */
	spinat_time copied;
	/* What the remote sent: protected IKE, and of that what was no answer;
	 * what it had sent before the host's last new IKE SA. */
	struct moment heard, told, before;
	struct single_watch watch;
	uint32_t mark; /* scratch of whoever walks a remote's list */
};

struct peers {
	struct peer *peers; /* [1 .. max] */
	uint32_t max, live, highest, free;
	uint32_t astray;      /* how many are */
	struct index by_pair; /* {inside, public, remote} */
	struct index by_port; /* {public, remote, port}: those with their own */
	struct remotes remotes;
	struct hash_seed seed;
};

/** Whether it is the gateway's own. */
static inline bool peer_is_own(const struct peer *peer)
{
	return be32_equal(peer->inside, peer->public_address);
}

void peers_init(struct peers *peers, struct arena *arena, uint32_t max,
    const uint8_t seed[16]);

uint32_t peer_find(
    const struct peers *peers, be32 inside, be32 public_address, be32 remote);
/** The first association of a remote; follow .next.  0: none. */
uint32_t peer_first_of(
    const struct peers *peers, be32 public_address, be32 remote);
/** The association whose own port this is; 0: nobody's. */
uint32_t peer_find_port(
    const struct peers *peers, be32 public_address, be32 remote, be16 port);
/** Enters the port of its own that was taken for it; false: no room. */
SPINAT_MUST_CHECK bool peer_set_port(
    struct peers *peers, uint32_t number, be16 port);
/** It has none any more. */
void peer_clear_port(struct peers *peers, uint32_t number);
/** How many associations a remote has through a public address. */
unsigned peer_count_of(
    const struct peers *peers, be32 public_address, be32 remote);
/** Whether nobody but the gateway itself has one with this remote. */
bool peer_only_own(const struct peers *peers, be32 public_address, be32 remote);
/** Finds or makes one; 0: the table is full. */
uint32_t peer_open(struct peers *peers, be32 inside, be32 public_address,
    be32 remote, tick now);
/** It is not by its host's own public address. */
void peer_set_astray(struct peers *peers, uint32_t number);
/** Frees it if nothing belongs to it any more. */
void peer_close_if_empty(struct peers *peers, uint32_t number);

#endif
