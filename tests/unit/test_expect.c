/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hints that an SA was made, and the exchanges that they come from.
 */
#include "common.h"

#include <ctype.h>
#include <stdio.h>

#include "ipsec/expect.h"
#include "ipsec/ike_sa.h"

#define IN  SPINAT_INSIDE
#define OUT SPINAT_OUTSIDE

/* -------------------------------------------------------------------- hints */

static void assert_hint(
    const struct expect *hint, enum expect_strength strength, tick opened)
{
	assert_non_null(hint);
	assert_int_equal(hint->strength, strength);
	assert_int_equal(hint->opened, opened);
}

static void test_life_of_a_hint(void **state)
{
	struct expects expects = {0};
	struct expect closed;
	(void)state;

	assert_null(expect_best(&expects, 0));
	assert_int_equal(expect_close_best(&expects, 5).strength, EXPECT_NONE);
	expect_open(&expects, EXPECT_WEAK, 10);
	assert_hint(expect_best(&expects, 20), EXPECT_WEAK, 10);
	expect_strengthen(&expects, 10, 12);
	assert_hint(expect_best(&expects, 20), EXPECT_STRONG, 12);
	closed = expect_close_best(&expects, 20);
	assert_hint(&closed, EXPECT_STRONG, 12);
	assert_null(expect_best(&expects, 20));
	expect_reopen(&expects, closed);
	assert_hint(expect_best(&expects, 20), EXPECT_STRONG, 12);
	expect_forget(&expects);
	assert_null(expect_best(&expects, 20));
	/* What never was cannot be in question again. */
	expect_reopen(&expects, (struct expect){0});
	assert_null(expect_best(&expects, 20));
}

static void test_strengthen(void **state)
{
	struct expects expects = {0};
	(void)state;

	/* Two under way: only the one that is complete grows strong. */
	expect_open(&expects, EXPECT_WEAK, 10);
	expect_open(&expects, EXPECT_WEAK, 11);
	expect_strengthen(&expects, 10, 15);
	assert_hint(expect_best(&expects, 20), EXPECT_STRONG, 15);
	(void)expect_close_best(&expects, 20);
	assert_hint(expect_best(&expects, 20), EXPECT_WEAK, 11);
	(void)expect_close_best(&expects, 20);
	/* Its weak one is gone: made anew. */
	expect_strengthen(&expects, 11, 16);
	assert_hint(expect_best(&expects, 20), EXPECT_STRONG, 16);
	/* A strong one opened then is another's. */
	expect_strengthen(&expects, 16, 17);
	(void)expect_close_best(&expects, 20);
	assert_hint(expect_best(&expects, 20), EXPECT_STRONG, 16);
}

static void test_supersede(void **state)
{
	/* Also where ticks wrap. */
	static const tick starts[] = {100, UINT32_MAX - 2};
	(void)state;

	for (size_t s = 0; s < COUNT_OF(starts); s++) {
		struct expects expects = {0};
		for (tick t = 0; t < EXPECT_SLOTS + 2; t++)
			expect_open(&expects, EXPECT_STRONG, starts[s] + t);
		/* The last ones are there, the latest first. */
		for (tick t = EXPECT_SLOTS + 1; t >= 2; t--)
			assert_int_equal(
			    expect_close_best(&expects, starts[s] + 50).opened,
			    starts[s] + t);
		assert_null(expect_best(&expects, starts[s] + 50));
	}
}

static int rank_of(const struct expect *hint, tick seen)
{
	const int32_t before = (int32_t)(seen - hint->opened);
	const int strong = hint->strength == EXPECT_STRONG;

	return (before >= 0 ? 100000 : 0) + 10000 * strong + (int)hint->opened -
	    1000;
}

/* Against a plain list: opened before the SPI was seen goes first, then strong,
 * then late. */
