/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a remote, or whoever forges its address, can take of a NAT with several
 * of its clients behind it.  What is inside is included for its bounds only.
 */
#include "clients_fixture.h"

#include "ipsec/association.h"

static void test_reserved_spi(void **state)
{
	struct nat *nat = start(2);
	struct pkt pkt;
	(void)state;

	for (uint32_t spi = 0; spi < 256; spi++) {
		make_esp(&pkt, REMOTE1, PUBLIC, spi, 1);
		nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED,
		    SPINAT_REASON_BAD_SPI);
	}
	assert_int_equal(esp_in(nat, 256, 1), HOST(A) | HOST(B));
	nat_stop(nat);
}

static void refused(struct nat *nat, uint32_t spi, uint32_t sequence)
{
	struct pkt pkt;

	make_esp(&pkt, REMOTE1, PUBLIC, spi, sequence);
	nat_expect(
	    nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_BUDGET);
}

static void test_budget(void **state)
{
	const uint32_t most = REMOTE_UNKNOWN.burst;
	const uint32_t reserve = REMOTE_RESERVE.burst;
	struct nat *nat = start(2);
	(void)state;

	for (uint32_t i = 0; i < most; i++)
		assert_int_not_equal(esp_in(nat, 0x10000 + i, 1), 0);
	for (uint32_t i = 0; i < reserve + 1; i++)
		refused(nat, 0x20000 + i, 1);
	/* Repeated it is not seen again; gone on it is. */
	refused(nat, 0x20000, 1);
	for (uint32_t i = 0; i < reserve; i++)
		assert_int_not_equal(esp_in(nat, 0x20000 + i, 2), 0);
	refused(nat, 0x20000 + reserve, 2);
	/* Another remote's budget is its own; and it fills again. */
	nat_wait(nat, 1);
	assert_int_not_equal(esp_in(nat, 0x30000, 1), 0);
	nat_stop(nat);
}

/* A flood for an hour, at what the budget allows: what is certain stays. */
static void test_provisional_cap(void **state)
{
	struct nat *nat = start(2);
	uint32_t spi = 0x10000;
	(void)state;

	for (int second = 0; second < 60; second++) {
		for (unsigned i = 0; i < REMOTE_UNKNOWN.a_second; i++)
			(void)esp_in(nat, spi++, 1);
		assert_true(
		    nat_stats(nat).probation <= ASSOCIATION_MAX_PROBATION);
		nat_wait(nat, 1);
		nat_forget(nat);
	}
	assert_int_equal(nat_stats(nat).probation, ASSOCIATION_MAX_PROBATION);
	assert_int_equal(esp_in(nat, 0x1001, 1000), HOST(A));
	assert_int_equal(esp_in(nat, 0x1002, 1000), HOST(B));
	nat_stop(nat);
}

/* What arrives keeps nothing alive that nobody answers. */
static void test_inbound_alone_keeps_nothing(void **state)
{
	(void)state;
	for (unsigned clients = 1; clients <= 2; clients++) {
		struct nat *nat = start(clients);
		uint32_t sequence = 0;

		while (sequence < 119) {
			assert_int_not_equal(
			    esp_in(nat, 0x2000, ++sequence) & HOST(A), 0);
			nat_wait(nat, 1);
		}
		assert_string_equal(flow_of(nat, 0x2000).state, "probation");
		assert_int_equal(nat_events(nat, SPINAT_EVENT_EXPIRED), 0);
		(void)esp_in(nat, 0x2000, ++sequence);
		nat_wait(nat, 2);
		assert_int_equal(nat_events(nat, SPINAT_EVENT_EXPIRED), 1);
		assert_string_equal(flow_of(nat, 0x2000).state, "gone");
		/* The next one finds its host anew. */
		assert_int_not_equal(
		    esp_in(nat, 0x2000, ++sequence) & HOST(A), 0);
		nat_stop(nat);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reserved_spi),
	    cmocka_unit_test(test_budget),
	    cmocka_unit_test(test_provisional_cap),
	    cmocka_unit_test(test_inbound_alone_keeps_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
