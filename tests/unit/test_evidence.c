/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The small parts that evidence is made of: weights, budgets, the memory of
 * what was refused, and what sizes tell.
 */
#include "common.h"

#include <math.h>

#include "base/bucket.h"
#include "base/deciban.h"
#include "ipsec/sizes.h"
#include "ipsec/sketch.h"

/* --------------------------------------------------------------- decibans */

/* What deciban.h claims. */
#define DECIBAN_ERROR 0.6
#define LOG2_ERROR    0.01

static uint64_t any_size(uint64_t *random)
{
	const uint64_t value = test_random(random) >> test_below(random, 64);

	return value == 0 ? 1 : value;
}

static void test_log2(void **state)
{
	uint64_t random = 1;
	double worst = 0;
	(void)state;

	for (int bit = 0; bit < 64; bit++)
		assert_int_equal(log2_fixed(UINT64_C(1) << bit), bit * 0x10000);
	for (int i = 0; i < 1000000; i++) {
		const uint64_t value = any_size(&random);
		const double off =
		    fabs(log2((double)value) - log2_fixed(value) / 65536.0);
		worst = off > worst ? off : worst;
	}
	print_message("# binary logarithms are off by %.4f at most\n", worst);
	assert_true(worst <= LOG2_ERROR);
	/* It never falls. */
	for (uint64_t value = 1; value < 200000; value++)
		assert_true(log2_fixed(value) <= log2_fixed(value + 1));
	assert_int_equal(log2_fixed(UINT64_MAX), 64 * 0x10000 - 1);
}

/* Many that weigh little each, as in a likelihood. */
static void test_deciban_of_many(void **state)
{
	uint64_t random = 3;
	(void)state;

	for (int i = 0; i < 200000; i++) {
		const unsigned count = test_below(&random, 1000);
		const uint64_t over = 1 + test_below(&random, 1000);
		const uint64_t under = 1 + test_below(&random, 1000);
		const double want =
		    10 * log10((double)over / (double)under) * count;
		/* A logarithm's slope is off by a tenth at most. */
		assert_true(fabs(deciban_of_many(count, over, under) - want) <=
		    0.5 + fmin(fabs(want) * 0.11, 0.06 * count));
	}
}

static void test_deciban(void **state)
{
	uint64_t random = 2;
	double worst = 0;
	(void)state;

	for (int i = 0; i < 1000000; i++) {
		const uint64_t over = any_size(&random);
		const uint64_t under = any_size(&random);
		const double off = fabs(deciban_of(over, under) -
		    10 * log10((double)over / (double)under));
		worst = off > worst ? off : worst;
		assert_int_equal(
		    deciban_of(over, under), -deciban_of(under, over));
	}
	print_message("# decibans are off by %.2f at most\n", worst);
	assert_true(worst <= DECIBAN_ERROR);
	assert_int_equal(deciban_of(7, 7), 0);
	assert_int_equal(deciban_of(10, 1), 10);
	assert_int_equal(deciban_of(100, 1), 20);
	assert_int_equal(deciban_of(2, 1), 3);
}

/* ---------------------------------------------------------------- buckets */

static void test_bucket_burst(void **state)
{
	const struct bucket_rate rate = {.burst = 10, .a_second = 4};
	struct bucket bucket = {0};
	(void)state;

	/* Zeroed, it is empty. */
	assert_false(bucket_take(&bucket, rate, 0));
	bucket_fill(&bucket, rate, 100);
	assert_true(bucket_has(&bucket, 10));
	assert_false(bucket_has(&bucket, 11));
	for (unsigned i = 0; i < 10; i++)
		assert_true(bucket_take(&bucket, rate, 100));
	assert_false(bucket_take(&bucket, rate, 100));
	/* After however long, no more than the burst. */
	for (unsigned i = 0; i < 10; i++)
		assert_true(bucket_take(&bucket, rate, 1000000));
	assert_false(bucket_take(&bucket, rate, 1000000));
}

/* Where ticks wrap, a tick is a tick. */
static void test_bucket_wraps(void **state)
{
	const struct bucket_rate rate = {.burst = 10, .a_second = 8};
	struct bucket bucket = {0};
	(void)state;

	bucket_fill(&bucket, rate, UINT32_MAX);
	assert_true(bucket_take_many(&bucket, rate, UINT32_MAX, 10));
	assert_true(bucket_take(&bucket, rate, 0));
	assert_false(bucket_take(&bucket, rate, 0));
}

