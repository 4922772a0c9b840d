/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What counts as one inside host's session that ends as another's begins: one
 * that does, and each condition by itself.
 */
#include "common.h"

#include "ipsec/single.h"

/* Seconds after a moment at which ticks wrap soon. */
static tick at(double seconds)
{
	return (tick)-300 +
	    (tick)(int64_t)(seconds * 1e9 / (double)(1 << TICK_SHIFT));
}

static struct moment moment(double seconds)
{
	return (struct moment){at(seconds), true};
}

static const struct moment never;

static be32 host(uint32_t number)
{
	return be32_from_host(0x0a000000 + number);
}

/* A rival begins at 100 and is established at 101. */
static struct single_rival rival(void)
{
	return (struct single_rival){
	    .inside = host(2), .began = at(100), .since = at(101)};
}

static struct single_watch starved_watch(void)
{
	const struct single_rival one = rival();

	return single_watch(&one, moment(99), true);
}

/* ... and is served, while the host sends on and hears nothing. */
static struct single_sight starved_sight(void)
{
	return (struct single_sight){
	    .heard = moment(100.5),
	    .given = moment(100.5),
	    .sent = moment(130),
	    .rival = moment(129),
	    .begins = true,
	    .certain = true,
	};
}

static enum single_verdict judge(
    struct single_watch watch, struct single_sight sight)
{
	return single_judge(&watch, &sight, at(131));
}

static void test_starved(void **state)
{
	struct single_sight sight = starved_sight();
	(void)state;

	assert_int_equal(judge(starved_watch(), sight), SINGLE_ENDED);
	/* Whether it begins anew makes no difference. */
	sight.begins = false;
	assert_int_equal(judge(starved_watch(), sight), SINGLE_ENDED);
}

static void test_starved_conditions(void **state)
{
	struct single_watch watch = starved_watch();
	struct single_sight sight = starved_sight();
	struct single_rival one = rival();
	(void)state;

	watch.on = false;
	assert_int_equal(judge(watch, sight), SINGLE_OPEN);
	/* An idle client. */
	watch = single_watch(&one, moment(90), true);
	assert_int_equal(judge(watch, sight), SINGLE_OPEN);
	watch = single_watch(&one, never, true);
	assert_int_equal(judge(watch, sight), SINGLE_OPEN);
	/* Another one began in between. */
	watch = single_watch(&one, moment(99), false);
	assert_int_equal(judge(watch, sight), SINGLE_OPEN);
	/* The remote failed both: the rival had been served until then. */
	one.before = moment(98);
	watch = single_watch(&one, moment(99), true);
	assert_int_equal(judge(watch, sight), SINGLE_OPEN);
	one.before = moment(60);
	watch = single_watch(&one, moment(99), true);
	assert_int_equal(judge(watch, sight), SINGLE_ENDED);
	/* It went on for a while. */
	watch = starved_watch();
	sight.heard = moment(106);
	assert_int_equal(judge(watch, sight), SINGLE_OPEN);
	/* It was switched off, or rebooted: it did not send. */
	sight = starved_sight();
	sight.sent = moment(103);
	assert_int_equal(judge(watch, sight), SINGLE_OPEN);
	sight.sent = never;
	assert_int_equal(judge(watch, sight), SINGLE_OPEN);
	/* The rival is not served either. */
	sight = starved_sight();
	sight.rival = moment(102);
	assert_int_equal(judge(watch, sight), SINGLE_OPEN);
	sight.rival = never;
	assert_int_equal(judge(watch, sight), SINGLE_OPEN);
	/* What is missed may have gone to another. */
	sight = starved_sight();
	sight.certain = false;
	assert_int_equal(judge(watch, sight), SINGLE_OPEN);
}

static struct single_sight told_sight(void)
{
	return (struct single_sight){
	    .heard = moment(101),
	    .given = moment(101),
	    .told = moment(101),
	    .sent = moment(101),
	    .rival = moment(101),
	    .begins = true,
	};
}

static enum single_verdict judge_told(struct single_sight sight, double now)
{
	const struct single_rival one = rival();
	/* That ESP comes for it is not asked for. */
	const struct single_watch watch = single_watch(&one, never, true);

	return single_judge(&watch, &sight, at(now));
}

static void test_told(void **state)
{
	struct single_sight sight = told_sight();
	const struct single_rival one = rival();
	const struct single_watch older = single_watch(&one, never, false);
	(void)state;

	assert_int_equal(judge_told(sight, 102), SINGLE_ENDED);
	assert_int_equal(judge_told(sight, 120), SINGLE_OPEN);
	assert_int_equal(single_judge(&older, &sight, at(102)), SINGLE_OPEN);
	sight.begins = false;
	assert_int_equal(judge_told(sight, 102), SINGLE_OPEN);
	/* Before the rival began: the remote stops, and both begin anew. */
	sight = told_sight();
	sight.told = moment(99);
	sight.heard = sight.given = moment(99);
	assert_int_equal(judge_told(sight, 102), SINGLE_OPEN);
	sight = told_sight();
	sight.told = never;
	assert_int_equal(judge_told(sight, 102), SINGLE_OPEN);
	/* It was no end: more came, be it not certain whose. */
	sight = told_sight();
	sight.given = moment(103);
	assert_int_equal(judge_told(sight, 104), SINGLE_OPEN);
}

