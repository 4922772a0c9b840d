/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the load program know of each other: a load, the sink that
 * counts it, and the ways of making it.
 */
#ifndef SPINAT_BENCH_GATEWAY_LOAD_H
#define SPINAT_BENCH_GATEWAY_LOAD_H

#include <stdint.h>

#include "bench/gateway/frame.h"

/** How long a measurement goes on: until either is reached. */
struct span {
	double seconds;
	uint64_t packets;
};

struct tally {
	double seconds;
	uint64_t timed; /* packets that were sent in those seconds */
	uint64_t sent;
	uint64_t received;
	uint64_t foreign; /* received, but not translated */
};

/* sink.c: attached to a device of this namespace until the process ends. */
void sink_open(const char *device, uint32_t public_address);
uint64_t sink_received(void);
uint64_t sink_foreign(void);
/** Waits until that many have come, or nothing has for a while. */
void sink_settle(uint64_t expected);

/* live.c: frames made in the kernel. */
struct live;
struct live *live_open(const char *device);
/** Fills in what was sent; what was received is the sink's. */
void live_run(struct live *live, const struct frame_load *load,
    struct span span, struct tally *tally);
/** The highest sequence number that any SA of that load has had. */
uint32_t live_sequence(const struct live *live, const struct frame_load *load);
/** On another CPU, from now on until live_end(), which tells how many frames
 * it has made.  Not the one that live_run() is called with meanwhile. */
void live_begin(struct live *live, const struct frame_load *load, unsigned cpu);
uint64_t live_end(struct live *live);

/* echo.c: one packet at a time, there and back. */
void echo_run(const char *address, double seconds);

#endif
