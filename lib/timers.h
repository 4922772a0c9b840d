/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers: what is armed for a record, what fires, and how things end.
 */
#ifndef SPINAT_TIMERS_H
#define SPINAT_TIMERS_H

#include "engine.h"

/* Named events.  "Should be called after ..." */

/** ... a flow or IKE SA was made, or its state now wants it to end sooner. */
void timers_flow_changed(struct spinat *engine, uint32_t number);
void timers_ike_changed(struct spinat *engine, uint32_t number);

/** Ends a flow with everything that hangs on it. */
void timers_end_flow(
    struct spinat *engine, uint32_t number, enum spinat_reason reason);
void timers_end_ike(
    struct spinat *engine, uint32_t number, enum spinat_reason reason);

/** Fires what is due, touching at most `budget` timers of each kind. */
void timers_run(struct spinat *engine, unsigned budget);
/** The next tick at which timers_run() has work; false: never. */
bool timers_next(const struct spinat *engine, tick *next);

/** Forgets a fragmented datagram; what waits of it is dropped. */
void timers_end_datagram(struct spinat *engine, uint32_t datagram);

#endif