static void test_served(void **state)
{
	struct single_watch watch = starved_watch();
	struct single_sight sight = starved_sight();
	(void)state;

	sight.heard = moment(112);
	assert_int_equal(judge(watch, sight), SINGLE_SERVED);
	/* However idle it was, and whoever was newest. */
	watch.lively = watch.newest = false;
	assert_int_equal(judge(watch, sight), SINGLE_SERVED);
	/* The rival was refused: no wonder. */
	sight.rival = moment(102);
	assert_int_equal(judge(watch, sight), SINGLE_OPEN);
}

static void test_awaited(void **state)
{
	struct single_watch watch = starved_watch();
	(void)state;

	assert_true(single_is_awaited(&watch, moment(100), at(105)));
	assert_true(single_is_awaited(&watch, moment(100), at(1000)));
	assert_true(single_is_awaited(&watch, moment(109), at(110)));
	assert_false(single_is_awaited(&watch, moment(109), at(115)));
	watch.lively = false;
	assert_false(single_is_awaited(&watch, moment(100), at(115)));
	watch.on = false;
	assert_false(single_is_awaited(&watch, moment(100), at(105)));
}

static void test_silent(void **state)
{
	struct single_watch watch = starved_watch();
	(void)state;

	watch.lively = watch.newest = false;
	assert_true(single_is_silent(&watch, never));
	assert_true(single_is_silent(&watch, moment(50)));
	assert_true(single_is_silent(&watch, moment(102)));
	assert_false(single_is_silent(&watch, moment(106)));
	watch.on = false;
	assert_false(single_is_silent(&watch, moment(50)));
}

static struct single_watch watch_since(double since)
{
	return (struct single_watch){.rival = host(2), .since = at(since)};
}

static void test_twice(void **state)
{
	struct single single = {0};
	struct single_watch watch = watch_since(100);
	(void)state;

	single_note(&single, &watch, host(1), 2, at(130));
	assert_false(single.recognised);
	/* More that end in the same moment are no second time. */
	single_note(&single, &watch, host(3), 2, at(131));
	watch = watch_since(105);
	single_note(&single, &watch, host(4), 2, at(131));
	assert_false(single.recognised);
	assert_int_equal(single.endings, 1);
	watch = watch_since(131);
	single_note(&single, &watch, host(5), 2, at(160));
	assert_true(single.recognised);
	assert_int_equal(single.endings, 2);
	assert_true(be32_equal(single.ended, host(5)));
	assert_true(be32_equal(single.rival, host(2)));
	assert_int_equal(single.last, at(160));
}

/* Among many, more has to be seen. */
static void test_among_many(void **state)
{
	(void)state;
	for (unsigned hosts = 2; hosts < 50; hosts++) {
		struct single single = {0};
		unsigned wanted = 0;
		while (!single.recognised) {
			const struct single_watch watch =
			    watch_since(100 + 60 * wanted);
			single_note(&single, &watch, host(1), hosts,
			    at(130 + 60 * wanted));
			wanted++;
		}
		assert_int_equal(wanted, 2 + hosts / 8);
	}
}

static void test_twice_within_an_hour(void **state)
{
	struct single single = {0};
	struct single_watch watch = watch_since(100);
	(void)state;

	single_note(&single, &watch, host(1), 2, at(130));
	watch = watch_since(3800);
	single_note(&single, &watch, host(1), 2, at(3830));
	assert_false(single.recognised);
	watch = watch_since(7000);
	single_note(&single, &watch, host(1), 2, at(7030));
	assert_true(single.recognised);
	/* What is known is not forgotten so. */
	watch = watch_since(20000);
	single_note(&single, &watch, host(1), 2, at(20030));
	assert_true(single.recognised);
	assert_int_equal(single.endings, 3);
}

static void test_once_an_hour(void **state)
{
	struct single single = {0};
	(void)state;

	assert_true(single_may_say(&single, at(0)));
	single.said = moment(0);
	assert_false(single_may_say(&single, at(3599)));
	assert_true(single_may_say(&single, at(3601)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_starved),
	    cmocka_unit_test(test_starved_conditions),
	    cmocka_unit_test(test_told),
	    cmocka_unit_test(test_served),
	    cmocka_unit_test(test_awaited),
	    cmocka_unit_test(test_silent),
	    cmocka_unit_test(test_twice),
	    cmocka_unit_test(test_among_many),
	    cmocka_unit_test(test_twice_within_an_hour),
	    cmocka_unit_test(test_once_an_hour),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
