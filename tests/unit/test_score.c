/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The score row by row, against the table of weights in docs/ipsec.md: no
 * weight is written here, so the page and the code cannot say different things.
 */
#include "common.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

#include "ipsec/score.h"

#define MS (SPINAT_SECOND / 1000)

/* ------------------------------------------------------ what the page says */

enum { WEIGHTS = 40 };

static struct {
	enum score_row row;
	char name[16];
	int value;
	bool used;
} weights[WEIGHTS];
static unsigned weight_count;
static bool of_traffic[SCORE_ROWS];

static enum score_row row_named(const char *name)
{
	unsigned row = 0;

	while (row < SCORE_ROWS &&
	    strcmp(score_row_name((enum score_row)row), name) != 0)
		row++;
	return (enum score_row)row;
}

/* "strong 20, weak 14": a name and a number each. */
static void read_weights(enum score_row row, const char *cell)
{
	while (*cell != '\0' && *cell != '|') {
		int length = 0;
		assert_true(weight_count < WEIGHTS);
		assert_int_equal(
		    sscanf(cell, " %15[a-z-] %d%n", weights[weight_count].name,
			&weights[weight_count].value, &length),
		    2);
		weights[weight_count++].row = row;
		cell += length;
		cell += strspn(cell, ", ");
	}
}

/* | `row` | looks at | weights | yes or no | why | */
static int read_page(void **state)
{
	FILE *file = fopen(IPSEC_PAGE, "r");
	char line[1024], name[16];
	unsigned rows = 0;
	(void)state;

	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL) {
		const char *cell = line;
		enum score_row row;
		if (sscanf(line, "| `%15[a-z]` |", name) != 1)
			continue;
		row = row_named(name);
		if (row == SCORE_ROWS)
			continue;
		/* In the order in which they are printed. */
		assert_int_equal(row, rows);
		rows++;
		for (int column = 0; column < 3; column++) {
			cell = strchr(cell, '|');
			assert_non_null(cell);
			cell++;
		}
		read_weights(row, cell);
		cell = strchr(cell, '|');
		assert_non_null(cell);
		of_traffic[row] = strncmp(cell, "| yes |", 7) == 0;
		assert_true(of_traffic[row] || strncmp(cell, "| no |", 6) == 0);
	}
	fclose(file);
	assert_int_equal(rows, SCORE_ROWS);
	return 0;
}

static deciban weight(enum score_row row, const char *name)
{
	for (unsigned i = 0; i < weight_count; i++)
		if (weights[i].row == row &&
		    strcmp(weights[i].name, name) == 0) {
			weights[i].used = true;
			return weights[i].value;
		}
	fail_msg("docs/ipsec.md has no weight '%s' of '%s'", name,
	    score_row_name(row));
	return 0;
}

/* --------------------------------------------------------------- row by row */

static void expect_row(
    enum score_row row, const struct evidence *evidence, double want)
{
	deciban rows[SCORE_ROWS];

	(void)score(evidence, rows);
	if (fabs(rows[row] - want) > 0.8)
		fail_msg(
		    "%s: %d, not %.1f", score_row_name(row), rows[row], want);
}

/* Row by its name, and what its cases have beside the weight: minus so many. */
struct row_case {
	struct evidence evidence;
	const char *name; /* NULL: nothing */
	double less;
};

static void expect_rows(
    enum score_row row, const struct row_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		expect_row(row, &cases[i].evidence,
		    cases[i].name == NULL
			? 0
			: weight(row, cases[i].name) - cases[i].less);
}

static void test_expected(void **state)
{
	static const struct row_case cases[] = {
	    {{.fresh = true}, "none", 0},
	    {{.fresh = true, .expected = EXPECT_STRONG}, "strong", 0},
	    {{.fresh = true, .expected = EXPECT_WEAK}, "weak", 0},
	    /* Tenfold the age is one in ten. */
	    {{.fresh = true,
		 .expected = EXPECT_STRONG,
		 .expect_age = 9 * SPINAT_SECOND},
		"strong", 10},
	    {{.fresh = true,
		 .expected = EXPECT_WEAK,
		 .expect_age = 99 * SPINAT_SECOND},
		"weak", 20},
	    {{.fresh = true,
		 .expected = EXPECT_STRONG,
		 .expect_age = 1000000 * SPINAT_SECOND},
		"least", 0},
	    {{.fresh = true,
		 .expected = EXPECT_WEAK,
		 .expect_age = 1000000 * SPINAT_SECOND},
		"least", 0},
	    /* Older than the hints: they say nothing. */
	    {{.fresh = false, .expected = EXPECT_STRONG}, NULL, 0},
	    {{.fresh = false}, NULL, 0},
	    {{.fresh = true, .relaxed = true}, NULL, 0},
	};
	(void)state;

	expect_rows(SCORE_EXPECTED, cases, COUNT_OF(cases));
	assert_true(
	    weight(SCORE_EXPECTED, "least") > weight(SCORE_EXPECTED, "none"));
	assert_true(
	    weight(SCORE_EXPECTED, "strong") > weight(SCORE_EXPECTED, "weak"));
}

