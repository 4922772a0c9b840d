/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the program that writes packets for another one, and whoever runs it,
 * both know: what each CPU writes, and how long that took.
 */
#ifndef SPINAT_BENCH_GATEWAY_SPREAD_H
#define SPINAT_BENCH_GATEWAY_SPREAD_H

#include "bench/gateway/frame.h"

#define SPREAD_CPUS 256u /* a power of two */

/** Of one CPU, two cache lines long: wherever they begin, two of them do not
 * meet in one. */
struct spread_cpu {
	/* Its flows: every `step`th one from `first` on, `flows` of them. */
	__u32 flows, step, first;
	__u32 turn;                 /* how many packets it has written */
	__u32 random;               /* of which flow the next one is; not 0 */
	struct frame_stamps stamps; /* its first and last look at the clock */
	__u32 rest[20];
};

/** What is measured: between two times of the monotonic clock, ns.  No CPU is
 * alone in it. */
struct spread_window {
	__u64 begin, end;
};

#endif
