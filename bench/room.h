/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory that a measured engine works in: such as the daemon gives it
 * without a fast path and with one, and something between the two that tells
 * what of the difference is the size of pages.
 */
#ifndef SPINAT_BENCH_ROOM_H
#define SPINAT_BENCH_ROOM_H

#include <stddef.h>

#include "conf/error.h"
#include "spinat/spinat.h"

enum room_kind {
	ROOM_HUGE,  /* the process's own, on 2 MiB pages where there are any */
	ROOM_SMALL, /* the process's own, on 4 KiB pages */
	ROOM_MAPS,  /* tables in BPF arrays, mapped (4 KiB), the rest as HUGE */
	ROOM_KINDS
};

struct fast;

struct room {
	void *base; /* what is the engine's alone; without maps all of it */
	size_t size;
	struct fast *fast; /* NULL: no maps */
};

/** Makes an engine in memory of that kind, every page of which has been
 * touched.  Negative errno, and why, where it is not to be had: maps want root.
 */
int room_make(struct room *room, struct spinat **engine, enum room_kind kind,
    const struct spinat_config *config, spinat_time now, struct error *error);
/** Ends its engine's memory. */
void room_free(struct room *room);

/** Zeroed memory of the process's own, every page touched; NULL: none.  Given
 * back by munmap(). */
void *room_map(size_t size, enum room_kind kind);

#endif
