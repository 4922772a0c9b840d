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

/** What became of it so far. */
struct journal_stats {
	/* Of the start: records that are back, and those that are not. */
	unsigned back;
	unsigned run_out;   /* their timeout ran out meanwhile */
	unsigned elsewhere; /* of a public address or network not ours */
	unsigned no_room;
	unsigned damaged;
	/* Since then. */
	uint64_t rows;       /* written, in transactions that are complete */
	uint64_t errors;     /* transactions that failed */
	bool is_behind;      /* the last one did: it is tried again */
	spinat_time written; /* the last one, of clock_now(); 0: none yet */
};

/** Opens the file and puts back what it holds, before the first packet.
 * *journal stays NULL if there is none. */
void journal_open(
    struct journal **journal, const char *path, struct spinat *engine);
/** Begins to write, in a thread of its own.  That has the capabilities of this
 * moment: give them up before.  `base` is borrowed until journal_close(). */
void journal_start(struct journal *journal, struct event_base *base);
void journal_get_stats(struct journal *journal, struct journal_stats *stats);
/** Writes what is left, as of now, and ends; of one that was not started
 * nothing is changed.  NULL: nothing. */
void journal_close(struct journal *journal);

#endif