static void test_best(void **state)
{
	uint64_t random = 1;
	(void)state;

	for (int round = 0; round < 20000; round++) {
		struct expects expects = {0};
		struct expect list[EXPECT_SLOTS];
		const unsigned count = 1 + test_below(&random, EXPECT_SLOTS);
		const tick seen = 1000 + test_below(&random, 100);
		const struct expect *best;
		unsigned most = 0;

		for (unsigned i = 0; i < count; i++) {
			list[i] = (struct expect){
			    1000 + i * 25 + test_below(&random, 25),
			    (uint8_t)(1 + test_below(&random, 2))};
			expect_open(&expects,
			    (enum expect_strength)list[i].strength,
			    list[i].opened);
			if (rank_of(&list[i], seen) >
			    rank_of(&list[most], seen))
				most = i;
		}
		best = expect_best(&expects, seen);
		assert_hint(best, (enum expect_strength)list[most].strength,
		    list[most].opened);
	}
}

/* ---------------------------------------------------------------- exchanges */

static struct ike_message quick(uint32_t message_id)
{
	return (struct ike_message){.version = 1,
	    .exchange = IKE1_QUICK,
	    .message_id = message_id,
	    .is_protected = true};
}

static struct ike_message v2(
    enum ike_exchange exchange, uint32_t message_id, bool response)
{
	return (struct ike_message){.version = 2,
	    .exchange = (uint8_t)exchange,
	    .message_id = message_id,
	    .is_protected = true,
	    .is_response = response};
}

static void step(struct exchanges *exchanges, struct ike_message message,
    enum spinat_side from, tick now, enum exchange_step want, tick want_opened)
{
	tick opened = 0;

	assert_int_equal(
	    exchange_follow(exchanges, &message, from, now, &opened), want);
	if (want == EXCHANGE_COMPLETES)
		assert_int_equal(opened, want_opened);
}

/* Message 2 opens, 3 completes, by either end; repeated ones do nothing. */
static void test_quick_mode(void **state)
{
	(void)state;
	for (int starter = 0; starter < 2; starter++) {
		const enum spinat_side a = starter ? OUT : IN;
		const enum spinat_side b = starter ? IN : OUT;
		struct exchanges ex = {0};

		step(&ex, quick(7), a, 1, EXCHANGE_NOTHING, 0);
		step(&ex, quick(7), a, 2, EXCHANGE_NOTHING, 0);
		step(&ex, quick(7), b, 3, EXCHANGE_OPENS, 0);
		step(&ex, quick(7), b, 4, EXCHANGE_NOTHING, 0);
		step(&ex, quick(7), a, 5, EXCHANGE_COMPLETES, 3);
		step(&ex, quick(7), a, 6, EXCHANGE_NOTHING, 0);
		step(&ex, quick(7), b, 7, EXCHANGE_NOTHING, 0);
		/* Another, of another id. */
		step(&ex, quick(8), a, 8, EXCHANGE_NOTHING, 0);
		step(&ex, quick(8), b, 9, EXCHANGE_OPENS, 0);
		step(&ex, quick(8), a, 10, EXCHANGE_COMPLETES, 9);
	}
}

static const enum ike_exchange makers[] = {
    IKE2_AUTH, IKE2_CREATE_CHILD_SA, IKE2_FOLLOWUP_KE};

/* The request opens, the response completes; a second fragment of either is a
 * repetition (its message id is the same). */
static void test_ikev2(void **state)
{
	(void)state;
	for (size_t m = 0; m < COUNT_OF(makers); m++)
		for (int starter = 0; starter < 2; starter++) {
			const enum spinat_side a = starter ? OUT : IN;
			const enum spinat_side b = starter ? IN : OUT;
			const struct ike_message request =
			    v2(makers[m], 5, false);
			const struct ike_message response =
			    v2(makers[m], 5, true);
			struct exchanges ex = {0};

			step(&ex, request, a, 1, EXCHANGE_OPENS, 0);
			step(&ex, request, a, 2, EXCHANGE_NOTHING, 0);
			step(&ex, response, b, 3, EXCHANGE_COMPLETES, 1);
			step(&ex, response, b, 4, EXCHANGE_NOTHING, 0);
			step(&ex, request, a, 5, EXCHANGE_NOTHING, 0);
		}
}

