/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grace periods: records of flows that ended are used again only when no
 * program in the kernel may still be looking at them.
 *
 * Waiting takes the kernel milliseconds, so a thread does it, while packets go
 * on; it touches nothing of the engine's.
 */
#ifndef SPINAT_DAEMON_GRACE_H
#define SPINAT_DAEMON_GRACE_H

#include <event2/event.h>

#include "conf/error.h"
#include "spinat/spinat.h"

struct grace;

/** Begins; until grace_close() the engine's ended flows are given back. */
int grace_open(struct grace **grace, struct event_base *base,
    struct spinat *engine, struct error *error);
/** Waits for the thread.  NULL is allowed. */
void grace_close(struct grace *grace);

#endif
