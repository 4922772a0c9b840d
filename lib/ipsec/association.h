/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What belongs to an association, and who may be given what nobody claims.
 *
 * peer.h holds the records; this module hangs SPIs and IKE SAs on them, bounds
 * how many there may be, and answers the question that all of inbound IPsec
 * turns on: which inside host is this for?
 */
#ifndef SPINAT_IPSEC_ASSOCIATION_H
#define SPINAT_IPSEC_ASSOCIATION_H

#include "engine.h"

#define ASSOCIATION_MAX_SPIS 128u /* each way */
/* Inbound SPIs of one remote in probation at a time: what somebody who forges
 * its address can fill. */
#define ASSOCIATION_MAX_PROBATION 64u
#define ASSOCIATION_MAX_IKES      64u

/** Hangs a filled, published ESP flow on its association (flow->peer). */
void association_add_flow(struct spinat *engine, uint32_t flow);
void association_remove_flow(struct spinat *engine, uint32_t flow);
void association_add_ike(struct spinat *engine, uint32_t ike);
void association_remove_ike(struct spinat *engine, uint32_t ike);

/** The SPI of this kind, or IKE SA, that must end before one more may be had:
 * over the cap, the one that was idle longest (an IKE SA: an unprotected one
 * first); else 0. */
uint32_t association_surplus_flow(
    struct spinat *engine, uint32_t peer, enum spinat_flow_kind kind);
uint32_t association_surplus_ike(struct spinat *engine, uint32_t peer);

/** Its place in its remote's list of SPIs in probation. */
void association_enter_probation(struct spinat *engine, uint32_t flow);
void association_leave_probation(struct spinat *engine, uint32_t flow);
/** Of a remote that has as many in probation as it may: the one idle longest;
 * else 0. */
uint32_t association_surplus_probation(struct spinat *engine, uint32_t remote);

/** An IKE SA of it was established, or an inbound SPI bound: its outbound SPIs
 * are no longer alone. */
void association_paired(struct spinat *engine, uint32_t peer);
bool association_is_paired(const struct spinat *engine, uint32_t peer);

/** An inbound SPI first seen then is its own: the hint that fits best is closed
 * and returned, and the outbound SPI that began nearest to it awaits nothing
 * more.  association_unpair() takes that back. */
struct expect association_pair(struct spinat *engine, uint32_t peer, tick seen);
void association_unpair(
    struct spinat *engine, uint32_t peer, tick seen, struct expect hint);
/** Its IKE SA is older than what is remembered: so may its SPIs be.  What it
 * sends with that has no inbound SPI beside it awaits one. */
void association_resumed(struct spinat *engine, uint32_t peer);
/** Whether it sends with an SPI that began not long before `seen`, or since,
 * and that no inbound one is paired with. */
bool association_awaits(const struct spinat *engine, uint32_t peer, tick seen);

/** Whether it was given a copy of another's packet so lately that what it says
 * now may come of that. */
bool association_was_given_copy(const struct spinat *engine, uint32_t peer);

/** Whether the host sent ESP, or protected IKE, since that tick. */
bool association_spoke_since(
    const struct spinat *engine, uint32_t peer, tick since);

/** Whether the remote sent it anything since that tick. */
bool association_was_heard(
    const struct spinat *engine, uint32_t peer, tick since);

/**
 * Whether an unknown inbound SPI of its remote may be this host's: it has an
 * IKE SA with protected messages from both sides that has not moved to UDP
 * 4500, or a confirmed inbound SPI, or a static rule.  `*why` says so in words
 * (static storage).
 */
bool association_is_candidate(
    const struct spinat *engine, uint32_t peer, const char **why);

/** Who may own what arrives from a remote and is not known. */
struct candidates {
	unsigned count;
	uint32_t latest;      /* the one most recently active */
	enum binding_why why; /* SOLE, ONLY_SENDER or RULE */
};

/** The candidates among a remote's associations; if there are none, the hosts
 * with nothing but an outbound SPI; else the static rule's host, whose
 * association is made.  `sender` (zero: none) is an inside host that cannot be
 * meant: it sent the packet itself, in a hairpin. */
struct candidates association_candidates(
    struct spinat *engine, be32 public_address, be32 remote, be32 sender);
/** Whether an association is one of those that association_candidates() counts:
 * `why` is what it said. */
bool association_is_one_of(
    const struct spinat *engine, uint32_t peer, enum binding_why why);

#endif
