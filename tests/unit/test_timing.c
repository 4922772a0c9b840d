/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timing and turns, over many seeds: what has nothing to do with a stream must
 * not seem to follow it, and what follows it must be found.
 */
#include "common.h"

#include <math.h>
#include <stdio.h>

#include "ipsec/timing.h"
#include "ipsec/turns.h"

#define MS    (SPINAT_SECOND / 1000)
#define SEEDS 3000u

static double uniform(uint64_t *random)
{
	return ((double)(test_random(random) >> 11) + 0.5) / 9007199254740992.0;
}

/* The next interval of a Poisson stream. */
static spinat_time poisson(uint64_t *random, double a_second)
{
	return (spinat_time)(-log(uniform(random)) / a_second * 1e9) + 1;
}

static spinat_time between(
    uint64_t *random, spinat_time least, spinat_time most)
{
	return least + (spinat_time)(uniform(random) * (double)(most - least));
}

/* Two streams, merged, and the highest weight that there ever was. */
struct pair {
	struct timing timing;
	uint32_t first, second; /* packets */
	spinat_time begun;
	deciban weight, most;
};

static void first_sends(struct pair *pair, spinat_time now)
{
	if (pair->first++ == 0)
		pair->begun = now;
	timing_begin(&pair->timing, now);
}

static void second_sends(struct pair *pair, spinat_time now)
{
	if (pair->first == 0)
		return;
	pair->second++;
	timing_end(&pair->timing, now);
	pair->weight = timing_weigh(&pair->timing,
	    pair->first > pair->second ? pair->first : pair->second,
	    now - pair->begun);
	assert_true(pair->weight >= 0 && pair->weight <= TIMING_MOST);
	if (pair->weight > pair->most)
		pair->most = pair->weight;
}

/* How many of so many weights reach 10, 20, 30 decibans. */
struct tally {
	unsigned all, reach[3];
	deciban most;
};

static void count(struct tally *tally, deciban weight)
{
	tally->all++;
	for (int i = 0; i < 3; i++)
		tally->reach[i] += weight >= 10 * (i + 1);
	if (weight > tally->most)
		tally->most = weight;
}

static void show(const char *what, const struct tally *tally)
{
	print_message("# %s: of %u, %u reach 10, %u reach 20, %u reach 30 "
		      "decibans; the most is %d\n",
	    what, tally->all, tally->reach[0], tally->reach[1], tally->reach[2],
	    tally->most);
}

/* Odds of a hundred to one are wrong once in a hundred, however long one looks:
 * that is what a weight of 20 claims. */
static void assert_honest(const struct tally *tally)
{
	assert_true(tally->reach[0] * 10 <= tally->all);
	assert_true(tally->reach[1] * 100 <= tally->all);
	assert_true(tally->reach[2] * 1000 <= tally->all);
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
	assert_true(low * 100 <= SEEDS);
}

static void test_timing_edges(void **state)
{
	struct timing timing = {0};
	(void)state;

	/* No trial, no weight. */
	assert_int_equal(timing_weigh(&timing, 10, SPINAT_SECOND), 0);
	assert_int_equal(timing_coincidence(&timing, 10, SPINAT_SECOND), 0);
	/* What nothing began ends nothing. */
	timing_end(&timing, 5 * SPINAT_SECOND);
	assert_int_equal(timing.trials, 0);
	/* A packet begins one trial, however many follow. */
	timing_begin(&timing, 5 * SPINAT_SECOND);
	timing_end(&timing, 5 * SPINAT_SECOND + MS);
	timing_end(&timing, 5 * SPINAT_SECOND + 2 * MS);
	assert_int_equal(timing.trials, 1);
	/* Streams as dense as the lag tell nothing. */
	assert_int_equal(timing_weigh(&timing, 1000000, SPINAT_SECOND), 0);
	/* Trials without end. */
	for (int i = 0; i < 100000; i++) {
		timing_begin(&timing, (6 + (spinat_time)i) * SPINAT_SECOND);
		timing_end(&timing, (6 + (spinat_time)i) * SPINAT_SECOND + MS);
		assert_in_range(timing_weigh(&timing, 10, 1000 * SPINAT_SECOND),
		    0, TIMING_MOST);
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
		struct timing timing = {0};
		const double span = (double)cases[i].span / 1e9;
		const double odds =
		    (span + edges[i]) / (cases[i].packets + 1) / edges[i];

		timing_begin(&timing, SPINAT_SECOND);
		timing_end(&timing, SPINAT_SECOND + cases[i].lag);
		assert_true(fabs(timing_coincidence(
				     &timing, cases[i].packets, cases[i].span) -
				10 * log10(odds)) < 1);
		/* The farthest lag counts. */
		timing_begin(&timing, 2 * SPINAT_SECOND);
		timing_end(&timing, 2 * SPINAT_SECOND + 300 * MS);
		assert_int_equal(timing_coincidence(
				     &timing, cases[i].packets, cases[i].span),
		    0);
	}
}

