/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A shared SPI outlives a restart with all of its owners.
 */
#include <errno.h>

#include "clients_fixture.h"
#include "journal_fixture.h"

static struct spinat_memo *memo_of_shared(void)
{
	for (unsigned i = 0; i < journal->count; i++)
		if (journal->memos[i].state == SPINAT_MEMO_SHARED &&
		    journal->memos[i].kind == SPINAT_MEMO_ESP_IN)
			return &journal->memos[i];
	fail_msg("no memo is of a shared SPI");
	return NULL;
}

/* The journal of two clients that share an SPI. */
static void keep_shared(struct sequences *sequences)
{
	struct nat *nat = start(2);

	share(nat, sequences);
	spinat_change_all(nat->engine);
	take(nat);
	nat_stop(nat);
}

static void put_back(struct nat *nat, unsigned i)
{
	assert_int_equal(
	    spinat_restore(nat->engine, nat->now, &journal->memos[i]), 0);
}

static void test_all_owners_come_back(void **state)
{
	struct nat *nat = start(2);
	struct sequences sequences;
	(void)state;

	share(nat, &sequences);
	spinat_change_all(nat->engine);
	/* Each generation is as good as the first. */
	for (int generation = 0; generation < 3; generation++) {
		nat = restart(nat, 10);
		assert_string_equal(flow_of(nat, 0x1001).state, "shared");
		assert_non_null(strstr(flow_of(nat, 0x1001).why, "several"));
		assert_shared(nat, &sequences);
		assert_int_equal(nat->event_count, 0);
		assert_int_equal(nat_stats(nat).probation, 0);
	}
	nat_stop(nat);
}

/* A step of it is a change, and only the owners are named. */
static void test_is_handed_out(void **state)
{
	struct nat *nat = start(2);
	struct sequences sequences;
	const struct spinat_memo *memo;
	(void)state;

	take(nat);
	share(nat, &sequences);
	take(nat);
	memo = memo_of_shared();
	assert_int_equal(host32(memo->inside), A);
	assert_int_equal(host32(memo->owners[0]), B);
	for (unsigned i = 1; i < SPINAT_MEMO_OWNERS; i++)
		assert_int_equal(host32(memo->owners[i]), 0);
	nat_stop(nat);
}

/* The SPI first, last, and anywhere between what is of its owners. */
static void test_in_any_order(void **state)
{
	struct sequences sequences;
	(void)state;

	keep_shared(&sequences);
	for (unsigned first = 0; first < journal->count; first++)
		for (int back = 0; back < 2; back++) {
			struct nat *nat = nat_start_default();
			struct sequences goes_on = sequences;

			for (unsigned i = 0; i < journal->count; i++) {
				const unsigned at =
				    (first + i) % journal->count;
				put_back(
				    nat, back ? journal->count - 1 - at : at);
			}
			assert_shared(nat, &goes_on);
			nat_stop(nat);
		}
}

/* Of an owner that is gone nothing is left; the other one has it all. */
static void test_an_owner_that_is_gone(void **state)
{
	struct sequences sequences;
	struct nat *nat = nat_start_default();
	(void)state;

	keep_shared(&sequences);
	for (unsigned i = 0; i < journal->count; i++)
		if (host32(journal->memos[i].inside) != B)
			put_back(nat, i);
	assert_int_equal(nat_stats(nat).peers, 1);
	for (int i = 0; i < 10; i++)
		assert_int_equal(
		    esp_in(nat, 0x1001, ++sequences.of_a), HOST(A));
	journal->count = 0;
	spinat_change_all(nat->engine);
	nat = restart(nat, 1);
	assert_state(nat, 0x1001, "confirmed", A);
	nat_stop(nat);
}

/* Better one owner than none. */
static void test_no_room(void **state)
{
	struct sequences sequences;
	struct spinat_config config;
	struct spinat_memo other;
	struct nat *nat;
	(void)state;

	keep_shared(&sequences);
	nat_config(&config);
	config.max_bindings = 1;
	nat = nat_start(&config);
	other = *memo_of_shared();
	other.state = SPINAT_MEMO_BOUND;
	other.spi = wire32(0x5000);
	memset(other.owners, 0, sizeof other.owners);
	assert_int_equal(spinat_restore(nat->engine, nat->now, &other), 0);
	for (unsigned i = 0; i < journal->count; i++)
		put_back(nat, i);
	assert_state(nat, 0x1001, "confirmed", A);
	assert_int_equal(esp_in(nat, 0x1001, ++sequences.of_a), HOST(A));
	nat_stop(nat);
}

static void refuse_owners(
    const struct spinat_memo *good, const uint32_t *owners, unsigned count)
{
	struct nat *nat = nat_start_default();
	struct spinat_memo memo = *good;

	for (unsigned i = 0; i < SPINAT_MEMO_OWNERS; i++)
		memo.owners[i] = wire32(i < count ? owners[i] : 0);
	assert_int_equal(spinat_restore(nat->engine, nat->now, &memo), -EINVAL);
	assert_int_equal(nat_stats(nat).flows, 0);
	assert_int_equal(nat_stats(nat).peers, 0);
	nat_stop(nat);
}

static void test_impossible_owners(void **state)
{
	static const uint32_t twice[] = {B, C, B}, holder[] = {B, A},
			      gap[] = {B, 0, C}, late[] = {0, B}, one[] = {B};
	struct sequences sequences;
	struct spinat_memo memo;
	(void)state;

	keep_shared(&sequences);
	memo = *memo_of_shared();
	refuse_owners(&memo, NULL, 0);
	refuse_owners(&memo, twice, COUNT_OF(twice));
	refuse_owners(&memo, holder, COUNT_OF(holder));
	refuse_owners(&memo, gap, COUNT_OF(gap));
	refuse_owners(&memo, late, COUNT_OF(late));
	memo.state = SPINAT_MEMO_CONFIRMED;
	refuse_owners(&memo, one, COUNT_OF(one));
	memo.state = SPINAT_MEMO_BOUND;
	refuse_owners(&memo, one, COUNT_OF(one));
}

/* As many as a memo has room for, whoever of them is there. */
static void test_most_owners(void **state)
{
	struct sequences sequences;
	struct spinat_memo memo;
	struct nat *nat = nat_start_default();
	(void)state;

	keep_shared(&sequences);
	for (unsigned i = 0; i < journal->count; i++)
		if (journal->memos[i].state != SPINAT_MEMO_SHARED)
			put_back(nat, i);
	memo = *memo_of_shared();
	for (unsigned i = 0; i < SPINAT_MEMO_OWNERS; i++)
		memo.owners[i] = wire32(IP(10, 0, 0, 2 + i));
	assert_int_equal(spinat_restore(nat->engine, nat->now, &memo), 0);
	assert_shared(nat, &sequences);
	establish(nat, C);
	assert_shared(nat, &sequences);
	nat_stop(nat);
}

int main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, journal_set_up, journal_tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_all_owners_come_back),
	    TEST(test_is_handed_out),
	    TEST(test_in_any_order),
	    TEST(test_an_owner_that_is_gone),
	    TEST(test_no_room),
	    TEST(test_impossible_owners),
	    TEST(test_most_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