static void test_bucket_takes_all_or_none(void **state)
{
	const struct bucket_rate rate = {.burst = 10, .a_second = 0};
	struct bucket bucket = {0};
	(void)state;

	bucket_fill(&bucket, rate, 0);
	assert_false(bucket_take_many(&bucket, rate, 5, 11));
	assert_true(bucket_take_many(&bucket, rate, 5, 7));
	assert_false(bucket_take_many(&bucket, rate, 5, 4));
	assert_true(bucket_take_many(&bucket, rate, 5, 3));
	assert_true(bucket_take_many(&bucket, rate, 5, 0));
}

/* Over a long time never more than the burst and the rate, and not much less;
 * also where 32 bits of ticks wrap. */
static void one_rate(struct bucket_rate rate, tick start, uint64_t *random)
{
	const uint32_t ticks = 20000;
	const double seconds = ticks * 0.134217728;
	struct bucket bucket;
	uint32_t taken = 0;

	bucket_fill(&bucket, rate, start);
	for (uint32_t t = 0; t <= ticks; t += test_below(random, 3))
		while (bucket_take(&bucket, rate, start + t))
			taken++;
	assert_true(taken <= rate.burst + seconds * rate.a_second);
	/* What a step brings must have room. */
	if (rate.burst * 8u >= 2u * rate.a_second + 8)
		assert_true(taken >=
		    rate.burst - 1u + (seconds - 1) * rate.a_second * 0.92);
}

static void test_bucket_rate(void **state)
{
	static const struct bucket_rate rates[] = {
	    {128, 16}, {32, 8}, {4096, 256}, {1, 1}, {65535, 8191}, {3, 0}};
	static const tick starts[] = {0, 12345, UINT32_MAX - 1000};
	uint64_t random = 3;
	(void)state;

	for (size_t r = 0; r < COUNT_OF(rates); r++)
		for (size_t s = 0; s < COUNT_OF(starts); s++)
			one_rate(rates[r], starts[s], &random);
}

/* ------------------------------------------------------------------ sketch */

static struct sketch make_sketch(uint32_t spis)
{
	struct arena arena = {0};
	struct sketch sketch;

	sketch_init(&sketch, &arena, spis);
	arena.base = test_memory(arena.used);
	arena.used = 0;
	sketch_init(&sketch, &arena, spis);
	return sketch;
}

static void test_sketch_knows_again(void **state)
{
	struct sketch sketch = make_sketch(1024);
	uint64_t random = 4;
	(void)state;

	for (int i = 0; i < 10000; i++) {
		const uint64_t hash = test_random(&random);
		const uint32_t first = test_below(&random, 1000);
		assert_false(sketch_note(&sketch, hash, first));
		/* The same packet once more is no second sighting ... */
		assert_false(sketch_note(&sketch, hash, first));
		/* ... nor is one from before, nor what is far ahead. */
		assert_false(sketch_note(&sketch, hash, first - 1));
		assert_true(sketch_note(
		    &sketch, hash, first + test_below(&random, 126)));
		assert_true(sketch_note(&sketch, hash, first + 127));
	}
	free(sketch.slots);
}

/* A line forgets its oldest first: against a list. */
static void test_sketch_line(void **state)
{
	struct sketch sketch = make_sketch(1);
	uint32_t newest[SKETCH_SLOTS] = {0};
	uint64_t random = 5;
	(void)state;

	assert_int_equal(sketch.lines, 1);
	for (int i = 0; i < 100000; i++) {
		const uint32_t spi = 1 + test_below(&random, 12);
		unsigned at = 0;
		while (at < SKETCH_SLOTS - 1 && newest[at] != spi)
			at++;
		/* Ever larger numbers: known if and only if it is there. */
		assert_int_equal(
		    sketch_note(&sketch, (uint64_t)0xab << 32 | spi << 4,
			(uint32_t)i / 128 + 1u + (newest[at] == spi)) ||
			newest[at] == spi,
		    newest[at] == spi);
		memmove(newest + 1, newest, at * sizeof *newest);
		newest[0] = spi;
	}
	for (unsigned at = 0; at < SKETCH_SLOTS; at++)
		assert_int_equal(sketch.slots[at] >> 8, newest[at] << 4);
	free(sketch.slots);
}

