/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NAT traversal (RFC 3947, RFC 3948, RFC 7296 2.23) is plain UDP to us.  All
 * we want to know is which IKE SA moved to port 4500: its host then sends ESP
 * inside UDP, and no unknown raw SPI can be its own.
 */
#ifndef SPINAT_PROTO_NATT_H
#define SPINAT_PROTO_NATT_H

#include "engine.h"

/** Should be called after a UDP session was opened from the inside. */
void natt_session_opened(struct spinat *engine, const struct view *view);

#endif