/* Both ends count their message ids from zero. */
static void test_simultaneous(void **state)
{
	const enum ike_exchange child = IKE2_CREATE_CHILD_SA;
	struct exchanges ex = {0};
	(void)state;

	step(&ex, v2(child, 2, false), IN, 1, EXCHANGE_OPENS, 0);
	step(&ex, v2(child, 2, false), OUT, 2, EXCHANGE_OPENS, 0);
	step(&ex, v2(child, 2, true), OUT, 3, EXCHANGE_COMPLETES, 1);
	step(&ex, v2(child, 2, true), IN, 4, EXCHANGE_COMPLETES, 2);
	step(&ex, v2(child, 2, true), IN, 5, EXCHANGE_NOTHING, 0);
}

/* The same id in another kind of exchange is another one. */
static void test_kinds_do_not_mix(void **state)
{
	struct exchanges ex = {0};
	(void)state;

	step(&ex, v2(IKE2_AUTH, 1, false), IN, 1, EXCHANGE_OPENS, 0);
	step(&ex, v2(IKE2_CREATE_CHILD_SA, 1, true), OUT, 2, EXCHANGE_COMPLETES,
	    2);
	step(&ex, v2(IKE2_AUTH, 1, true), OUT, 3, EXCHANGE_COMPLETES, 1);
}

static void test_response_only(void **state)
{
	struct exchanges ex = {0};
	(void)state;

	for (int from = 0; from < 2; from++) {
		const enum spinat_side side = from ? OUT : IN;
		step(&ex, v2(IKE2_AUTH, 9, true), side, 40, EXCHANGE_COMPLETES,
		    40);
		step(
		    &ex, v2(IKE2_AUTH, 9, true), side, 41, EXCHANGE_NOTHING, 0);
	}
}

/* What is in clear, or of a kind that makes no SA, is not followed. */
static void test_no_exchange_of_ours(void **state)
{
	struct exchanges ex = {0};
	const struct exchanges untouched = {0};
	struct ike_message message;
	(void)state;

	for (unsigned version = 1; version <= 2; version++)
		for (unsigned exchange = 0; exchange < 256; exchange++) {
			bool maker = version == 1 && exchange == IKE1_QUICK;
			for (size_t m = 0; m < COUNT_OF(makers); m++)
				maker |= version == 2 && exchange == makers[m];
			message =
			    (struct ike_message){.version = (uint8_t)version,
				.exchange = (uint8_t)exchange,
				.is_protected = !maker};
			step(&ex, message, IN, 1, EXCHANGE_NOTHING, 0);
			message.is_response = version == 2;
			step(&ex, message, OUT, 1, EXCHANGE_NOTHING, 0);
		}
	assert_memory_equal(&ex, &untouched, sizeof ex);
}

/* The oldest goes, for as long as anything may happen. */
static void test_slots(void **state)
{
	const enum ike_exchange child = IKE2_CREATE_CHILD_SA;
	struct exchanges ex = {0};
	(void)state;

	for (uint32_t id = 0; id < 1000; id++) {
		step(&ex, v2(child, id, false), IN, id, EXCHANGE_OPENS, 0);
		if (id % 3 == 0)
			step(&ex, v2(child, id, true), OUT, id,
			    EXCHANGE_COMPLETES, id);
		/* The last few are known, whatever state they are in. */
		for (uint32_t k = 0; k < EXCHANGE_SLOTS && k <= id; k++)
			step(&ex, v2(child, id - k, false), IN, id,
			    EXCHANGE_NOTHING, 0);
	}
	/* The one before those is forgotten. */
	step(&ex, v2(child, 999 - EXCHANGE_SLOTS, false), IN, 2000,
	    EXCHANGE_OPENS, 0);
}

/* ------------------------------------------------ the table in the header */

static const char *const names[EXCHANGE_STATES] = {
    "FREE", "STARTED", "ANSWERED", "DONE"};
static bool documented[EXCHANGE_STATES][EXCHANGE_STATES];

