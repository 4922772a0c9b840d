/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timing wheel against an array of deadlines.
 */
#include "common.h"

#include "base/wheel.h"

#define RECORDS 500u

/* What wheel.h promises a deadline may lie ahead at most; later ones come
 * early, at this distance. */
#define FARTHEST ((UINT32_C(1) << 24) - (UINT32_C(1) << 18) - 1)

struct record {
	uint8_t padding[20];
	struct wheel_node timer;
};

struct bed {
	struct wheel wheel;
	struct record records[RECORDS + 1];
	bool armed[RECORDS + 1];
	tick deadline[RECORDS + 1]; /* the model */
	tick now, last_fired;
	uint64_t random;
	uint32_t fired;
	bool rearm;
};

static bool before(tick a, tick b)
{
	return (int32_t)(a - b) < 0;
}

static void arm(struct bed *bed, uint32_t record, tick deadline)
{
	const tick clock = bed->wheel.clock;

	wheel_arm(&bed->wheel, record, deadline);
	if (before(deadline, clock))
		deadline = clock;
	else if (deadline - clock > FARTHEST)
		deadline = clock + FARTHEST;
	bed->armed[record] = true;
	bed->deadline[record] = deadline;
}

static void fire(void *context, uint32_t record)
{
	struct bed *bed = context;

	assert_true(bed->armed[record]);
	assert_false(before(bed->now, bed->deadline[record]));
	/* In the order of the deadlines. */
	assert_false(before(bed->deadline[record], bed->last_fired));
	bed->last_fired = bed->deadline[record];
	bed->armed[record] = false;
	bed->fired++;
	if (bed->rearm && test_below(&bed->random, 4) == 0)
		arm(bed, record,
		    bed->wheel.clock + 1 + test_below(&bed->random, 100000));
}

static bool earliest(const struct bed *bed, tick *when)
{
	bool any = false;

	for (uint32_t r = 1; r <= RECORDS; r++)
		if (bed->armed[r] &&
		    (!any || before(bed->deadline[r], *when))) {
			*when = bed->deadline[r];
			any = true;
		}
	return any;
}

static void check_next(const struct bed *bed)
{
	tick next, first = 0;
	const bool any = earliest(bed, &first);

	assert_true(wheel_next(&bed->wheel, &next) == any);
	if (!any)
		return;
	/* Never late; early only to move timers down a level. */
	assert_false(before(first, next));
	assert_false(before(next, bed->wheel.clock));
}

/* Goes to `now` with a budget a call; the model has nothing due after it. */
static void advance(struct bed *bed, tick now, unsigned budget_a_call)
{
	tick first = 0;
	unsigned left;

	bed->now = now;
	bed->last_fired = bed->wheel.clock;
	do {
		left = budget_a_call;
		wheel_advance(&bed->wheel, now, &left, fire, bed);
	} while (left == 0);
	assert_int_equal(bed->wheel.clock, now);
	if (earliest(bed, &first))
		assert_true(before(now, first));
}

static tick some_span(uint64_t *random)
{
	const uint32_t bits = test_below(random, 25);

	return (tick)(test_random(random) & ((UINT64_C(1) << bits) - 1));
}

static void run(tick start, unsigned budget, bool rearm, unsigned rounds)
{
	struct bed *bed = test_memory(sizeof *bed);

	bed->random = start ^ budget ^ 77;
	bed->rearm = rearm;
	wheel_init(
	    &bed->wheel, &bed->records[0].timer, sizeof bed->records[0], start);
	for (unsigned round = 0; round < rounds; round++) {
		const uint32_t record = 1 + test_below(&bed->random, RECORDS);
		switch (test_below(&bed->random, 8)) {
		case 0:
			wheel_cancel(&bed->wheel, record);
			bed->armed[record] = false;
			break;
		case 1: {
			const uint32_t span = test_below(&bed->random, 10) == 0
			    ? some_span(&bed->random)
			    : test_below(&bed->random, 200);
			advance(bed, bed->wheel.clock + span, budget);
			break;
		}
		case 2: /* in the past */
			arm(bed, record,
			    bed->wheel.clock - some_span(&bed->random));
			break;
		default:
			arm(bed, record,
			    bed->wheel.clock + some_span(&bed->random));
			break;
		}
		check_next(bed);
	}
	bed->rearm = false;
	advance(bed, bed->wheel.clock + FARTHEST, budget);
	assert_false(wheel_next(&bed->wheel, &bed->now));
	assert_true(bed->fired > rounds / 10);
	free(bed);
}

static void test_against_model(void **state)
{
	(void)state;
	run(0, 1000, false, 60000);
	run(12345, 1000, true, 60000);
}

