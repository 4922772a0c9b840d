/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal: keeps what the engine knows of IPsec in a file, and gives it
 * back to the next engine, so that a restart costs no tunnel.
 *
 * A journal that cannot be had is never a reason not to start, or to stop: a
 * warning says what is wrong, and spinatd runs without.
 */
#ifndef SPINAT_DAEMON_JOURNAL_H
#define SPINAT_DAEMON_JOURNAL_H

#include <event2/event.h>

#include "conf/error.h"
#include "spinat/spinat.h"

struct journal;

/** Opens the file and puts back what it holds, before the first packet.
 * *journal stays NULL if there is none. */
void journal_open(
    struct journal **journal, const char *path, struct spinat *engine);
/** Begins to write, in a thread of its own.  That has the capabilities of this
 * moment: give them up before.  `base` is borrowed until journal_close(). */
void journal_start(struct journal *journal, struct event_base *base);
/** Writes what is left, as of now, and ends; of one that was not started
 * nothing is changed.  NULL: nothing. */
void journal_close(struct journal *journal);

#endif