static void test_awaits(void **state)
{
	static const struct row_case cases[] = {
	    {{.out_awaits = true}, "awaits", 0},
	    {{.out_awaits = false}, NULL, 0},
	};
	(void)state;
	expect_rows(SCORE_AWAITS, cases, COUNT_OF(cases));
}

static void test_onset(void **state)
{
	static const struct row_case cases[] = {
	    {{.out_awaits = true, .out_lag = 0}, "most", 0},
	    {{.out_awaits = true, .out_lag = 5 * MS}, "most", 0},
	    {{.out_awaits = true, .out_lag = SPINAT_SECOND / 2}, NULL, 0},
	    {{.out_awaits = true, .out_lag = 60 * SPINAT_SECOND}, NULL, 0},
	    {{.out_awaits = false, .out_lag = 0}, NULL, 0},
	};
	(void)state;

	expect_rows(SCORE_ONSET, cases, COUNT_OF(cases));
	/* By chance a lag is under T in 2 T of a second. */
	for (spinat_time lag = 20 * MS; lag < 490 * MS; lag += 7 * MS) {
		const struct evidence evidence = {
		    .out_awaits = true, .out_lag = lag};
		expect_row(SCORE_ONSET, &evidence,
		    fmin(weight(SCORE_ONSET, "most"),
			10 * log10(1e9 / (2 * (double)lag))));
	}
}

static void test_succession(void **state)
{
	static const struct row_case cases[] = {
	    {{.succession = SUCCESSION_SILENT}, "silent", 0},
	    {{.succession = SUCCESSION_GOES_ON}, "goes-on", 0},
	    {{.succession = SUCCESSION_NONE}, NULL, 0},
	};
	(void)state;
	expect_rows(SCORE_SUCCESSION, cases, COUNT_OF(cases));
}

/* Two streams of so many packets, far from each other, in so long a time. */
static struct streams streams_with(unsigned packets, spinat_time span)
{
	static const spinat_time edges[LAG_BINS] = {
	    MS / 4, MS, 4 * MS, 16 * MS, 64 * MS, 256 * MS};
	struct streams streams = {.span = span};

	for (unsigned bin = 0; bin < LAG_BINS; bin++)
		streams.within[bin] = (packets + 1) * edges[bin];
	return streams;
}

/* Answers after irregular intervals, or on a clock. */
static struct timing timing_of(unsigned trials, bool clock)
{
	struct timing timing = {0};
	spinat_time now = SPINAT_SECOND;

	for (unsigned i = 0; i < trials; i++) {
		now += clock ? SPINAT_SECOND
			     : (20 + 37 * (spinat_time)(i * i % 101)) * MS;
		timing_begin(&timing, now);
		timing_end(&timing, now + MS / 2);
	}
	return timing;
}

static void test_timing_rows(void **state)
{
	struct evidence evidence = {
	    .streams = streams_with(100, 100 * SPINAT_SECOND)};
	const struct timing *timings[] = {&evidence.answers, &evidence.prompts};
	const enum score_row rows[] = {SCORE_ANSWERS, SCORE_PROMPTS};
	(void)state;

	for (size_t r = 0; r < COUNT_OF(rows); r++) {
		struct timing *timing =
		    r == 0 ? &evidence.answers : &evidence.prompts;
		expect_row(rows[r], &evidence, 0);
		*timing = timing_of(100, false);
		expect_row(rows[r], &evidence, weight(rows[r], "most"));
		*timing = timing_of(100, true);
		expect_row(rows[r], &evidence, weight(rows[r], "clocks"));
		/* In between it is what the timing weighs. */
		*timing = timing_of(4, false);
		expect_row(rows[r], &evidence,
		    timing_weigh(timings[r], &evidence.streams));
		*timing = (struct timing){0};
	}
}

/* Who sends after so many packets that it got by a lot of one in four, and
 * after so many others. */