static void test_budget_of_one(void **state)
{
	(void)state;
	run(1, 1, true, 30000);
}

static void test_clock_beyond_24_bits(void **state)
{
	(void)state;
	run((UINT32_C(1) << 24) - 1000, 1000, true, 30000);
	run((UINT32_C(1) << 30) - 77, 3, true, 30000);
}

static void test_clock_wraps(void **state)
{
	(void)state;
	for (uint32_t back = 1; back < UINT32_C(1) << 24; back *= 7)
		run(UINT32_MAX - back, 1000, true, 3000);
	run(UINT32_MAX, 1, true, 10000);
}

/* Every distance around each level's edge, from clocks around each edge. */
static void test_level_edges(void **state)
{
	static const tick edges[] = {
	    0, 63, 64, 65, 4095, 4096, 4097, 262143, 262144, 262145, FARTHEST};
	struct bed *bed = test_memory(sizeof *bed);
	(void)state;

	for (size_t c = 0; c < COUNT_OF(edges); c++)
		for (size_t d = 0; d < COUNT_OF(edges); d++) {
			const tick start = edges[c];
			memset(bed, 0, sizeof *bed);
			wheel_init(&bed->wheel, &bed->records[0].timer,
			    sizeof bed->records[0], start);
			arm(bed, 1, start + edges[d]);
			if (edges[d] != 0)
				advance(bed, start + edges[d] - 1, 9);
			assert_int_equal(bed->fired, 0);
			advance(bed, start + edges[d], 9);
			assert_int_equal(bed->fired, 1);
		}
	free(bed);
}

static void test_empty(void **state)
{
	struct bed *bed = test_memory(sizeof *bed);
	tick next;
	(void)state;

	wheel_init(
	    &bed->wheel, &bed->records[0].timer, sizeof bed->records[0], 7);
	assert_false(wheel_next(&bed->wheel, &next));
	advance(bed, UINT32_MAX / 2, 1);
	wheel_cancel(&bed->wheel, 3); /* not armed: nothing happens */
	assert_false(wheel_next(&bed->wheel, &next));
	free(bed);
}

/* A tick is never early, and its time is right wherever the clock stands. */
static void test_ticks(void **state)
{
	uint64_t random = 3;
	(void)state;

	for (int round = 0; round < 100000; round++) {
		const spinat_time now = (spinat_time)(test_random(&random) >>
		    2 >> test_below(&random, 40));
		const spinat_time span = (spinat_time)(test_random(&random) %
		    (uint64_t)SPINAT_TIMEOUT_MAX);
		const tick due = tick_of(now) + tick_span(span);
		const spinat_time when = tick_to_time(due, now);

		assert_true(when >= now + span);
		assert_true(when <= now + span + 2 * (1 << TICK_SHIFT));
		assert_true(tick_to_time(tick_of(now), now) <= now);
		assert_true(tick_to_time(tick_of(now), now + span) ==
		    tick_to_time(tick_of(now), now));
		assert_int_equal(
		    tick_of_stamp(due, tick_of(now) & TICK_STAMP_MASK),
		    tick_of(now));
		/* By a clock that is ahead: now. */
		assert_int_equal(
		    tick_of_stamp(tick_of(now),
			(tick_of(now) + test_below(&random, 1024)) &
			    TICK_STAMP_MASK),
		    tick_of(now));
	}
}

/* Stamps follow the clock, but not back to one that is late; 24 bits of them
 * wrap. */
static void test_stamps(void **state)
{
	uint64_t random = 4;
	(void)state;

	for (int round = 0; round < 100000; round++) {
		const tick now = (tick)test_random(&random);
		const tick before = now - test_below(&random, 1u << 23);
		const tick ahead = now + test_below(&random, TICK_AHEAD);

		assert_int_equal(tick_stamp(before & TICK_STAMP_MASK, now),
		    now & TICK_STAMP_MASK);
		assert_int_equal(tick_stamp(ahead & TICK_STAMP_MASK, now),
		    ahead & TICK_STAMP_MASK);
	}
	assert_int_equal(tick_stamp(TICK_STAMP_MASK, TICK_STAMP_MASK + 1), 0);
	assert_int_equal(tick_stamp(0, TICK_STAMP_MASK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_against_model),
	    cmocka_unit_test(test_budget_of_one),
	    cmocka_unit_test(test_clock_beyond_24_bits),
	    cmocka_unit_test(test_clock_wraps),
	    cmocka_unit_test(test_level_edges),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_ticks),
	    cmocka_unit_test(test_stamps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
