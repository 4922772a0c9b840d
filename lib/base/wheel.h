/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hierarchical timing wheel (Varghese, Lauck 1987) over records of one slab.
 *
 * Four levels of 64 slots; a slot of level n spans 64^n ticks.  Arming and
 * cancelling are O(1); a timer moves down a level at most three times.  The
 * wheel links records by number through a node inside each, so it works on
 * memory that is mapped elsewhere, and owns nothing but its heads.
 *
 * Invariant: a node on level n > 0 lies in a slot other than the clock's own
 * slot of that level, unless that slot is just being emptied.
 * Limit: a deadline may lie at most 64^4 - 1 ticks (26 days) ahead.
 */
#ifndef SPINAT_BASE_WHEEL_H
#define SPINAT_BASE_WHEEL_H

#include "base/tick.h"

#define WHEEL_LEVELS    4
#define WHEEL_SLOT_BITS 6
#define WHEEL_SLOTS     (1u << WHEEL_SLOT_BITS)

/** Lies inside a record.  Zeroed: not armed. */
struct wheel_node {
	uint32_t next; /* record number, 0: end */
	uint32_t prev; /* record number, or WHEEL_HEAD | level << 6 | slot */
	tick deadline;
};

#define WHEEL_HEAD UINT32_C(0x80000000)

struct wheel {
	uint8_t *nodes; /* the node of record 0 */
	size_t stride;  /* bytes from one record to the next */
	tick clock;     /* all deadlines before it have fired */
	uint32_t heads[WHEEL_LEVELS][WHEEL_SLOTS];
	uint64_t occupied[WHEEL_LEVELS];
};

/** Called for each timer that is due; it is disarmed already. */
typedef void wheel_fire(void *context, uint32_t record);

/** `nodes` points at the node of record 0; records count from 1. */
void wheel_init(struct wheel *wheel, void *nodes, size_t stride, tick now);
/** Arms or moves the timer of a record.  A past deadline fires at once. */
void wheel_arm(struct wheel *wheel, uint32_t record, tick deadline);
void wheel_cancel(struct wheel *wheel, uint32_t record);
bool wheel_is_armed(const struct wheel *wheel, uint32_t record);
/** Fires what is due at `now`, touching at most *budget nodes; what is left is
 * left for the next call. */
void wheel_advance(struct wheel *wheel, tick now, unsigned *budget,
    wheel_fire *fire, void *context);
/** When wheel_advance() next has work: a tick not before the clock.  False: no
 * timer is armed. */
bool wheel_next(const struct wheel *wheel, tick *next);

#endif
