/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events: what the caller asked to be told of.
 */
#ifndef SPINAT_EVENT_H
#define SPINAT_EVENT_H

#include "engine.h"

/** `why` is static storage or NULL. */
void event_packet(struct spinat *engine, enum spinat_event_kind kind,
    const struct view *view, enum spinat_reason reason, const char *why);
/** A fragment that was held is dropped after all. */
void event_held(struct spinat *engine, const struct key *datagram,
    uint32_t length, enum spinat_reason reason);
void event_flow(struct spinat *engine, enum spinat_event_kind kind,
    uint32_t flow, enum spinat_reason reason, const char *why);
/** An inside host said that it does not own an inbound SPI. */
void event_refuted(
    struct spinat *engine, uint32_t flow, be32 inside, const char *why);
void event_ike(struct spinat *engine, enum spinat_event_kind kind, uint32_t ike,
    enum spinat_reason reason, const char *why);
/** `by` (zero: nobody) is the other inside host that it is about. */
void event_peer(struct spinat *engine, enum spinat_event_kind kind,
    uint32_t peer, be32 by, const char *why);

/** Sends a packet of our own. */
void engine_emit(struct spinat *engine, enum spinat_side to,
    const uint8_t *data, size_t length);

#endif
