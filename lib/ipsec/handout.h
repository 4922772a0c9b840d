/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who gets a packet of an inbound SPI whose owner is not certain, or that has
 * several: the holder, and within the budget copies to others; past it each
 * packet goes to one, by lot.
 */
#ifndef SPINAT_IPSEC_HANDOUT_H
#define SPINAT_IPSEC_HANDOUT_H

#include "engine.h"

/** Of an SPI in probation. */
void handout_candidates(struct spinat *engine, uint32_t binding, be32 sender,
    struct copies *copies);
/** Of a shared one. */
void handout_owners(struct spinat *engine, uint32_t binding, be32 sender,
    struct copies *copies);

#endif
