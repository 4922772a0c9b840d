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

static inline struct claim *claim_at(struct spinat *engine, uint32_t number)
{
	return &engine->bindings.claims[number];
}

/** Whether the association that a claim is made for is still there. */
bool claims_is_valid(const struct spinat *engine, const struct binding *binding,
    const struct claim *claim);
/** Whether its host said lately that it does not own the SPI. */
bool claims_is_refuted(const struct spinat *engine, const struct claim *claim);
/** Whether it counts: valid, and not refuted. */
bool claims_counts(const struct spinat *engine, const struct binding *binding,
    const struct claim *claim);

/** What speaks for a claim: what score() weighs. */
void claims_evidence(const struct spinat *engine, uint32_t binding,
    const struct claim *claim, struct evidence *evidence);

/** One claim for each candidate there is now; those that expect an SPI first,
 * if there are very many.  `sender` (zero: none) cannot own it. */
void claims_update(struct spinat *engine, uint32_t binding, be32 sender);

#endif
