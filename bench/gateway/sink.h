/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the sink counts, shared between its program and whoever reads it.
 */
#ifndef SPINAT_BENCH_GATEWAY_SINK_H
#define SPINAT_BENCH_GATEWAY_SINK_H

#include <linux/types.h>

#define SINK_CPUS 256u /* a power of two */

/** Of one CPU, a cache line, so that two of them do not meet in it. */
struct sink_count {
	__u64 packets;
	__u64
	    foreign; /* of those, whose source address is not the public one */
	__u64 rest[6];
};

#endif
