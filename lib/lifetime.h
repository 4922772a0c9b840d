/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long things live.  Packets only leave stamps; a timer that fires reads
 * them, and either ends its record or waits on until its true deadline.
 */
#ifndef SPINAT_LIFETIME_H
#define SPINAT_LIFETIME_H

#include "engine.h"

/** When the flow ends if nothing more comes. */
tick lifetime_of_flow(const struct spinat *engine, uint32_t number);
tick lifetime_of_ike(const struct spinat *engine, uint32_t number);

/** The latest sign of life of an association: ESP or IKE, either side. */
tick lifetime_peer_activity(const struct spinat *engine, uint32_t peer);

#endif