static struct turns turns_of(unsigned got, unsigned missed)
{
	struct turns turns = {0};
	spinat_time now = SPINAT_SECOND;

	for (unsigned i = 0; i < got + missed; i++) {
		turns_packet(&turns, TURNS_ONE / 4, i < got, now);
		turns_sent(&turns, now + MS);
		now += SPINAT_SECOND;
	}
	return turns;
}

static void test_turns(void **state)
{
	const struct row_case cases[] = {
	    {{.turns = turns_of(30, 0)}, "most", 0},
	    {{.turns = turns_of(0, 30)}, NULL, 0},
	    {{.turns = turns_of(25, 75)}, NULL, 0},
	    {{.turns = turns_of(0, 0)}, NULL, 0},
	};
	const struct evidence some = {.turns = turns_of(4, 0)};
	(void)state;

	expect_rows(SCORE_TURNS, cases, COUNT_OF(cases));
	expect_row(SCORE_TURNS, &some, turns_weigh(&some.turns));
	assert_in_range(turns_weigh(&some.turns), 5, 25);
}

/* Lots take away what a clock pretended. */
static void test_turns_refute_answers(void **state)
{
	struct evidence evidence = {
	    .streams = streams_with(100, 100 * SPINAT_SECOND),
	    .answers = timing_of(100, false)};
	(void)state;

	evidence.turns = turns_of(0, 40);
	assert_in_range(-turns_weigh(&evidence.turns), 5, TURNS_MOST);
	expect_row(SCORE_ANSWERS, &evidence,
	    weight(SCORE_ANSWERS, "most") + turns_weigh(&evidence.turns));
	evidence.turns = turns_of(0, 10000);
	expect_row(SCORE_ANSWERS, &evidence, 0);
}

static void test_alone(void **state)
{
	struct evidence evidence = {
	    .alone = true,
	    .sent = 2,
	    .streams = streams_with(2, SPINAT_SECOND),
	    .quiet = 60 * SPINAT_SECOND,
	    .answers = timing_of(1, false),
	};
	(void)state;

	expect_row(SCORE_ALONE, &evidence, weight(SCORE_ALONE, "most"));
	/* It had hardly been silent. */
	evidence.quiet = SPINAT_SECOND / 10;
	expect_row(SCORE_ALONE, &evidence,
	    timing_coincidence(
		&evidence.answers, &evidence.streams, evidence.quiet));
	evidence.quiet = 60 * SPINAT_SECOND;
	/* It has just begun to send: that is known already. */
	evidence.out_awaits = true;
	evidence.out_lag = SPINAT_SECOND / 10;
	evidence.quiet = SPINAT_SECOND;
	expect_row(SCORE_ALONE, &evidence,
	    timing_coincidence(
		&evidence.answers, &evidence.streams, evidence.quiet) -
		10 * log10(5));
	evidence.quiet = SPINAT_SECOND / 100;
	expect_row(SCORE_ALONE, &evidence, 0);
	evidence.out_awaits = false;
	evidence.quiet = 60 * SPINAT_SECOND;
	/* It sends more than it answers. */
	evidence.sent = 3;
	expect_row(SCORE_ALONE, &evidence, 0);
	evidence.sent = 2;
	evidence.alone = false;
	expect_row(SCORE_ALONE, &evidence, 0);
}

static void test_volume(void **state)
{
	static const struct row_case cases[] = {
	    {{.near = 100, .near_other = 0}, "most", 0},
	    {{.near = 100, .near_other = 100}, NULL, 0},
	    {{.near = 0, .near_other = 100}, NULL, 0},
	    {{.near = 0, .near_other = 0}, NULL, 0},
	};
	(void)state;

	expect_rows(SCORE_VOLUME, cases, COUNT_OF(cases));
	for (uint32_t near = 1; near < 200; near += 3)
		for (uint32_t other = 0; other < near; other += 5) {
			const struct evidence evidence = {
			    .near = near, .near_other = other};
			expect_row(SCORE_VOLUME, &evidence,
			    fmin(weight(SCORE_VOLUME, "most"),
				10 * log10((near + 2.0) / (other + 2.0))));
		}
}

static void test_echoes(void **state)
{
	(void)state;
	for (unsigned echoes = 0; echoes < 10; echoes++) {
		const struct evidence evidence = {.echoes = (uint16_t)echoes};
		const int each = weight(SCORE_ECHOES, "each");
		const int most = weight(SCORE_ECHOES, "most");
		const int all = (int)echoes * each;
		expect_row(SCORE_ECHOES, &evidence, all < most ? all : most);
	}
}

