/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one clock of the daemon: monotonic, in nanoseconds.  Only the daemon
 * reads it; the engine is told.
 */
#ifndef SPINAT_DAEMON_CLOCK_H
#define SPINAT_DAEMON_CLOCK_H

#include <time.h>

#include "spinat/spinat.h"

#define CLOCK_NSEC_PER_MSEC INT64_C(1000000)

static inline spinat_time clock_now(void)
{
	struct timespec at;

	/* Cannot fail: the clock exists and the pointer is good. */
	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	return (spinat_time)at.tv_sec * SPINAT_SECOND + at.tv_nsec;
}

#endif
