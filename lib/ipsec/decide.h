/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deciding: who of those that claim an inbound SPI holds it, and whether that
 * is certain.
 */
#ifndef SPINAT_IPSEC_DECIDE_H
#define SPINAT_IPSEC_DECIDE_H

#include "engine.h"

/** Gives the SPI of a binding to whom it is most likely to be, and confirms it
 * if that is certain.  True: it is in probation no more, or (its flow did not
 * find room) no more at all. */
bool decide(struct spinat *engine, uint32_t binding);

#endif