/* -------------------------------------------------------------------- turns */

/* A host that sends on a clock of its own, or at random, whatever it gets. */
static deciban turns_of_other(
    uint64_t seed, spinat_time period, bool random_too)
{
	struct turns turns = {0};
	uint64_t random = seed;
	spinat_time now = SPINAT_SECOND, most_now;
	spinat_time sends = now + between(&random, 0, period);
	deciban most = 0;

	for (int i = 0; i < 300; i++) {
		now += 20 * MS;
		most_now = now + 20 * MS;
		turns_packet(&turns, test_below(&random, 4) == 0, now);
		while (sends < most_now) {
			turns_sent(&turns, sends > now ? sends : now);
			sends += random_too
			    ? poisson(&random, 1e9 / (double)period)
			    : period;
		}
		if (turns_weigh(&turns) > most)
			most = turns_weigh(&turns);
		assert_in_range(turns_weigh(&turns), 0, TURNS_MOST);
	}
	return most;
}

static void test_turns_of_others(void **state)
{
	static const spinat_time periods[] = {
	    5 * MS, 20 * MS, 27 * MS, 100 * MS, 1000 * MS};
	(void)state;

	for (int kind = 0; kind < 2; kind++) {
		struct tally tally = {0};
		for (unsigned seed = 1; seed <= SEEDS; seed++)
			for (size_t p = 0; p < COUNT_OF(periods); p++)
				count(&tally,
				    turns_of_other(
					seed, periods[p], kind == 1));
		show(kind == 0 ? "turns, another's clock"
			       : "turns, another at random",
		    &tally);
		/* Of what it did not get little is known at first. */
		assert_true(tally.reach[0] * 10 <= tally.all);
		assert_true(tally.reach[1] * 70 <= tally.all);
		assert_true(tally.reach[2] * 250 <= tally.all);
	}
}

/* Who answers what it gets, by lot half of all, is found. */
static void test_turns_find(void **state)
{
	unsigned late = 0;
	double sum = 0;
	(void)state;

	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct turns turns = {0};
		uint64_t random = seed;
		spinat_time now = SPINAT_SECOND;
		unsigned packets = 0;

		while (turns_weigh(&turns) < 20 && packets < 100) {
			const bool served = test_below(&random, 2) == 0;
			now += 100 * MS;
			turns_packet(&turns, served, now);
			if (served)
				turns_sent(&turns, now + 2 * MS);
			packets++;
		}
		sum += packets;
		late += packets > 20;
	}
	print_message("# turns: who answers reaches 20 decibans after %.1f "
		      "packets on average; %u of %u not within 20\n",
	    sum / SEEDS, late, SEEDS);
	assert_true(sum / SEEDS <= 12);
	assert_true(late * 100 <= SEEDS);
}

static void test_turns_edges(void **state)
{
	struct turns turns = {0};
	(void)state;

	assert_int_equal(turns_weigh(&turns), 0);
	turns_sent(&turns, SPINAT_SECOND); /* an answer to nothing */
	assert_int_equal(turns.answers[0] + turns.answers[1], 0);
	/* One packet has one answer, and late ones are none. */
	turns_packet(&turns, true, SPINAT_SECOND);
	turns_sent(&turns, SPINAT_SECOND + MS);
	turns_sent(&turns, SPINAT_SECOND + 2 * MS);
	assert_int_equal(turns.answers[1], 1);
	turns_packet(&turns, true, 2 * SPINAT_SECOND);
	turns_sent(&turns, 3 * SPINAT_SECOND);
	assert_int_equal(turns.answers[1], 1);
	/* Counters stop, and the weight stays in its bounds. */
	for (int i = 0; i < 70000; i++) {
		const spinat_time now = (4 + (spinat_time)i) * SPINAT_SECOND;
		turns_packet(&turns, i % 2 == 0, now);
		if (i % 2 == 0)
			turns_sent(&turns, now + MS);
	}
	assert_int_equal(turns_weigh(&turns), TURNS_MOST);
	for (int i = 0; i < 70000; i++) {
		const spinat_time now =
		    (80000 + (spinat_time)i) * SPINAT_SECOND;
		turns_packet(&turns, true, now);
		turns_sent(&turns, now + MS);
		assert_true(turns.answers[1] <= turns.packets[1]);
	}
	assert_int_equal(turns_weigh(&turns), TURNS_MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_independent_streams),
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_answers_more),
	    cmocka_unit_test(test_clocks_are_capped),
	    cmocka_unit_test(test_follower_of_jitter),
	    cmocka_unit_test(test_timing_edges),
	    cmocka_unit_test(test_coincidence),
	    cmocka_unit_test(test_turns_of_others),
	    cmocka_unit_test(test_turns_find),
	    cmocka_unit_test(test_turns_edges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
