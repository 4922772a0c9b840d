/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The claims on an inbound SPI in probation: one for each inside host that may
 * own it, and what speaks for each.
 */
#ifndef SPINAT_IPSEC_CLAIMS_H
#define SPINAT_IPSEC_CLAIMS_H

#include "engine.h"

/** Claims of one SPI at most. */
#define CLAIMS_MOST 64u

static inline struct binding *binding_at(struct spinat *engine, uint32_t number)
{
	return &engine->bindings.bindings[number];
}

static inline struct claim *claim_at(struct spinat *engine, uint32_t number)
{
	return &engine->bindings.claims[number];
}

static inline struct remote *remote_of(struct spinat *engine, uint32_t peer)
{
	return &engine->peers.remotes.remotes[engine->peers.peers[peer].of];
}

/** Whether a claim counts: its association is still there, and its host has not
 * refused the SPI lately. */
bool claims_counts(const struct spinat *engine, const struct binding *binding,
    const struct claim *claim);

/** For people to see, why a claim does not count: its host said that it does
 * not own the SPI; its association ended. */
bool claims_is_refuted(const struct spinat *engine, const struct claim *claim);
bool claims_is_gone(
    const struct spinat *engine, uint32_t binding, const struct claim *claim);

/** What speaks for a claim: what score() weighs. */
void claims_evidence(const struct spinat *engine, uint32_t binding,
    const struct claim *claim, struct evidence *evidence);

/** One claim for each candidate there is now; those that expect an SPI first,
 * if there are very many.  `sender` (zero: none) cannot own it. */
void claims_update(struct spinat *engine, uint32_t binding, be32 sender);

#endif
