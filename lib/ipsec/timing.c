/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/timing.h"

#define MICROSECOND (SPINAT_SECOND / 1000000)
#define MILLISECOND (SPINAT_SECOND / 1000)

/* The best of several bins is taken: that is worth as much by itself. */
#define CHOICE_COST 6
/* Trials before it can be said what kind of stream it is. */
#define TELLING_TRIALS 6u
/* As many different intervals, in tenths, as no few clocks make. */
#define IRREGULAR_TENTHS 35u
/* What follows another stream has lags that move less than its intervals by
 * this; by sqrt(3) they do for a clock that is merely read late. */
#define FOLLOWS_TIMES 3u
#define FOLLOWS_SLACK 10u /* us a trial */
/* Of what may be clocks: near, as answers come, and far. */
#define CLOCKS_NEAR_BINS 3u
#define CLOCKS_FAR       4

static const spinat_time edges[LAG_BINS] = {
    250 * MICROSECOND,
    1 * MILLISECOND,
    4 * MILLISECOND,
    16 * MILLISECOND,
    64 * MILLISECOND,
    256 * MILLISECOND,
};

void timing_begin(struct timing *timing, spinat_time now)
{
	timing->begun = now;
}

/* In microseconds, a minute at most. */
static uint32_t microseconds(spinat_time span)
{
	const spinat_time most = 60 * SPINAT_SECOND;

	return (uint32_t)((span < most ? span : most) / MICROSECOND);
}

/* The least change against one of those kept, which it then replaces. */
static uint32_t move(uint32_t kept[TRIALS_KEPT], unsigned place, uint32_t value)
{
	uint32_t least = UINT32_MAX;

	for (unsigned i = 0; i < TRIALS_KEPT; i++) {
		const uint32_t change =
		    kept[i] > value ? kept[i] - value : value - kept[i];
		if (change < least)
			least = change;
	}
	kept[place % TRIALS_KEPT] = value;
	return least;
}

static void count_interval(struct timing *timing, uint32_t interval)
{
	const unsigned bin = (unsigned)log2_fixed(interval / 1000 + 1) >> 15;
	uint8_t *count = &timing->intervals[bin % INTERVAL_BINS];

	if (*count == UINT8_MAX)
		for (unsigned i = 0; i < INTERVAL_BINS; i++)
			timing->intervals[i] /= 2;
	++*count;
}

static void note_trial(struct timing *timing, spinat_time now, spinat_time lag)
{
	const uint32_t interval = microseconds(now - timing->last);
	const uint32_t lags =
	    move(timing->kept_lags, timing->trials, microseconds(lag));
	const uint32_t intervals =
	    move(timing->kept_intervals, timing->trials, interval);

	count_interval(timing, interval);
	if (timing->trials > TRIALS_KEPT) {
		timing->lag_moves += lags;
		timing->interval_moves += intervals;
	}
}

void timing_end(struct timing *timing, spinat_time now)
{
	const spinat_time lag = now - timing->begun;

	if (timing->begun == 0 || timing->trials == UINT16_MAX)
		return;
	for (unsigned bin = 0; bin < LAG_BINS; bin++)
		if (lag < edges[bin]) {
			timing->lags[bin]++;
			break;
		}
	timing->begun = 0;
	timing->trials++;
	if (timing->last != 0)
		note_trial(timing, now, lag);
	timing->last = now;
}

/* How many different intervals there were, in tenths: the inverse of the
 * probability that two of them are alike (Simpson, 1949). */
static unsigned different_tenths(const struct timing *timing)
{
	unsigned sum = 0, squares = 0;

	for (unsigned i = 0; i < INTERVAL_BINS; i++) {
		sum += timing->intervals[i];
		squares +=
		    (unsigned)timing->intervals[i] * timing->intervals[i];
	}
	return squares == 0 ? 10 : 10 * sum * sum / squares;
}

static bool follows_jitter(const struct timing *timing)
{
	return timing->trials >= TELLING_TRIALS + TRIALS_KEPT &&
	    timing->interval_moves >=
	    (uint64_t)timing->lag_moves * FOLLOWS_TIMES +
		timing->trials * FOLLOWS_SLACK;
}

/* Whether it may be a few clocks that keep their distance. */
static bool may_be_clocks(const struct timing *timing)
{
	return timing->trials < TELLING_TRIALS ||
	    (different_tenths(timing) < IRREGULAR_TENTHS &&
		!follows_jitter(timing));
}

/* What it weighs that `hits` of the trials had a lag under `edge`. */
static deciban weigh_bin(
    const struct timing *timing, unsigned hits, uint64_t chance, uint64_t of)
{
	const unsigned trials = timing->trials;

	/* Laplace's rule of succession for the host that does answer. */
	if ((uint64_t)(hits + 1) * of <= chance * (trials + 2))
		return 0;
	return deciban_of_many(
		   hits, (uint64_t)(hits + 1) * of, chance * (trials + 2)) +
	    deciban_of_many(trials - hits, (uint64_t)(trials - hits + 1) * of,
		(of - chance) * (trials + 2));
}

/* Of all that, what is independent. */
static deciban weigh_independent(
    const struct timing *timing, deciban all, unsigned bin)
{
	const unsigned tenths = different_tenths(timing);
	unsigned independent = timing->trials * 10u;
	deciban most = TIMING_MOST;

	if (may_be_clocks(timing))
		most = bin < CLOCKS_NEAR_BINS ? TIMING_OF_CLOCKS : CLOCKS_FAR;
	if (tenths < independent)
		independent = tenths;
	all = all * (int)independent / (int)(timing->trials * 10u);
	all -= CHOICE_COST;
	return all < most ? all : most;
}

/* The probability of a lag within a bin is at most chance / of.  One packet
 * more than there were: none is no proof. */
static uint64_t chance_of(uint32_t packets, unsigned bin)
{
	return (uint64_t)(packets + 1) * (uint64_t)(edges[bin] / MICROSECOND);
}

static uint64_t span_of(spinat_time span, unsigned bin)
{
	return (uint64_t)((span + edges[bin]) / MICROSECOND);
}

deciban timing_coincidence(
    const struct timing *timing, uint32_t packets, spinat_time span)
{
	unsigned hits = 0;

	for (unsigned bin = 0; bin < LAG_BINS && timing->trials != 0; bin++) {
		const uint64_t chance = chance_of(packets, bin);
		const uint64_t of = span_of(span, bin);

		hits += timing->lags[bin];
		if (chance >= of)
			break;
		if (hits == timing->trials)
			return deciban_of(of, chance);
	}
	return 0;
}

deciban timing_weigh(
    const struct timing *timing, uint32_t packets, spinat_time span)
{
	deciban best = 0;
	unsigned hits = 0;

	if (timing->trials == 0)
		return 0;
	for (unsigned bin = 0; bin < LAG_BINS; bin++) {
		const uint64_t chance = chance_of(packets, bin);
		const uint64_t of = span_of(span, bin);
		deciban weight;

		hits += timing->lags[bin];
		if (chance >= of)
			break;
		weight = weigh_independent(
		    timing, weigh_bin(timing, hits, chance, of), bin);
		if (weight > best)
			best = weight;
	}
	return best;
}
