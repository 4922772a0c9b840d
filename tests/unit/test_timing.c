/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timing and turns, over many seeds: what has nothing to do with a stream must
 * not seem to follow it, and what follows it must be found.
 */
#include "common.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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
		turns_packet(
		    &turns, TURNS_ONE / 4, test_below(&random, 4) == 0, now);
		while (sends < most_now) {
			turns_sent(&turns, sends > now ? sends : now);
			sends += random_too
			    ? poisson(&random, 1e9 / (double)period)
			    : period;
		}
		if (turns_weigh(&turns) > most)
			most = turns_weigh(&turns);
		assert_true(abs(turns_weigh(&turns)) <= TURNS_MOST);
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
		assert_honest(&tally);
	}
}

/* Who answers what it gets, by lot one of eight, is found. */
static void test_turns_find(void **state)
{
	unsigned late = 0;
	double sum = 0;
	(void)state;

	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct turns turns = {0};
		uint64_t random = seed;
		spinat_time now = SPINAT_SECOND;
		unsigned got = 0;

		while (turns_weigh(&turns) < 20 && got < 100) {
			const bool served = test_below(&random, 8) == 0;
			now += 100 * MS;
			turns_packet(&turns, TURNS_ONE / 8, served, now);
			if (!served)
				continue;
			turns_sent(&turns, now + 2 * MS);
			got++;
		}
		sum += got;
		late += got > 20;
	}
	print_message("# turns: who answers reaches 20 decibans after %.1f "
		      "packets that it got, on average; %u of %u not within "
		      "20\n",
	    sum / SEEDS, late, SEEDS);
	assert_true(sum / SEEDS <= 12);
	assert_true(late * 50 <= SEEDS);
}

static void test_turns_edges(void **state)
{
	struct turns turns = {0};
	(void)state;

	assert_int_equal(turns_weigh(&turns), 0);
	turns_sent(&turns, SPINAT_SECOND); /* an answer to nothing */
	assert_int_equal(turns.asked + turns.answered, 0);
	/* One packet has one answer, and late ones are none. */
	turns_packet(&turns, TURNS_ONE / 2, true, SPINAT_SECOND);
	turns_sent(&turns, SPINAT_SECOND + MS);
	turns_sent(&turns, SPINAT_SECOND + 2 * MS);
	assert_int_equal(turns.asked, 1);
	assert_int_equal(turns.answered, 1);
	turns_packet(&turns, TURNS_ONE / 2, true, 2 * SPINAT_SECOND);
	turns_sent(&turns, 3 * SPINAT_SECOND);
	assert_int_equal(turns.asked, 2);
	assert_int_equal(turns.answered, 1);
	/* Counters stop, and the weight stays in its bounds. */
	for (int i = 0; i < 70000; i++) {
		const spinat_time now = (4 + (spinat_time)i) * SPINAT_SECOND;
		turns_packet(&turns, TURNS_ONE / 2, i % 2 == 0, now);
		if (i % 2 == 0)
			turns_sent(&turns, now + MS);
		assert_true(turns.answered <= turns.asked);
	}
	assert_int_equal(turns_weigh(&turns), TURNS_MOST);
	for (int i = 0; i < 70000; i++) {
		const spinat_time now =
		    (80000 + (spinat_time)i) * SPINAT_SECOND;
		turns_packet(&turns, TURNS_ONE / 2, i % 2 == 0, now);
		turns_sent(&turns, now + MS);
	}
	assert_int_equal(turns_weigh(&turns), -TURNS_MOST);
}

/* Copies go to all: what follows them tells nothing. */
static void test_turns_of_copies(void **state)
{
	struct turns turns = {0};
	(void)state;

	for (int i = 0; i < 1000; i++) {
		const spinat_time now = (1 + (spinat_time)i) * SPINAT_SECOND;
		turns_packet(&turns, TURNS_ONE, true, now);
		turns_sent(&turns, now + MS);
		assert_int_equal(turns_weigh(&turns), 0);
	}
	/* Nor what follows a lot that was won beside a copy. */
	turns_packet(&turns, TURNS_ONE, true, 2000 * SPINAT_SECOND);
	turns_packet(&turns, 1, true, 2000 * SPINAT_SECOND);
	turns_sent(&turns, 2000 * SPINAT_SECOND + MS);
	assert_int_equal(turns_weigh(&turns), 0);
}

