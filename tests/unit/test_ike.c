/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IKE through the public header: one client of each gateway, on port 500.
 * Several of one are in test_shared.c, their ports in test_ike_ports.c.
 */
#include "tunnel_fixture.h"

static void test_ike_life(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike = init_request;
	struct spinat_ike_info info;
	(void)state;

	ike_out(nat, INSIDE1, REMOTE1, &ike);
	assert_string_equal(only_ike(nat).state, "unanswered");
	ike = init_response(0x99);
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	assert_string_equal(only_ike(nat).state, "half-open");
	ike = protected_message(init_request.initiator, 0x99, 35, 0x08);
	ike_out(nat, INSIDE1, REMOTE1, &ike);
	assert_string_equal(only_ike(nat).state, "half-open");
	assert_false(only_peer(nat).candidate);
	ike = protected_message(init_request.initiator, 0x99, 35, 0x20);
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	info = only_ike(nat);
	assert_string_equal(info.state, "established");
	assert_true(info.inside_initiated);
	assert_int_equal(info.version, 2);
	assert_int_equal(get32(info.responder_spi + 4), 0x99);
	assert_true(info.packets[0] == 2 && info.packets[1] == 2);
	assert_true(only_peer(nat).candidate);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_CREATED), 1);
	assert_int_equal(nat->event_count, 1);
	nat_stop(nat);
}

/* Two clients of two gateways, and two of one: cookies tell them apart. */
static void test_ike_clients_keep_port_500(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike;
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 4);
	establish(nat, INSIDE2, REMOTE2, 2, 4);
	establish(nat, INSIDE3, REMOTE1, 3, 4);
	ike = protected_message(1, 0x101, 37, 0);
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	ike = protected_message(3, 0x103, 37, 0);
	ike_in(nat, REMOTE1, INSIDE3, &ike);
	ike = protected_message(2, 0x102, 37, 0);
	ike_in(nat, REMOTE2, INSIDE2, &ike);
	assert_int_equal(nat_stats(nat).ike, 3);
	assert_int_equal(nat_stats(nat).peers, 3);
	nat_stop(nat);
}

static void test_ike_same_cookie_two_hosts(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike;
	(void)state;

	establish_between(nat, INSIDE1, REMOTE1, 7, 0x101, 4);
	establish_between(nat, INSIDE2, REMOTE1, 7, 0x102, 4);
	ike = protected_message(7, 0x101, 37, 0);
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	ike_out(nat, INSIDE1, REMOTE1, &ike);
	ike = protected_message(7, 0x102, 37, 0);
	ike_in(nat, REMOTE1, INSIDE2, &ike);
	ike_out(nat, INSIDE2, REMOTE1, &ike);
	assert_int_equal(nat_stats(nat).ike, 2);
	nat_stop(nat);
}

/* Nobody asked for it: port 500 is the gateway's own. */
static void test_ike_unsolicited(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike = init_request;
	struct pkt pkt;
	(void)state;

	make_ike(&pkt, REMOTE1, PUBLIC, &ike);
	pass_in(nat, &pkt, SPINAT_REASON_IKE_UNKNOWN);
	/* A half-open client is no reason either. */
	ike.initiator = 5;
	ike_out(nat, INSIDE1, REMOTE1, &ike);
	make_ike(&pkt, REMOTE1, PUBLIC, &init_request);
	pass_in(nat, &pkt, SPINAT_REASON_IKE_UNKNOWN);
	/* Nor is another remote's. */
	establish(nat, INSIDE1, REMOTE1, 6, 4);
	make_ike(&pkt, REMOTE2, PUBLIC, &init_request);
	pass_in(nat, &pkt, SPINAT_REASON_IKE_UNKNOWN);
	nat_stop(nat);
}

/* The gateway rekeys the IKE SA, or starts one: its only client gets it. */
static void test_ike_from_the_gateway(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike = init_request;
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 4);
	nat_wait(nat, 3600);
	nat_forget(nat);
	ike = protected_message(0xaaaa, 0xbbbb, 37, 0x08);
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_BOUND), 1);
	ike.flags = 0x20;
	ike_out(nat, INSIDE1, REMOTE1, &ike);
	assert_int_equal(nat_stats(nat).ike, 2);
	ike = init_request;
	ike.initiator = 0xcccc;
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_BOUND), 2);
	nat_stop(nat);
}

static void test_ike_malformed(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike = init_request;
	struct pkt pkt;
	(void)state;

	make_udp(&pkt, INSIDE1, 500, REMOTE1, 500, "short", 5);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_BAD_IKE);
	ike.version = 3;
	make_ike(&pkt, INSIDE1, REMOTE1, &ike);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_BAD_IKE);
	ike.version = 1;
	ike.initiator = 0;
	make_ike(&pkt, INSIDE1, REMOTE1, &ike);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_BAD_IKE);
	make_udp(&pkt, REMOTE1, 500, PUBLIC, 500, "short", 5);
	pass_in(nat, &pkt, SPINAT_REASON_BAD_IKE);
	assert_int_equal(nat_stats(nat).ike, 0);
	nat_stop(nat);
}

