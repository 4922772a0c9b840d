/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timing, over many seeds: what has nothing to do with a stream must not seem
 * to follow it, and what follows it must be found.
 */
#include "odds_fixture.h"

#include <math.h>
#include <stdio.h>

#include "ipsec/timing.h"

/* Two streams, merged, and the highest weight that there ever was. */
struct pair {
	struct timing timing;
	struct cover one, other;
	unsigned first, second; /* packets */
	deciban weight, most;
};

static void first_sends(struct pair *pair, spinat_time now)
{
	pair->first++;
	cover_packet(&pair->one, now);
	timing_begin(&pair->timing, now);
}

static void second_sends(struct pair *pair, spinat_time now)
{
	struct streams streams;

	if (pair->first == 0)
		return;
	pair->second++;
	cover_packet(&pair->other, now);
	timing_end(&pair->timing, now);
	streams = streams_of(&pair->one, &pair->other, now);
	pair->weight = timing_weigh(&pair->timing, &streams);
	assert_true(pair->weight >= 0 && pair->weight <= TIMING_MOST);
	if (pair->weight > pair->most)
		pair->most = pair->weight;
}

/* Two Poisson streams that know nothing of each other, looked at after every
 * packet. */
static deciban independent(
    uint64_t seed, double first_rate, double second_rate, unsigned packets)
{
	struct pair pair = {0};
	uint64_t random = seed;
	spinat_time first = SPINAT_SECOND + poisson(&random, first_rate);
	spinat_time second = SPINAT_SECOND + poisson(&random, second_rate);

	while (pair.first + pair.second < packets)
		if (first < second) {
			first_sends(&pair, first);
			first += poisson(&random, first_rate);
		} else {
			second_sends(&pair, second);
			second += poisson(&random, second_rate);
		}
	return pair.most;
}

static void test_independent_streams(void **state)
{
	static const double rates[][2] = {{1, 1}, {10, 10}, {50, 2}, {2, 50},
	    {0.05, 5}, {300, 300}, {1000, 10}};
	struct tally all = {0};
	(void)state;

	for (size_t r = 0; r < COUNT_OF(rates); r++) {
		struct tally tally = {0};
		char what[64];
		for (unsigned seed = 1; seed <= SEEDS; seed++) {
			const deciban most =
			    independent(seed, rates[r][0], rates[r][1], 200);
			count(&tally, most);
			count(&all, most);
		}
		(void)snprintf(what, sizeof what, "independent, %g and %g/s",
		    rates[r][0], rates[r][1]);
		show(what, &tally);
		assert_honest(&tally);
	}
	show("independent, all", &all);
}

/* Who answers irregular packets within a few ms. */
static struct pair answering(uint64_t seed, unsigned packets, double a_second)
{
	struct pair pair = {0};
	uint64_t random = seed;
	spinat_time now = SPINAT_SECOND;

	while (pair.first < packets) {
		const spinat_time next = poisson(&random, a_second);
		const spinat_time lag = between(&random, MS, 3 * MS);
		first_sends(&pair, now);
		if (lag < next)
			second_sends(&pair, now + lag);
		now += next;
	}
	return pair;
}

static void test_answers(void **state)
{
	unsigned low = 0;
	double sum = 0;
	(void)state;

	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		const struct pair pair = answering(seed, 30, 5);
		low += pair.most <= TIMING_OF_CLOCKS;
		sum += pair.most;
	}
	print_message("# who answers 30 irregular packets: %.1f decibans on "
		      "average, %u of %u not above %d\n",
	    sum / SEEDS, low, SEEDS, TIMING_OF_CLOCKS);
	assert_true(low * 1000 <= SEEDS);
	assert_true(sum / SEEDS > 20);
}

/* More of the same weighs no less, and never more than the most. */
static void test_answers_more(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 300; seed++) {
		const struct pair few = answering(seed, 12, 5);
		const struct pair many = answering(seed, 1000, 5);
		assert_true(many.weight >= few.weight);
		assert_true(many.weight > 20);
	}
}

/* Two clocks of one period, that keep whatever distance they happen to have,
 * read with a little jitter. */
static void test_clocks_are_capped(void **state)
{
	static const spinat_time periods[] = {20 * MS, 100 * MS, 1000 * MS};
	struct tally tally = {0};
	(void)state;

	for (unsigned seed = 1; seed <= SEEDS; seed++)
		for (size_t p = 0; p < COUNT_OF(periods); p++) {
			const spinat_time period = periods[p];
			struct pair pair = {0};
			uint64_t random = seed;
			const spinat_time distance =
			    between(&random, 0, period / 4);
			for (int i = 0; i < 300; i++) {
				const spinat_time now =
				    SPINAT_SECOND + i * period;
				first_sends(
				    &pair, now + between(&random, 0, MS / 10));
				second_sends(&pair,
				    now + distance + MS / 10 +
					between(&random, 0, MS / 10));
			}
			count(&tally, pair.most);
		}
	show("clocks of one period", &tally);
	assert_true(tally.most <= TIMING_OF_CLOCKS);
}

