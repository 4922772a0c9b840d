/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns, over many seeds: who sends by itself must not seem to answer what it
 * gets by lot, and who answers must be found.
 */
#include "odds_fixture.h"

#include "ipsec/turns.h"

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
