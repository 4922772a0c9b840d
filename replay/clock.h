/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two clocks and the way between them: the captures' (ns since 1970) and the
 * engine's (monotonic ns, never negative).
 *
 * The first packet of all is REPLAY_START on the engine's clock.  It is not
 * zero because a stamp of zero means "never" in what the engine reports.
 *
 * A silence of more than REPLAY_SILENCE is that long to the engine: everything
 * in it has ended by then.  (Captures of devices that boot in 1970 and then
 * learn the time jump by half a century; an engine lasts 18 years of running.)
 */
#ifndef SPINAT_REPLAY_CLOCK_H
#define SPINAT_REPLAY_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "spinat/spinat.h"

#define REPLAY_START (60 * SPINAT_SECOND)

#define REPLAY_SILENCE (30 * 24 * 3600 * SPINAT_SECOND)

struct replay_clock {
	int64_t origin;     /* the captures' time of REPLAY_START */
	int64_t before;     /* what it was before the last long silence, */
	spinat_time end_at; /* which ended then */
};

/** Tells of the time between two packets, before the later one's is asked. */
void replay_clock_pass(struct replay_clock *clock, int64_t from, int64_t to);

spinat_time replay_clock_engine(
    const struct replay_clock *clock, int64_t stamp);
int64_t replay_clock_capture(
    const struct replay_clock *clock, spinat_time time);

#define REPLAY_STAMP_TEXT 32
/** "1700000000.123456789": seconds since 1970, always nine decimals. */
void replay_clock_format(char text[REPLAY_STAMP_TEXT], int64_t stamp);

#endif