/* A burst of which one packet was drawn is one lot, however it is answered. */
static void test_turns_of_bursts(void **state)
{
	struct tally tally = {0};
	(void)state;

	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct turns turns = {0};
		uint64_t random = seed;
		deciban most = 0;
		for (int i = 0; i < 200; i++) {
			const spinat_time now =
			    (1 + (spinat_time)i) * SPINAT_SECOND;
			for (unsigned n = test_below(&random, 20); n > 0; n--)
				turns_packet(&turns, TURNS_ONE / 8,
				    test_below(&random, 8) == 0, now);
			turns_sent(&turns, now + MS); /* whatever it got */
			if (turns_weigh(&turns) > most)
				most = turns_weigh(&turns);
		}
		count(&tally, most);
	}
	show("turns of bursts", &tally);
	assert_honest(&tally);
}

/* Who answers a part of what it sends is found too, and late sends
 * are no answers. */
static deciban turns_of_mixture(uint64_t seed, unsigned each, bool late)
{
	struct turns turns = {0};
	uint64_t random = seed;

	for (int i = 0; i < 2000; i++) {
		const spinat_time now = (1 + (spinat_time)i) * SPINAT_SECOND;
		const bool served = test_below(&random, 16) == 0;
		turns_packet(&turns, TURNS_ONE / 16, served, now);
		if (served ? true : test_below(&random, 15) < each - 1)
			turns_sent(&turns, now + (late ? 100 : 1) * MS);
	}
	return turns_weigh(&turns);
}

static void test_turns_of_mixtures(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 100; seed++)
		for (unsigned each = 1; each <= 4; each *= 2) {
			assert_true(turns_of_mixture(seed, each, false) >= 30);
			assert_int_equal(turns_of_mixture(seed, each, true), 0);
		}
}

/* Of several packets before an answer it is enough to have got one. */
static void test_turns_any_of_several(void **state)
{
	struct turns first = {0}, last = {0};
	(void)state;

	for (int i = 0; i < 20; i++) {
		const spinat_time now = (1 + (spinat_time)i) * SPINAT_SECOND;
		turns_packet(&first, TURNS_ONE / 8, true, now);
		turns_packet(&first, TURNS_ONE / 8, false, now);
		turns_sent(&first, now + MS);
		turns_packet(&last, TURNS_ONE / 8, false, now);
		turns_packet(&last, TURNS_ONE / 8, true, now);
		turns_sent(&last, now + MS);
	}
	assert_true(turns_weigh(&last) >= 30);
	assert_int_equal(turns_weigh(&first), turns_weigh(&last));
}

/* Silent is who was asked often enough, had the time, and hardly answered. */
static void test_turns_silent(void **state)
{
	struct turns turns = {0};
	spinat_time now = SPINAT_SECOND;
	(void)state;

	for (int i = 0; i < 100; i++) /* a burst asks once */
		turns_packet(&turns, TURNS_ONE / 2, true, now);
	assert_false(turns_is_silent(&turns, 8));
	for (int i = 0; i < 8; i++)
		turns_packet(&turns, TURNS_ONE / 2, true, now += SPINAT_SECOND);
	assert_true(turns_is_silent(&turns, 8));
	assert_false(turns_is_silent(&turns, 9));
	turns_sent(&turns, now + MS);
	assert_true(turns_is_silent(&turns, 8)); /* once in nine */
	turns_packet(&turns, TURNS_ONE / 2, true, now += SPINAT_SECOND);
	turns_sent(&turns, now + MS);
	assert_false(turns_is_silent(&turns, 8));
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
	    cmocka_unit_test(test_turns_of_others),
	    cmocka_unit_test(test_turns_find),
	    cmocka_unit_test(test_turns_edges),
	    cmocka_unit_test(test_turns_of_copies),
	    cmocka_unit_test(test_turns_of_bursts),
	    cmocka_unit_test(test_turns_of_mixtures),
	    cmocka_unit_test(test_turns_any_of_several),
	    cmocka_unit_test(test_turns_silent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
