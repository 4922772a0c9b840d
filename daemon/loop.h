/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop: packets from the back end through the engine and back, the
 * engine's timers, signals.
 */
#ifndef SPINAT_DAEMON_LOOP_H
#define SPINAT_DAEMON_LOOP_H

#include <event2/event.h>

#include "backend/backend.h"

struct loop;

/** Everything handed in is borrowed until loop_close(). */
int loop_open(struct loop **loop, struct event_base *base,
    struct spinat *engine, const struct backend_ops *ops,
    struct backend *backend, struct error *error);
/** Until SIGTERM or SIGINT (0), or the back end breaks (-errno, logged). */
int loop_run(struct loop *loop);
/** Whatever waits is done, after the end of loop_run(). */
void loop_drain(struct loop *loop);
void loop_close(struct loop *loop);

#endif