/* IKEv1: the encryption flag says what is protected. */
static void test_ikev1(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike = {.initiator = 0x77,
	    .version = 1,
	    .exchange = 2,
	    .next_payload = 1,
	    .padding = 80};
	(void)state;

	ike_out(nat, INSIDE1, REMOTE1, &ike);
	ike.responder = 0x88;
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	ike.next_payload = 4;
	ike_out(nat, INSIDE1, REMOTE1, &ike);
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	ike.flags = 1;
	ike_out(nat, INSIDE1, REMOTE1, &ike);
	assert_string_equal(only_ike(nat).state, "half-open");
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	assert_string_equal(only_ike(nat).state, "established");
	ike.exchange = 32;
	ike.message_id = 0x1234;
	ike_out(nat, INSIDE1, REMOTE1, &ike);
	assert_int_equal(only_ike(nat).version, 1);
	nat_stop(nat);
}

static void test_ike_without_checksum(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	(void)state;

	make_ike(&pkt, INSIDE1, REMOTE1, &init_request);
	put16(pkt.data + 26, 0);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(get16(pkt.data + 26), 0);
	make_ike(&pkt, INSIDE1, REMOTE1, &init_request);
	make_partial(&pkt);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	nat_stop(nat);
}

/* On UDP 4500 it is a session like others, and no candidate for raw ESP. */
static void test_nat_traversal(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike = init_request;
	uint8_t payload[500];
	struct pkt pkt;
	(void)state;

	ike_out(nat, INSIDE1, REMOTE1, &ike);
	ike = init_response(0x99);
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	ike = protected_message(init_request.initiator, 0x99, 35, 0x08);
	put32(payload, 0);
	make_udp(&pkt, INSIDE1, 4500, REMOTE1, 4500, payload,
	    4 + ike_bytes(&ike, payload + 4));
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_in_range(source_port(&pkt), PORT_LOW, PORT_HIGH);
	assert_true(only_ike(nat).floated);
	assert_false(only_peer(nat).candidate);
	assert_string_equal(only_peer(nat).why,
	    "it uses NAT traversal (UDP 4500), not raw ESP");
	/* A raw SPI of that remote is nobody's. */
	make_esp(&pkt, REMOTE1, PUBLIC, 0x1000, 1);
	pass_in(nat, &pkt, SPINAT_REASON_ESP_UNKNOWN);
	/* One that moves after it was established is no candidate any more. */
	establish(nat, INSIDE2, REMOTE2, 2, 4);
	ike = protected_message(2, 0x102, 37, 0x08);
	make_udp(&pkt, INSIDE2, 4500, REMOTE2, 4500, payload,
	    4 + ike_bytes(&ike, payload + 4));
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	make_esp(&pkt, REMOTE2, PUBLIC, 0x1000, 1);
	pass_in(nat, &pkt, SPINAT_REASON_ESP_UNKNOWN);
	nat_stop(nat);
}

static unsigned count_established(const struct nat *nat)
{
	struct spinat_ike_info info;
	uint32_t cursor = 0;
	unsigned count = 0;

	while (
	    spinat_next_ike(nat->engine, &cursor, &info) == SPINAT_WALK_FOUND)
		count += strcmp(info.state, "established") == 0;
	return count;
}

static void test_ike_cap(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	for (uint64_t i = 0; i < 80; i++) {
		struct ike ike = init_request;
		/* Neither the first nor the last of them is the one to go. */
		if (i == 10 || i == 63)
			establish(nat, INSIDE1, REMOTE1, i, 4);
		ike.initiator = 0x5000 + i;
		ike_out(nat, INSIDE1, REMOTE1, &ike);
		nat_wait(nat, 0.2);
	}
	assert_int_equal(count_established(nat), 2);
	assert_int_equal(only_peer(nat).ike_count, 64);
	assert_true(only_peer(nat).candidate); /* the established one stayed */
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ike_life),
	    cmocka_unit_test(test_ike_clients_keep_port_500),
	    cmocka_unit_test(test_ike_same_cookie_two_hosts),
	    cmocka_unit_test(test_ike_unsolicited),
	    cmocka_unit_test(test_ike_from_the_gateway),
	    cmocka_unit_test(test_ike_malformed),
	    cmocka_unit_test(test_ikev1),
	    cmocka_unit_test(test_ike_without_checksum),
	    cmocka_unit_test(test_nat_traversal),
	    cmocka_unit_test(test_ike_cap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
