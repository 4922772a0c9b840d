/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables, as the programs see them.  Their sizes are set by the loader.
 */
#ifndef SPINAT_FAST_BPF_MAPS_H
#define SPINAT_FAST_BPF_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "fast/shared.h"
#include "flow/index.h"
#include "packet/identity.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))
/* Off the way of what is taken: its registers and stack are kept for that. */
#define SLOW_CALL __attribute__((noinline))

struct bucket {
	uint32_t slots[INDEX_BUCKET_SLOTS];
};

/* All in one: elements of 4 bytes would be padded. */
struct sequences {
	uint32_t next[IDENTITY_SEQUENCES];
};

/* An array that the daemon has mapped: the engine's own memory. */
#define TABLE(name, of)                                                        \
	struct {                                                               \
		__uint(type, BPF_MAP_TYPE_ARRAY);                              \
		__uint(map_flags, BPF_F_MMAPABLE);                             \
		__uint(max_entries, 1);                                        \
		__type(key, uint32_t);                                         \
		__type(value, of);                                             \
	} name SEC(".maps")

TABLE(flows, struct flow);
TABLE(counters_inside, struct flow_counter);
TABLE(counters_outside, struct flow_counter);
TABLE(index_buckets, struct bucket);
TABLE(spi_buckets, struct bucket);
TABLE(identities, struct sequences);
TABLE(settings, struct fast_settings);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FAST_COUNTS);
	__type(key, uint32_t);
	__type(value, struct fast_count);
} counts SEC(".maps");

const volatile struct fast_constants constants;

static ALWAYS_INLINE void count(
    enum spinat_side side, unsigned outcome, uint32_t bytes)
{
	const uint32_t number = FAST_COUNT(side, outcome);
	struct fast_count *counted = bpf_map_lookup_elem(&counts, &number);

	if (counted == NULL)
		return;
	counted->packets++;
	counted->bytes += bytes;
}

static ALWAYS_INLINE struct flow_counter *counter_of(
    enum spinat_side side, uint32_t number)
{
	return side == SPINAT_INSIDE
	    ? bpf_map_lookup_elem(&counters_inside, &number)
	    : bpf_map_lookup_elem(&counters_outside, &number);
}

/* What the coarse clock said when the kernel last counted a jiffy, which is
 * when it changes.  Asking it is a call; looking at jiffies is none.  For a
 * jiffy after its tick has changed, one CPU may be behind another by that. */
struct clock {
	uint64_t jiffies;
	tick now;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct clock);
} clocks SEC(".maps");

/* The engine's clock. */
static ALWAYS_INLINE tick tick_now(void)
{
	const uint32_t only = 0;
	const uint64_t jiffies = bpf_jiffies64();
	struct clock *clock = bpf_map_lookup_elem(&clocks, &only);

	if (clock == NULL)
		return 0;
	if (clock->jiffies != jiffies) {
		clock->now = tick_of(constants.clock_begin +
		    (spinat_time)bpf_ktime_get_coarse_ns());
		clock->jiffies = jiffies;
	}
	return clock->now;
}

static ALWAYS_INLINE const struct fast_settings *settings_now(void)
{
	const uint32_t only = 0;

	return bpf_map_lookup_elem(&settings, &only);
}

static ALWAYS_INLINE uint8_t epoch(void)
{
	const struct fast_settings *now = settings_now();

	return now == NULL ? 0 : now->epoch;
}

#endif