/* Streams that come in bursts, and another at random: a burst is one chance. */
static void test_bursts(void **state)
{
	struct tally tally = {0};
	(void)state;

	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct pair pair = {0};
		uint64_t random = seed;
		spinat_time first = SPINAT_SECOND, second = first;
		while (pair.second < 100) {
			for (unsigned i = test_below(&random, 30); i > 0; i--) {
				first_sends(&pair, first);
				first += MS / 10;
			}
			first += poisson(&random, 20);
			for (; second < first && pair.second < 100;
			     second += poisson(&random, 30))
				if (second > pair.one.last)
					second_sends(&pair, second);
		}
		count(&tally, pair.most);
	}
	show("bursts, and another at random", &tally);
	assert_honest(&tally);
}

/* The next reading of a clock of this period. */
static spinat_time reading(
    uint64_t *random, int i, spinat_time period, spinat_time jitter)
{
	return SPINAT_SECOND + i * period + between(random, 0, jitter + 1);
}

/* Clocks of one period read as irregularly as can be, two of them of one host:
 * it pings, and it answers its own gateway's pings. */
static deciban jittered_clocks(uint64_t seed, spinat_time period,
    spinat_time first_jitter, spinat_time second_jitter, bool two)
{
	struct pair pair = {0};
	uint64_t random = seed;
	const spinat_time distance[2] = {
	    between(&random, 0, period), between(&random, 0, period)};
	spinat_time next[3];
	int i[3] = {0};

	for (int stream = 0; stream < 3; stream++)
		next[stream] = stream == 0
		    ? reading(&random, 0, period, first_jitter)
		    : reading(&random, 0, period, second_jitter) +
			distance[stream - 1];
	while (pair.first < 300) {
		int soonest = next[1] < next[0] ? 1 : 0;
		if (two && next[2] < next[soonest])
			soonest = 2;
		if (soonest == 0) {
			first_sends(&pair, next[0]);
			next[0] =
			    reading(&random, ++i[0], period, first_jitter);
			continue;
		}
		second_sends(&pair, next[soonest]);
		next[soonest] =
		    reading(&random, ++i[soonest], period, second_jitter) +
		    distance[soonest - 1];
	}
	return pair.most;
}

static void test_jittered_clocks(void **state)
{
	static const int percent[] = {0, 1, 5, 20, 60};
	struct tally all = {0};
	(void)state;

	for (size_t one = 0; one < COUNT_OF(percent); one++)
		for (size_t other = 0; other < COUNT_OF(percent); other++) {
			struct tally tally = {0};
			for (unsigned seed = 1; seed <= SEEDS / 4; seed++) {
				const deciban most = jittered_clocks(seed,
				    50 * MS, percent[one] * MS / 2,
				    percent[other] * MS / 2, seed % 2);
				count(&tally, most);
				count(&all, most);
			}
			assert_true(tally.reach[1] * 20 <= tally.all);
		}
	show("jittered clocks of one period", &all);
	assert_true(all.reach[1] * 100 <= all.all);
	assert_true(all.reach[2] * 1000 <= all.all);
}

/* A stream of one period that jitters, and who answers it: the jitter comes
 * back. */
static void test_follower_of_jitter(void **state)
{
	unsigned low = 0;
	(void)state;

	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct pair pair = {0};
		uint64_t random = seed;
		for (int i = 0; i < 60; i++) {
			const spinat_time now = SPINAT_SECOND + i * 1000 * MS +
			    between(&random, 0, 30 * MS);
			first_sends(&pair, now);
			second_sends(
			    &pair, now + 2 * MS + between(&random, 0, MS / 4));
		}
		low += pair.most <= TIMING_OF_CLOCKS;
	}
	print_message("# who follows jitter: %u of %u not above %d\n", low,
	    SEEDS, TIMING_OF_CLOCKS);
	assert_true(low * 20 <= SEEDS);
}

/* Streams of which the denser had so many packets, one by one. */
static struct streams streams_with(uint64_t packets, spinat_time span)
{
	static const spinat_time edges[LAG_BINS] = {
	    MS / 4, MS, 4 * MS, 16 * MS, 64 * MS, 256 * MS};
	struct streams streams = {.span = span};

