/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's events as JSON lines: one object a line, keys sorted, equal
 * events give equal bytes.
 *
 * Always there: "event" (spinat_event_name), "about" ("packet", "flow" or
 * "ike"), "time", "reason" (spinat_reason_name) and "text" (one sentence).  The
 * rest depends on "about" and is described in spinat(1).  Times are strings of
 * seconds since 1970 with nine decimals, on the captures' clock; null: never.
 * SPIs are "0x%08x", IKE's cookies sixteen hexadecimal digits.
 */
#ifndef SPINAT_REPLAY_EVENTS_H
#define SPINAT_REPLAY_EVENTS_H

#include <stdint.h>

#include "conf/error.h"
#include "replay/clock.h"
#include "spinat/spinat.h"

struct events;

int events_create(
    struct events **events, const char *path, struct error *error);
/** Appends a line, with the claims on an inbound SPI that `engine` has; called
 * from its ops.event.  A failure is kept for events_finish(). */
void events_write(struct events *events, const struct replay_clock *clock,
    const struct spinat *engine, const struct spinat_event *event);
/** Flushes, closes and frees.  -errno: something could not be written.  NULL
 * is fine. */
int events_finish(struct events *events, struct error *error);

#endif
