/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A token bucket for log lines: so many a second, so many at once, and a
 * count of those kept back, so that a flood of packets is never a flood of
 * lines.
 */
#ifndef SPINAT_DAEMON_LIMIT_H
#define SPINAT_DAEMON_LIMIT_H

#include "spinat/spinat.h"

struct limit {
	uint32_t per_second; /* tokens that come back each second */
	uint32_t burst;      /* tokens at most, and at the start */
	uint32_t used;
	spinat_time since;  /* from when `used` is refilled */
	uint64_t held_back; /* since the last one allowed */
};

/** Takes a token.  When it gives true, `*held_back` says how many were refused
 * since it last did. */
static inline bool limit_allows(
    struct limit *limit, spinat_time now, uint64_t *held_back)
{
	spinat_time each = SPINAT_SECOND / limit->per_second;
	spinat_time back = (now - limit->since) / each;

	if (back >= limit->used) {
		limit->used = 0;
		limit->since = now;
	} else if (back > 0) {
		limit->used -= (uint32_t)back;
		limit->since += back * each;
	}
	if (limit->used >= limit->burst) {
		limit->held_back++;
		return false;
	}
	limit->used++;
	*held_back = limit->held_back;
	limit->held_back = 0;
	return true;
}

#endif
