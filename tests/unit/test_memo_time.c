/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What outlives a restart, as time goes by: timeouts, and when changes are
 * handed out.
 */
#include "journal_fixture.h"
#include "tunnel_fixture.h"

/* Timeouts go on where they were, restart or not. */
static void test_expiry_goes_on(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 4);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	esp_out(nat, INSIDE2, REMOTE2, 0xc0000002, 1);
	nat_wait(nat, 60);
	nat = restart(nat, 30);
	assert_int_equal(nat_stats(nat).flows, 2);
	nat_wait(nat, 29);
	assert_int_equal(nat_stats(nat).flows, 2);
	nat_wait(nat, 3);
	/* 120 s for the one that nobody answered. */
	assert_int_equal(nat_stats(nat).flows, 1);
	nat = restart(nat, 24 * HOUR);
	nat_wait(nat, 0.9 * HOUR);
	assert_int_equal(nat_stats(nat).flows, 1);
	assert_int_equal(nat_stats(nat).ike, 1);
	nat_wait(nat, 0.1 * HOUR);
	assert_int_equal(nat_stats(nat).flows, 0);
	assert_int_equal(nat_stats(nat).ike, 0);
	assert_int_equal(nat_stats(nat).peers, 0);
	nat_stop(nat);
}

/* What ran out meanwhile does not come back, but an old SPI of a live
 * association does. */
static void test_what_ran_out_stays_away(void **state)
{
	struct nat *nat = nat_start_default();
	struct spinat_config config = nat->config;
	unsigned restored;
	(void)state;

	esp_out(nat, INSIDE2, REMOTE2, 0xc0000002, 1);
	establish(nat, INSIDE1, REMOTE1, 1, 4);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	nat_wait(nat, 20 * HOUR);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000002, 1);
	establish(nat, INSIDE3, REMOTE2, 3, 2);
	take(nat);
	nat_stop(nat);
	nat_config(&config);
	let_pass(20 * HOUR);
	nat = resume_with(&config, 1, &restored);
	assert_int_equal(restored, 3);
	assert_int_equal(journal->count, 4);
	nat_stop(nat);
	let_pass(6 * HOUR);
	nat = resume_with(&config, 1, &restored);
	assert_int_equal(restored, 0);
	assert_int_equal(nat_stats(nat).peers, 0);
	nat_stop(nat);
	/* Years later, and at the end of time, it is no younger. */
	for (int i = 0; i < 4; i++) {
		let_pass(3e4 * HOUR);
		nat = resume_with(&config, 1, &restored);
		assert_int_equal(restored, 0);
		nat_stop(nat);
	}
}

static void test_changes_are_handed_out_once(void **state)
{
	struct nat *nat = nat_start_default();
	struct spinat_memo memo;
	(void)state;

	assert_int_equal(take(nat), 0);
	establish(nat, INSIDE1, REMOTE1, 1, 4);
	assert_int_equal(take(nat), 1);
	assert_int_equal(take(nat), 0);
	/* Protected messages of an established SA change nothing ... */
	for (int i = 0; i < 10; i++) {
		const struct ike ike = message(1, 0x101, 37, 0, 46);
		send_ike(nat, SPINAT_OUTSIDE, INSIDE1, REMOTE1, &ike);
	}
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	assert_int_equal(take(nat), 1);
	/* ... nor do packets of a known SPI. */
	for (uint32_t i = 2; i < 100; i++)
		esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, i);
	assert_int_equal(take(nat), 0);
	/* TCP and UDP are not written down at all. */
	{
		struct pkt pkt;
		make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, "x", 1);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
		assert_int_equal(take(nat), 0);
		nat_wait(nat, 0.1);
	}
	/* An end is a change: of the record, whatever it was. */
	nat_wait(nat, 26 * HOUR);
	assert_int_equal(nat_stats(nat).flows, 0);
	assert_int_equal(spinat_next_change(nat->engine, nat->now, &memo),
	    SPINAT_WALK_FOUND);
	assert_true(memo.gone);
	keep(&memo);
	assert_int_equal(take(nat), 1);
	assert_int_equal(journal->count, 0);
	nat_stop(nat);
}

