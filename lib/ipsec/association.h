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

#define ASSOCIATION_MAX_SPIS 32u /* each way */
#define ASSOCIATION_MAX_IKES 64u

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

/** An IKE SA of it was established, or an inbound SPI bound: its outbound SPIs
 * are no longer alone. */
void association_paired(struct spinat *engine, uint32_t peer);
bool association_is_paired(const struct spinat *engine, uint32_t peer);

/** Whether the host answered since this inbound SPI was bound: with ESP, or
 * with protected IKE. */
bool association_confirms(const struct spinat *engine, uint32_t flow_in);

/**
 * Whether an unknown inbound SPI of its remote may be this host's: it has an
 * IKE SA with protected messages from both sides that has not moved to UDP
 * 4500, or a confirmed inbound SPI, or a static rule.  `*why` says so in words
 * (static storage).
 */
bool association_is_candidate(
    const struct spinat *engine, uint32_t peer, const char **why);

enum association_choice {
	ASSOCIATION_NONE, /* nobody here talks to this remote */
	ASSOCIATION_ONE,
	ASSOCIATION_SEVERAL,
};

/** Who may own what arrives from a remote and is not known: the candidates; if
 * there are none, a host with nothing but an outbound SPI; else the static
 * rule's host, whose association is made.  `*peer` is set for ONE, and for
 * SEVERAL to the candidate most recently active.  `sender` (zero: none) is an
 * inside host that cannot be meant: it sent the packet itself, in a hairpin. */
enum association_choice association_choose(struct spinat *engine,
    be32 public_address, be32 remote, be32 sender, uint32_t *peer,
    const char **why);

/** The same for an inbound SPI: of several candidates, the only one that awaits
 * it, having begun to send with a new SPI of its own. */
enum association_choice association_choose_for_spi(struct spinat *engine,
    be32 public_address, be32 remote, be32 sender, uint32_t *peer,
    const char **why);

#endif
