/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clocks of the daemon.  Only the daemon reads them; the engine is told.
 *
 * The engine's is monotonic, in nanoseconds.  It begins a year late: what the
 * journal brings back is older than the boot and must have a time all the same.
 */
#ifndef SPINAT_DAEMON_CLOCK_H
#define SPINAT_DAEMON_CLOCK_H

#include <time.h>

#include "spinat/spinat.h"

#define CLOCK_NSEC_PER_MSEC INT64_C(1000000)
#define CLOCK_BEGIN         (365 * 24 * 3600 * SPINAT_SECOND)

static inline spinat_time clock_read(clockid_t clock)
{
	struct timespec at;

	/* Cannot fail: the clock exists and the pointer is good. */
	(void)clock_gettime(clock, &at);
	return (spinat_time)at.tv_sec * SPINAT_SECOND + at.tv_nsec;
}

static inline spinat_time clock_now(void)
{
	return CLOCK_BEGIN + clock_read(CLOCK_MONOTONIC);
}

#endif
