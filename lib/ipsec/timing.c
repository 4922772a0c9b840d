/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/timing.h"

#define MICROSECOND (SPINAT_SECOND / 1000000)
#define MILLISECOND (SPINAT_SECOND / 1000)

/* The best of several bins is taken: that is worth as much by itself. */
#define CHOICE_COST 6
/* Intervals that differ by one part in so many are alike. */
#define ALIKE 16u
/* Trials until it is known of what kinds they are. */
#define KINDS_LEARNT 4u
/* An interval that moves by so many times a lag tells a clock from what
 * follows: a clock that is read so irregularly is so near by chance in one of
 * OF_CLOCKS trials at most. */
#define MOVED_TIMES 8u
#define OF_CLOCKS   3u
#define FOLLOWERS   8u
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

/* How much an interval differs from each of the kinds that there were.  It
 * takes the place of the one that it resembles, or of the oldest. */
static uint32_t interval_moves(struct timing *timing, uint32_t interval)
{
	uint32_t least = UINT32_MAX;
	unsigned nearest = 0;

	for (unsigned i = 0; i < KINDS_KEPT; i++) {
		const uint32_t kind = timing->kinds[i];
		const uint32_t change =
		    kind > interval ? kind - interval : interval - kind;
		if (change < least) {
			least = change;
			nearest = i;
		}
	}
	if (least > interval / ALIKE) {
		nearest = timing->oldest;
		timing->oldest = (uint8_t)((nearest + 1) % KINDS_KEPT);
	}
	timing->kinds[nearest] = interval;
	return least;
}

static void note_interval(
    struct timing *timing, spinat_time now, spinat_time lag)
{
	const uint32_t moves =
	    interval_moves(timing, microseconds(now - timing->last));

	if (timing->trials <= KINDS_LEARNT)
		return;
	for (unsigned bin = 0; bin < LAG_BINS; bin++) {
		if (moves < MOVED_TIMES * microseconds(edges[bin]))
			break;
		timing->moved[bin]++;
		if (lag < edges[bin])
			timing->held[bin]++;
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
		note_interval(timing, now, lag);
	timing->last = now;
}

/* What it weighs that the lags held when the intervals moved, if `of` in
 * FOLLOWERS do so: against a clock. */
static deciban weigh_held(
    const struct timing *timing, unsigned bin, unsigned of)
{
	const unsigned held = timing->held[bin];

	return deciban_of_many(held, (uint64_t)of * OF_CLOCKS, FOLLOWERS) +
	    deciban_of_many((unsigned)timing->moved[bin] - held,
		(uint64_t)(FOLLOWERS - of) * OF_CLOCKS,
		(uint64_t)FOLLOWERS * (OF_CLOCKS - 1));
}

/* Nearly all of what it sends are answers, or half of it, or it is a clock: a
 * third each. */
static deciban weigh_following(const struct timing *timing, unsigned bin)
{
	const deciban nearly = weigh_held(timing, bin, FOLLOWERS - 1);
	const deciban half = weigh_held(timing, bin, FOLLOWERS / 2);
	const deciban best = (nearly > half ? nearly : half) - deciban_of(3, 1);

	return best > 0 ? best : 0;
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

/* Of all that, what clocks that keep their distance do not explain either. */
static deciban weigh_unexplained(
    const struct timing *timing, deciban all, unsigned bin)
{
	const deciban most = weigh_following(timing, bin) +
	    (bin < CLOCKS_NEAR_BINS ? TIMING_OF_CLOCKS : CLOCKS_FAR);

	all -= CHOICE_COST;
	if (all > TIMING_MOST)
		all = TIMING_MOST;
	return all < most ? all : most;
}

void cover_packet(struct cover *cover, spinat_time now)
{
	const spinat_time gap = now - cover->last;

	if (cover->begun == 0)
		cover->begun = now;
	else
		for (unsigned bin = 0; bin < LAG_BINS; bin++)
			cover->within[bin] +=
			    gap < edges[bin] ? gap : edges[bin];
	cover->last = now;
}

/* With one packet more than there were: none is no proof. */
static spinat_time within(const struct cover *cover, unsigned bin)
{
	return cover->within[bin] + 2 * edges[bin];
}

struct streams streams_of(
    const struct cover *first, const struct cover *second, spinat_time now)
{
	struct streams streams = {
	    .span = first->begun == 0 ? 0 : now - first->begun};

	for (unsigned bin = 0; bin < LAG_BINS; bin++) {
		const spinat_time one = within(first, bin);
		const spinat_time other = within(second, bin);
		streams.within[bin] = one > other ? one : other;
	}
	return streams;
}

/* The probability of a lag within a bin is chance / of. */
static uint64_t chance_of(const struct streams *streams, unsigned bin)
{
	return (uint64_t)(streams->within[bin] / MICROSECOND);
}

static uint64_t span_of(spinat_time span, unsigned bin)
{
	return (uint64_t)((span + edges[bin]) / MICROSECOND);
}

deciban timing_coincidence(const struct timing *timing,
    const struct streams *streams, spinat_time span)
{
	unsigned hits = 0;

	for (unsigned bin = 0; bin < LAG_BINS && timing->trials != 0; bin++) {
		const uint64_t chance = chance_of(streams, bin);
		const uint64_t of = span_of(span, bin);

		hits += timing->lags[bin];
		if (chance >= of)
			break;
		if (hits == timing->trials)
			return deciban_of(of, chance);
	}
	return 0;
}

deciban timing_weigh(const struct timing *timing, const struct streams *streams)
{
	deciban best = 0;
	unsigned hits = 0;

	if (timing->trials == 0)
		return 0;
	for (unsigned bin = 0; bin < LAG_BINS; bin++) {
		const uint64_t chance = chance_of(streams, bin);
		const uint64_t of = span_of(streams->span, bin);
		deciban weight;

		hits += timing->lags[bin];
		if (chance >= of)
			break;
		weight = weigh_unexplained(
		    timing, weigh_bin(timing, hits, chance, of), bin);
		if (weight > best)
			best = weight;
	}
	return best;
}
