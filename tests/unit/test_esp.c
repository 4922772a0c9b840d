/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ESP through the public header: one client of each gateway.  Several of one
 * are in test_shared.c.
 */
#include "tunnel_fixture.h"

static void test_esp_after_ike(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 4);
	nat_forget(nat);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001, 1);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001, 1);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_CREATED), 1);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_BOUND), 1);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_CONFIRMED), 1);
	assert_int_equal(nat->event_count, 3);
	assert_int_equal(only_peer(nat).out_count, 1);
	assert_int_equal(only_peer(nat).in_count, 1);
	assert_true(only_peer(nat).packets[1] == 2);
	nat_stop(nat);
}

/* The gateway speaks first, with an SPI nobody has seen, after hours. */
static void test_esp_gateway_first_after_silence(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 4);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001, 1);
	nat_wait(nat, 20 * 3600.0);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000002, 1);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001, 1);
	nat_wait(nat, 20 * 3600.0);
	/* ESP alone kept all of it alive. */
	assert_int_equal(nat_stats(nat).ike, 1);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001, 1);
	nat_stop(nat);
}

/* And IKE alone keeps the SPIs: DPD on an idle tunnel. */
static void test_ike_keeps_esp(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike;
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 4);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001, 1);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	for (int day = 0; day < 4; day++) {
		nat_wait(nat, 24 * 3600.0);
		ike = protected_message(1, 0x101, 37, 0);
		ike_in(nat, REMOTE1, INSIDE1, &ike);
	}
	assert_int_equal(nat_stats(nat).flows, 2);
	nat_wait(nat, 25 * 3600.0 + 2);
	assert_int_equal(nat_stats(nat).flows, 0);
	assert_int_equal(nat_stats(nat).ike, 0);
	assert_int_equal(nat_stats(nat).peers, 0);
	nat_stop(nat);
}

/* No IKE seen (manual keys, or a restart): outbound ESP alone makes a host the
 * one, where it is the only one. */
static void test_esp_without_ike(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	(void)state;

	make_esp(&pkt, REMOTE1, PUBLIC, 0xd0000001, 1);
	pass_in(nat, &pkt, SPINAT_REASON_ESP_UNKNOWN);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001, 1);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	esp_out(nat, INSIDE2, REMOTE1, 0xc0000002, 1);
	/* Its inbound SPI was answered by nobody yet ... */
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	/* ... and a host that answered goes before one with outbound only. */
	nat_wait(nat, 1);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001, 1);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000003, 1);
	nat_stop(nat);
}

/* Junk ESP makes no candidate where there is one. */
static void test_esp_junk_is_no_candidate(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	establish(nat, INSIDE1, REMOTE2, 3, 4);
	esp_out(nat, INSIDE2, REMOTE2, 0xc0000009, 1);
	esp_in(nat, REMOTE2, INSIDE1, 0xd0000002, 1);
	assert_int_equal(nat->emitted, 0);
	nat_stop(nat);
}

/* The same numbers each way, and for two remotes, are not mixed up. */
static void test_esp_equal_spis(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 4);
	establish(nat, INSIDE2, REMOTE2, 2, 4);
	esp_out(nat, INSIDE1, REMOTE1, 0x1000, 1);
	esp_in(nat, REMOTE1, INSIDE1, 0x1000, 1);
	esp_out(nat, INSIDE2, REMOTE2, 0x1000, 1);
	esp_in(nat, REMOTE2, INSIDE2, 0x1000, 1);
	assert_int_equal(nat_stats(nat).flows, 4);
	nat_stop(nat);
}

static void test_esp_reserved_spi(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	(void)state;

	for (uint32_t spi = 0; spi < 256; spi += 51) {
		make_esp(&pkt, INSIDE1, REMOTE1, spi, 1);
		nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED,
		    SPINAT_REASON_BAD_SPI);
		make_esp(&pkt, REMOTE1, PUBLIC, spi, 1);
		nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED,
		    SPINAT_REASON_BAD_SPI);
	}
	esp_out(nat, INSIDE1, REMOTE1, 256, 1);
	nat_stop(nat);
}

/* At most 128 SPIs each way a pair: the longest idle goes. */
static void test_esp_cap(void **state)
{
	struct nat *nat = nat_start_default();
	struct spinat_flow_info info;
	uint32_t cursor = 0;
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 4);
	nat_forget(nat);
	for (uint32_t i = 0; i < 136; i++) {
		esp_out(nat, INSIDE1, REMOTE1, 0x1000 + i, 1);
		if (i == 0)
			esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
		nat_wait(nat, 1);
	}
	assert_int_equal(only_peer(nat).out_count, 128);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_EXPIRED), 8);
	assert_true(nat_stats(nat).reasons[SPINAT_REASON_EVICTED] == 8);
	while (nat_next_flow(nat, &cursor, &info))
		if (info.kind == SPINAT_FLOW_ESP_OUT)
			assert_in_range(host32(info.spi), 0x1008, 0x1087);
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_esp_after_ike),
	    cmocka_unit_test(test_esp_gateway_first_after_silence),
	    cmocka_unit_test(test_ike_keeps_esp),
	    cmocka_unit_test(test_esp_without_ike),
	    cmocka_unit_test(test_esp_junk_is_no_candidate),
	    cmocka_unit_test(test_esp_equal_spis),
	    cmocka_unit_test(test_esp_reserved_spi),
	    cmocka_unit_test(test_esp_cap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
