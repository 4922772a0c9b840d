/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A token bucket on the clock of ticks: how often something may happen.
 */
#ifndef SPINAT_BASE_BUCKET_H
#define SPINAT_BASE_BUCKET_H

#include "base/tick.h"

/** How much a bucket holds, and how fast it fills. */
struct bucket_rate {
	uint16_t burst;
	uint16_t a_second; /* at most 8191 */
};

/** Zeroed, it is empty: call bucket_fill(). */
struct bucket {
	uint32_t eighths; /* of a token */
	tick filled;
};

static inline void bucket_fill(
    struct bucket *bucket, struct bucket_rate rate, tick now)
{
	bucket->eighths = rate.burst * 8u;
	bucket->filled = now;
}

/* A tick is 1 / 7.45 second: an eighth is near enough, and on the low side. */
static inline void bucket_refill(
    struct bucket *bucket, struct bucket_rate rate, tick now)
{
	const uint64_t more = (uint64_t)(now - bucket->filled) * rate.a_second;
	const uint64_t all = bucket->eighths + more;

	bucket->eighths =
	    all < rate.burst * 8u ? (uint32_t)all : rate.burst * 8u;
	bucket->filled = now;
}

static inline bool bucket_has(const struct bucket *bucket, uint32_t tokens)
{
	return bucket->eighths >= tokens * 8;
}

/** Takes so many tokens, all or none; false: there are fewer. */
static inline bool bucket_take_many(
    struct bucket *bucket, struct bucket_rate rate, tick now, uint32_t tokens)
{
	bucket_refill(bucket, rate, now);
	if (!bucket_has(bucket, tokens))
		return false;
	bucket->eighths -= tokens * 8;
	return true;
}

static inline bool bucket_take(
    struct bucket *bucket, struct bucket_rate rate, tick now)
{
	return bucket_take_many(bucket, rate, now, 1);
}

#endif
