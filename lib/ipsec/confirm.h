/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How sure the binding of an inbound SPI is: the moves between PROBATION,
 * CONFIRMED and SHARED (ipsec/binding.h), and what hangs on each.
 */
#ifndef SPINAT_IPSEC_CONFIRM_H
#define SPINAT_IPSEC_CONFIRM_H

#include "engine.h"

/** A new SPI is in probation; false: no room for its binding. */
SPINAT_MUST_CHECK bool confirm_begin(
    struct spinat *engine, uint32_t flow, enum binding_why why);

/** The holder owns it.  Its hint and its outbound SPI are paired. */
void confirm_owner(struct spinat *engine, uint32_t flow, enum binding_why why);

/** Several hosts own it: those whose claims say so. */
void confirm_shared(struct spinat *engine, uint32_t flow);

/** An SPI that is put back is shared as it was; who owns it is for the caller
 * to claim.  Its binding must have room (bindings_have_room()). */
void confirm_resume_shared(struct spinat *engine, uint32_t flow);

/** It may be somebody else's after all; false: no room for a binding. */
bool confirm_doubt(struct spinat *engine, uint32_t flow, enum binding_why why);

/** The time of a probation is over.  False: nothing ever confirmed it, it ends.
 */
bool confirm_outlives(struct spinat *engine, uint32_t flow);

#endif
