/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP errors that the engine sends of its own: rate limited.
 */
#ifndef SPINAT_PACKET_ICMP_ERROR_H
#define SPINAT_PACKET_ICMP_ERROR_H

#include "engine.h"

/** Answers a packet from the inside with "communication administratively
 * prohibited" (RFC 1812 5.2.7.1), from the first public address. */
void icmp_send_prohibited(struct spinat *engine, const struct view *view);

#endif