/* How many of a thousand are known again after so many forged ones. */
static unsigned known_of_1000(uint32_t forged, unsigned *wrong)
{
	struct sketch sketch = make_sketch(65536);
	uint64_t random = forged;
	uint64_t genuine[1000];
	unsigned known = 0;

	/* A flood that goes on: what was there before counts too. */
	for (uint32_t i = 0; i < 300000; i++)
		(void)sketch_note(&sketch, test_random(&random), 1);
	for (size_t i = 0; i < COUNT_OF(genuine); i++) {
		genuine[i] = test_random(&random);
		(void)sketch_note(&sketch, genuine[i], 1);
	}
	for (uint32_t i = 0; i < forged; i++)
		*wrong += sketch_note(&sketch, test_random(&random),
		    (uint32_t)test_random(&random));
	for (size_t i = 0; i < COUNT_OF(genuine); i++)
		known += sketch_note(&sketch, genuine[i], 2);
	free(sketch.slots);
	return known;
}

/* What sketch.h claims of 65,536 SPIs, and how often a forged SPI is taken for
 * one that was seen: of a line's eight prints of 24 bits by half. */
static void test_sketch_in_a_flood(void **state)
{
	unsigned wrong = 0, of_one, of_two;
	(void)state;

	of_one = known_of_1000(100000, &wrong);
	of_two = known_of_1000(200000, &wrong);
	for (unsigned i = 0; i < 4; i++)
		(void)known_of_1000(1000000 + i, &wrong);
	print_message("# known again after 100,000 forged SPIs: %u of 1000; "
		      "after 200,000: %u; wrong: %u of 4,300,000\n",
	    of_one, of_two, wrong);
	assert_true(of_one >= 975);
	assert_true(of_two >= 650);
	assert_true(wrong <= 8);
}

/* ------------------------------------------------------------------- sizes */

static struct sizes sizes_of(
    unsigned block, unsigned base, unsigned count, uint64_t *random)
{
	struct sizes sizes = {0};

	for (unsigned i = 0; i < count; i++)
		sizes_note(&sizes,
		    (uint16_t)(base +
			block * test_below(random, 1024 / block)));
	return sizes;
}

static void test_sizes(void **state)
{
	uint64_t random = 6;
	(void)state;

	for (int i = 0; i < 1000; i++) {
		const struct sizes cbc = sizes_of(16, 56, 60, &random);
		const struct sizes more = sizes_of(16, 56, 60, &random);
		const struct sizes other = sizes_of(16, 60, 60, &random);
		const struct sizes near = sizes_of(16, 64, 60, &random);
		const struct sizes gcm = sizes_of(4, 56, 60, &random);
		const struct sizes gcm2 = sizes_of(4, 56, 60, &random);
		assert_true(sizes_are_of_blocks(&cbc));
		assert_false(sizes_are_of_blocks(&gcm));
		assert_false(sizes_disagree(&cbc, &more));
		assert_true(sizes_disagree(&cbc, &other));
		assert_true(sizes_disagree(&cbc, &near));
		assert_true(sizes_disagree(&cbc, &gcm));
		assert_true(sizes_disagree(&gcm, &cbc));
		assert_false(sizes_disagree(&gcm, &gcm2));
	}
}

/* Pings of one size, or few packets, say nothing. */
static void test_sizes_few(void **state)
{
	struct sizes pings = {0}, few = {0}, none = {0}, cbc = {0};
	(void)state;

	for (unsigned i = 0; i < 1000; i++)
		sizes_note(&pings, 136);
	assert_false(sizes_are_of_blocks(&pings));
	for (uint16_t i = 0; i < SIZES_TELLING; i++) {
		assert_false(sizes_are_of_blocks(&few));
		sizes_note(&few, (uint16_t)(60 + 16 * i));
		sizes_note(&cbc, (uint16_t)(56 + 16 * i));
	}
	assert_true(sizes_are_of_blocks(&few));
	assert_true(sizes_disagree(&few, &cbc));
	assert_true(sizes_disagree(&few, &pings));
	/* A host that sent nothing has no cipher to disagree by. */
	assert_false(sizes_disagree(&few, &none));
	assert_false(sizes_disagree(&none, &few));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_log2),
	    cmocka_unit_test(test_deciban),
	    cmocka_unit_test(test_deciban_of_many),
	    cmocka_unit_test(test_bucket_burst),
	    cmocka_unit_test(test_bucket_wraps),
	    cmocka_unit_test(test_bucket_takes_all_or_none),
	    cmocka_unit_test(test_bucket_rate),
	    cmocka_unit_test(test_sketch_knows_again),
	    cmocka_unit_test(test_sketch_line),
	    cmocka_unit_test(test_sketch_in_a_flood),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_sizes_few),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