static unsigned state_of(const char *word, size_t length)
{
	for (unsigned s = 0; s < EXCHANGE_STATES; s++)
		if (strlen(names[s]) == length &&
		    strncmp(names[s], word, length) == 0)
			return s;
	return EXCHANGE_STATES;
}

static void mark_column(unsigned from, const char *text)
{
	while (*text != '\0' && *text != '|') {
		size_t length = 0;
		while (isupper((unsigned char)text[length]))
			length++;
		if (length > 1) {
			const unsigned to = state_of(text, length);
			assert_true(to < EXCHANGE_STATES);
			documented[from][to] = true;
		}
		text += length == 0 ? 1 : length;
	}
}

static int read_table(void **state)
{
	FILE *file = fopen(EXCHANGE_HEADER, "r");
	char line[256], name[16];
	unsigned rows = 0;
	(void)state;

	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL) {
		const char *column;
		unsigned from;
		if (sscanf(line, " * | %15[A-Z] ", name) != 1)
			continue;
		from = state_of(name, strlen(name));
		if (from == EXCHANGE_STATES)
			continue;
		column = strchr(strchr(line, '|') + 1, '|');
		column = column == NULL ? NULL : strchr(column + 1, '|');
		assert_non_null(column);
		mark_column(from, column + 1);
		rows++;
	}
	fclose(file);
	assert_int_equal(rows, EXCHANGE_STATES);
	return 0;
}

static void test_comment_is_true(void **state)
{
	(void)state;
	for (unsigned from = 0; from < EXCHANGE_STATES; from++)
		for (unsigned to = 0; to < EXCHANGE_STATES; to++)
			if (documented[from][to] !=
			    exchange_state_allows((enum exchange_state)from,
				(enum exchange_state)to))
				fail_msg("%s to %s: the comment says %s",
				    names[from], names[to],
				    documented[from][to] ? "yes" : "no");
	for (unsigned s = 0; s < EXCHANGE_STATES; s++) {
		const char *name = exchange_state_name((enum exchange_state)s);
		assert_int_equal(strlen(name), strlen(names[s]));
		for (size_t i = 0; name[i] != '\0'; i++)
			assert_int_equal(
			    toupper((unsigned char)name[i]), names[s][i]);
	}
}

/* Whatever is sent: slots move as documented, or are taken for another
 * exchange; and every exchange opens and completes at most once while it is
 * known. */
static void test_any_messages(void **state)
{
	uint64_t random = 11;
	struct exchanges ex = {0};
	(void)state;

	for (int i = 0; i < 300000; i++) {
		const struct exchanges before = ex;
		const struct ike_message message = test_below(&random, 2)
		    ? quick(test_below(&random, 5))
		    : v2(makers[test_below(&random, 3)], test_below(&random, 3),
			  test_below(&random, 2));
		tick opened;

		(void)exchange_follow(&ex, &message,
		    test_below(&random, 2) ? IN : OUT, (tick)i, &opened);
		for (unsigned s = 0; s < EXCHANGE_SLOTS; s++) {
			const struct exchange *was = &before.slots[s];
			const struct exchange *is = &ex.slots[s];
			if (was->age == is->age && was->state != EXCHANGE_FREE)
				assert_true(was->state == is->state ||
				    documented[was->state][is->state]);
			else if (is->state != EXCHANGE_FREE)
				assert_int_equal(is->age, ex.clock);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_life_of_a_hint),
	    cmocka_unit_test(test_strengthen),
	    cmocka_unit_test(test_supersede),
	    cmocka_unit_test(test_best),
	    cmocka_unit_test(test_quick_mode),
	    cmocka_unit_test(test_ikev2),
	    cmocka_unit_test(test_simultaneous),
	    cmocka_unit_test(test_kinds_do_not_mix),
	    cmocka_unit_test(test_response_only),
	    cmocka_unit_test(test_no_exchange_of_ours),
	    cmocka_unit_test(test_slots),
	    cmocka_unit_test(test_comment_is_true),
	    cmocka_unit_test(test_any_messages),
	};
	return cmocka_run_group_tests(tests, read_table, NULL);
}
