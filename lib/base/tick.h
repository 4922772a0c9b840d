/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ticks: the coarse clock of stamps and timers.  One tick is 2^27 ns, about
 * 134 ms, so that 24 bits of them span 26 days: more than the longest timeout
 * (SPINAT_TIMEOUT_MAX), hence a 24-bit stamp is never ambiguous while the
 * record that holds it has a timer.
 */
#ifndef SPINAT_BASE_TICK_H
#define SPINAT_BASE_TICK_H

#include "base/types.h"

#define TICK_SHIFT      27
#define TICK_STAMP_BITS 24
#define TICK_STAMP_MASK ((UINT32_C(1) << TICK_STAMP_BITS) - 1)

/** A point in time in whole ticks, modulo 2^32 (18 years): only the distance
 * of two ticks means something, never which of them is the larger number. */
typedef uint32_t tick;

/** Of two ticks that are less than 9 years apart. */
static inline bool tick_is_after(tick a, tick b)
{
	return (int32_t)(a - b) > 0;
}

static inline tick tick_later(tick a, tick b)
{
	return tick_is_after(a, b) ? a : b;
}

static inline tick tick_of(spinat_time now)
{
	return (tick)(now >> TICK_SHIFT);
}

/** The time of a tick that is at most 9 years away from now.  The clock may
 * start anywhere: a replay runs on its captures', which counts from 1970. */
static inline spinat_time tick_to_time(tick when, spinat_time now)
{
	const spinat_time whole =
	    (now >> TICK_SHIFT) + (int32_t)(when - tick_of(now));

	return whole * (INT64_C(1) << TICK_SHIFT);
}

/** A span rounded up, and one tick on top: never early. */
static inline tick tick_span(spinat_time span)
{
	return (tick)((span + (INT64_C(1) << TICK_SHIFT) - 1) >> TICK_SHIFT) +
	    1;
}

/** Others stamp by clocks of their own: what is ahead by less is now. */
#define TICK_AHEAD 1024u

/** The stamp of what happens now, where another was before: one that is ahead
 * stays, so that stamps never go back whoever's clock is late. */
static inline uint32_t tick_stamp(uint32_t before, tick now)
{
	return ((before - now) & TICK_STAMP_MASK) < TICK_AHEAD
	    ? before
	    : now & TICK_STAMP_MASK;
}

/** The full tick of a 24-bit stamp, not after `now`. */
static inline tick tick_of_stamp(tick now, uint32_t stamp)
{
	const uint32_t since = (now - stamp) & TICK_STAMP_MASK;

	return since > TICK_STAMP_MASK - TICK_AHEAD ? now : now - since;
}

#endif