/* Counters, stamps and sequence of what is active are never long behind, and
 * what is silent costs nothing. */
static void test_active_records_are_caught_up_with(void **state)
{
	struct nat *nat = nat_start_default();
	uint32_t sequence = 1;
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 4);
	establish(nat, INSIDE2, REMOTE2, 2, 4);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, sequence);
	take(nat);
	nat_wait(nat, 31);
	take(nat);
	for (int minute = 0; minute < 5; minute++) {
		for (int i = 0; i < 60; i++) {
			nat_wait(nat, 0.5);
			esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, ++sequence);
			nat_wait(nat, 0.5);
			/* At each half a minute, and that one alone. */
			if (take(nat) != 0)
				assert_int_equal(journal->count, 3);
			for (unsigned m = 0; m < journal->count; m++)
				if (journal->memos[m].kind ==
				    SPINAT_MEMO_ESP_IN)
					assert_in_range(
					    journal->memos[m].highest_sequence,
					    sequence < 33 ? 0 : sequence - 32,
					    sequence);
		}
	}
	nat_wait(nat, 61);
	take(nat);
	nat_wait(nat, 31);
	assert_int_equal(take(nat), 0);
	nat_stop(nat);
}

/* More changes than any list would hold: every one comes, none twice. */
static void test_many_changes(void **state)
{
	enum { HOSTS = 200, SPIS = 30 };
	struct spinat_config config;
	struct nat *nat;
	unsigned restored;
	(void)state;

	nat_config(&config);
	config.max_flows = 3 * HOSTS * SPIS;
	config.max_spis = config.max_ike = config.max_flows;
	config.max_peers = HOSTS;
	config.events = 0;
	nat = nat_start(&config);
	for (int round = 0; round < 3; round++)
		for (uint32_t host = 0; host < HOSTS; host++)
			for (uint32_t spi = 0; spi < SPIS; spi++)
				esp_out(nat, INSIDE1 + host, REMOTE1,
				    0x1000 + host * SPIS + spi, 1);
	assert_int_equal(take(nat), HOSTS * SPIS);
	assert_int_equal(journal->count, HOSTS * SPIS);
	/* Silent ones too, when the journal is to be written anew. */
	nat_wait(nat, 40);
	take(nat);
	nat_wait(nat, 40);
	assert_int_equal(take(nat), 0);
	spinat_change_all(nat->engine);
	assert_int_equal(take(nat), HOSTS * SPIS);
	assert_int_equal(journal->count, HOSTS * SPIS);
	/* All end and all of the records are used anew, by others. */
	nat_wait(nat, 130);
	for (uint32_t host = 0; host < HOSTS; host++)
		esp_out(nat, INSIDE1 + host, REMOTE2, 0x9000 + host, 1);
	assert_in_range(take(nat), HOSTS * SPIS, HOSTS * SPIS + HOSTS);
	assert_int_equal(journal->count, HOSTS);
	nat_stop(nat);
	nat = resume_with(&config, 1, &restored);
	assert_int_equal(restored, HOSTS);
	for (uint32_t host = 0; host < HOSTS; host++)
		esp_out(nat, INSIDE1 + host, REMOTE2, 0x9000 + host, 2);
	assert_int_equal(nat_stats(nat).flows, HOSTS);
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_expiry_goes_on, journal_set_up, journal_tear_down),
	    cmocka_unit_test_setup_teardown(test_what_ran_out_stays_away,
		journal_set_up, journal_tear_down),
	    cmocka_unit_test_setup_teardown(test_changes_are_handed_out_once,
		journal_set_up, journal_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_active_records_are_caught_up_with, journal_set_up,
		journal_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_many_changes, journal_set_up, journal_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