static void test_the_rest(void **state)
{
	static const struct row_case cipher[] = {
	    {{.cipher_differs = true}, "differs", 0},
	    {{.cipher_differs = false}, NULL, 0}};
	static const struct row_case objected[] = {
	    {{.objected = true}, "objected", 0},
	    {{.objected = false}, NULL, 0}};
	static const struct row_case holds[] = {
	    {{.holds = true}, "holds", 0}, {{.holds = false}, NULL, 0}};
	(void)state;

	expect_rows(SCORE_CIPHER, cipher, COUNT_OF(cipher));
	expect_rows(SCORE_OBJECTED, objected, COUNT_OF(objected));
	expect_rows(SCORE_HOLDS, holds, COUNT_OF(holds));
}

/* After all of these, each weight on the page was met. */
static void test_every_weight_is_real(void **state)
{
	(void)state;
	for (unsigned i = 0; i < weight_count; i++)
		if (!weights[i].used)
			fail_msg("%s %s is on the page and nowhere else",
			    score_row_name(weights[i].row), weights[i].name);
}

/* ------------------------------------------------------------------- sums */

static struct evidence any_evidence(uint64_t *random)
{
	return (struct evidence){
	    .expected = (enum expect_strength)test_below(random, 3),
	    .expect_age = (spinat_time)test_below(random, 100) * SPINAT_SECOND,
	    .fresh = test_below(random, 2),
	    .relaxed = test_below(random, 4) == 0,
	    .out_awaits = test_below(random, 2),
	    .out_lag = (spinat_time)test_below(random, 1000) * MS,
	    .succession = (enum succession)test_below(random, 3),
	    .answers = timing_of(test_below(random, 30), test_below(random, 2)),
	    .prompts = timing_of(test_below(random, 30), test_below(random, 2)),
	    .turns = turns_of(test_below(random, 9), test_below(random, 20)),
	    .sent = test_below(random, 30),
	    .streams = streams_with(test_below(random, 100),
		(spinat_time)test_below(random, 100) * SPINAT_SECOND),
	    .quiet = (spinat_time)test_below(random, 100) * SPINAT_SECOND,
	    .alone = test_below(random, 2),
	    .echoes = (uint16_t)test_below(random, 4),
	    .cipher_differs = test_below(random, 2),
	    .near = test_below(random, 30),
	    .near_other = test_below(random, 30),
	    .objected = test_below(random, 2),
	    .holds = test_below(random, 2),
	};
}

static void test_sum(void **state)
{
	uint64_t random = 1;
	(void)state;

	for (int i = 0; i < 20000; i++) {
		const struct evidence evidence = any_evidence(&random);
		deciban rows[SCORE_ROWS], sum = 0;
		const deciban whole = score(&evidence, rows);

		for (unsigned row = 0; row < SCORE_ROWS; row++)
			sum += rows[row];
		assert_int_equal(whole, sum);
		assert_int_equal(score(&evidence, NULL), sum);
	}
}

static void test_of_traffic(void **state)
{
	deciban rows[SCORE_ROWS], want = 0;
	(void)state;

	for (int row = 0; row < SCORE_ROWS; row++) {
		rows[row] = 1 << row;
		want += of_traffic[row] ? 1 << row : 0;
	}
	assert_int_equal(score_of_traffic(rows), want);
}

/* A hundred to one for each of the others. */
static void test_believed(void **state)
{
	(void)state;
	for (unsigned candidates = 1; candidates < 1000; candidates++)
		assert_true(fabs(score_believed(candidates) - 20 -
				10 * log10(candidates)) < 0.8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_expected),
	    cmocka_unit_test(test_awaits),
	    cmocka_unit_test(test_onset),
	    cmocka_unit_test(test_succession),
	    cmocka_unit_test(test_timing_rows),
	    cmocka_unit_test(test_turns),
	    cmocka_unit_test(test_turns_refute_answers),
	    cmocka_unit_test(test_alone),
	    cmocka_unit_test(test_volume),
	    cmocka_unit_test(test_echoes),
	    cmocka_unit_test(test_the_rest),
	    cmocka_unit_test(test_every_weight_is_real),
	    cmocka_unit_test(test_sum),
	    cmocka_unit_test(test_of_traffic),
	    cmocka_unit_test(test_believed),
	};
	return cmocka_run_group_tests(tests, read_page, NULL);
}