	for (unsigned bin = 0; bin < LAG_BINS; bin++)
		streams.within[bin] = (spinat_time)(packets + 1) * edges[bin];
	return streams;
}

/* How much of a time is near to packets: bursts overlap. */
static void test_cover(void **state)
{
	struct cover none = {0}, cover = {0};
	struct streams streams;
	(void)state;

	for (int i = 0; i < 3; i++)
		cover_packet(&cover, SPINAT_SECOND + i * 2 * MS);
	cover_packet(&cover, 2 * SPINAT_SECOND);
	streams = streams_of(&cover, &none, 3 * SPINAT_SECOND);
	assert_true(streams.span == 2 * SPINAT_SECOND);
	/* Three apart from each other by more than 1 ms, and less than 4: and
	 * two more than there were, the last and one that nobody saw. */
	assert_true(streams.within[1] == 3 * MS + 2 * MS);
	assert_true(streams.within[2] == 2 * MS + 2 * MS + 4 * MS + 8 * MS);
	/* The denser counts. */
	streams = streams_of(&none, &cover, 3 * SPINAT_SECOND);
	assert_true(streams.within[1] == 5 * MS);
	/* Before the first packet there is no time, and nothing is known. */
	assert_true(streams.span == 0);
}

static void test_timing_edges(void **state)
{
	const struct streams ten = streams_with(10, SPINAT_SECOND);
	const struct streams dense = streams_with(1000000, SPINAT_SECOND);
	const struct streams rare = streams_with(10, 1000 * SPINAT_SECOND);
	struct timing timing = {0};
	(void)state;

	/* No trial, no weight. */
	assert_int_equal(timing_weigh(&timing, &ten), 0);
	assert_int_equal(timing_coincidence(&timing, &ten, SPINAT_SECOND), 0);
	/* What nothing began ends nothing. */
	timing_end(&timing, 5 * SPINAT_SECOND);
	assert_int_equal(timing.trials, 0);
	/* A packet begins one trial, however many follow. */
	timing_begin(&timing, 5 * SPINAT_SECOND);
	timing_end(&timing, 5 * SPINAT_SECOND + MS);
	timing_end(&timing, 5 * SPINAT_SECOND + 2 * MS);
	assert_int_equal(timing.trials, 1);
	/* Streams as dense as the lag tell nothing. */
	assert_int_equal(timing_weigh(&timing, &dense), 0);
	/* Trials without end. */
	for (int i = 0; i < 100000; i++) {
		timing_begin(&timing, (6 + (spinat_time)i) * SPINAT_SECOND);
		timing_end(&timing, (6 + (spinat_time)i) * SPINAT_SECOND + MS);
		assert_in_range(timing_weigh(&timing, &rare), 0, TIMING_MOST);
	}
	assert_int_equal(timing.trials, UINT16_MAX);
}

/* One lag against the silence of a host that hardly ever sends. */
static void test_coincidence(void **state)
{
	static const struct {
		spinat_time lag, span;
		uint32_t packets;
	} cases[] = {
	    /* Within the bin that the lag is in, plus one packet. */
	    {MS / 2, 60 * SPINAT_SECOND, 1},
	    {3 * MS, 60 * SPINAT_SECOND, 1},
	    {3 * MS, 10 * SPINAT_SECOND, 9},
	    {200 * MS, 60 * SPINAT_SECOND, 1},
	};
	static const double edges[] = {1e-3, 4e-3, 4e-3, 256e-3};
	(void)state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct streams streams =
		    streams_with(cases[i].packets, cases[i].span);
		struct timing timing = {0};
		const double span = (double)cases[i].span / 1e9;
		const double odds =
		    (span + edges[i]) / (cases[i].packets + 1) / edges[i];

		timing_begin(&timing, SPINAT_SECOND);
		timing_end(&timing, SPINAT_SECOND + cases[i].lag);
		assert_true(
		    fabs(timing_coincidence(&timing, &streams, cases[i].span) -
			10 * log10(odds)) < 1);
		/* The farthest lag counts. */
		timing_begin(&timing, 2 * SPINAT_SECOND);
		timing_end(&timing, 2 * SPINAT_SECOND + 300 * MS);
		assert_int_equal(
		    timing_coincidence(&timing, &streams, cases[i].span), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_independent_streams),
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_answers_more),
	    cmocka_unit_test(test_clocks_are_capped),
	    cmocka_unit_test(test_bursts),
	    cmocka_unit_test(test_jittered_clocks),
	    cmocka_unit_test(test_follower_of_jitter),
	    cmocka_unit_test(test_cover),
	    cmocka_unit_test(test_timing_edges),
	    cmocka_unit_test(test_coincidence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
