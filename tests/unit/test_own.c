/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IKE and ESP of the gateway itself: never changed (nat_send() compares what is
 * passed byte by byte), and known for its own.  Beside inside hosts with the
 * same remote: test_own_shared.c.
 */
#include "clients_fixture.h"

static bool is_candidate(const struct nat *nat, uint32_t host)
{
	struct spinat_peer_info info;
	uint32_t cursor = 0;

	while (
	    spinat_next_peer(nat->engine, &cursor, &info) == SPINAT_WALK_FOUND)
		if (host32(info.inside) == host)
			return info.candidate;
	return false;
}

static void test_learnt(void **state)
{
	struct nat *nat = nat_start_default();
	struct spinat_ike_info ike;
	struct spinat_flow_info out;
	uint32_t cursor = 0;
	(void)state;

	establish(nat, PUBLIC);
	esp_out(nat, PUBLIC, 0x5000, 1);
	assert_int_equal(
	    spinat_next_ike(nat->engine, &cursor, &ike), SPINAT_WALK_FOUND);
	assert_string_equal(ike.state, "established");
	assert_int_equal(host32(ike.inside), PUBLIC);
	assert_true(ike.inside_initiated);
	assert_int_equal(ike.packets[SPINAT_INSIDE], 2);
	assert_int_equal(ike.packets[SPINAT_OUTSIDE], 2);
	out = flow_of_kind(nat, SPINAT_FLOW_ESP_OUT, 0x5000);
	assert_string_equal(out.state, "paired");
	assert_string_equal(out.why, "learnt from the gateway's own packet");
	assert_int_equal(host32(out.inside.address), PUBLIC);
	assert_true(is_candidate(nat, PUBLIC));
	assert_int_equal(nat_stats(nat).verdicts[SPINAT_TRANSLATED], 0);
	nat_stop(nat);
}

/* The only candidate, deny_incoming or not. */
static void test_alone(void **state)
{
	(void)state;
	for (int deny = 0; deny < 2; deny++) {
		struct spinat_config config;
		struct nat *nat;

		nat_config(&config);
		config.deny_incoming = deny != 0;
		nat = nat_start(&config);
		establish(nat, PUBLIC);
		assert_int_equal(esp_in(nat, 0x2000, 1), GATEWAY);
		esp_out(nat, PUBLIC, 0x5000, 1);
		nat_wait(nat, 0.5);
		assert_int_equal(esp_in(nat, 0x2000, 2), GATEWAY);
		assert_state(nat, 0x2000, "confirmed", PUBLIC);
		/* IKE that it does not know, too. */
		assert_int_equal(
		    ike_in(nat, message(0xcccc, INFORMATIONAL, INITIATOR, 0)),
		    GATEWAY);
		assert_int_equal(ike_in(nat, initial(0xdddd)), GATEWAY);
		nat_stop(nat);
	}
}

/* Keys set by hand, or SAs older than the daemon: outbound ESP is enough. */
static void test_without_ike(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	esp_out(nat, PUBLIC, 0x5000, 1000);
	assert_string_equal(
	    flow_of_kind(nat, SPINAT_FLOW_ESP_OUT, 0x5000).state, "unpaired");
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(esp_in(nat, 0x2000, 2000 + i), GATEWAY);
		nat_wait(nat, 0.5);
		esp_out(nat, PUBLIC, 0x5000, 1001 + i);
	}
	assert_state(nat, 0x2000, "confirmed", PUBLIC);
	/* An inside host that comes later does not get it. */
	establish(nat, A);
	for (uint32_t i = 1; i < 50; i++) {
		esp_out(nat, A, 0x6000, i);
		assert_int_equal(esp_in(nat, 0x2000, 2005 + i), GATEWAY);
		nat_wait(nat, 0.1);
	}
	assert_int_equal(
	    esp_in(nat, 0x3000, 1), GATEWAY | HOST(A)); /* a new one */
	nat_stop(nat);
}

/* Whoever calls the gateway, and is answered, makes no state. */
static void test_answers_make_no_state(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	struct ike ike;
	(void)state;

	for (uint32_t i = 0; i < 100; i++) {
		ike = initial(0xc000 + i);
		make_ike(&pkt, REMOTE2 + i, PUBLIC, &ike);
		nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
		    SPINAT_REASON_IKE_UNKNOWN);
		ike = message(0xc000 + i, INIT, RESPONSE, 0);
		make_ike(&pkt, PUBLIC, REMOTE2 + i, &ike);
		send_out(nat, PUBLIC, &pkt);
		ike = message(0xc000 + i, AUTH, RESPONSE, 1);
		make_ike(&pkt, PUBLIC, REMOTE2 + i, &ike);
		send_out(nat, PUBLIC, &pkt);
	}
	assert_int_equal(nat_stats(nat).ike, 0);
	assert_int_equal(nat_stats(nat).peers, 0);
	/* Of a remote that somebody talks to, it is followed. */
	establish(nat, A);
	ike_out(nat, PUBLIC, message(0xeeee, AUTH, RESPONSE, 1));
	assert_int_equal(nat_stats(nat).ike, 2);
	nat_stop(nat);
}

/* A public address as the source makes nobody the gateway. */
static void test_source_proves_nothing(void **state)
{
	struct nat *nat = nat_start_default();
	const struct ike ikes[] = {
	    initial(0xaaaa),
	    message(0xaaaa, AUTH, INITIATOR, 1),
	    protected_of(B, INFORMATIONAL, INITIATOR, 2),
	};
	struct pkt pkt;
	(void)state;

	for (unsigned i = 0; i < COUNT_OF(ikes); i++) {
		make_ike(&pkt, PUBLIC, REMOTE1, &ikes[i]);
		nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED,
		    SPINAT_REASON_OWN_TRAFFIC);
	}
	make_esp(&pkt, PUBLIC, REMOTE1, 0x5000, 1);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_OWN_TRAFFIC);
	/* Nor is an inside host that, whatever the back end takes it for. */
	make_esp(&pkt, A, REMOTE1, 0x5001, 1);
	pkt.flags = SPINAT_PACKET_OWN;
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(nat_stats(nat).ike, 0);
	assert_int_equal(nat_stats(nat).peers, 1);
	assert_false(is_candidate(nat, PUBLIC));
	nat_stop(nat);
}

/* With a remote that nobody else talks to, the budget takes nothing from the
 * gateway. */
static void test_flood_alone(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	establish(nat, PUBLIC);
	for (uint32_t i = 0; i < 500; i++) {
		assert_int_equal(esp_in(nat, 0x10000 + i, 1), GATEWAY);
		assert_int_equal(
		    ike_in(
			nat, message(0xf000 + i, INFORMATIONAL, INITIATOR, 0)),
		    GATEWAY);
		nat_forget(nat);
	}
	assert_in_range(nat_stats(nat).flows, 1, 200);
	assert_in_range(nat_stats(nat).ike, 1, 200);
	nat_stop(nat);
}

/* Nor does a want of room. */
static void test_no_room(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	struct pkt pkt;
	struct ike ike = initial(0xaaaa);
	(void)state;

	nat_config(&config);
	config.max_flows = config.max_ike = config.max_peers = 1;
	nat = nat_start(&config);
	esp_out(nat, PUBLIC, 0x5000, 1);
	esp_out(nat, PUBLIC, 0x5001, 1);
	assert_int_equal(esp_in(nat, 0x2000, 1), GATEWAY);
	make_esp(&pkt, PUBLIC, REMOTE2, 0x5002, 1);
	send_out(nat, PUBLIC, &pkt);
	ike_out(nat, PUBLIC, ike);
	ike.initiator++;
	ike_out(nat, PUBLIC, ike);
	assert_int_equal(
	    ike_in(nat, message(0xf000, INFORMATIONAL, INITIATOR, 0)), GATEWAY);
	assert_int_equal(nat_stats(nat).verdicts[SPINAT_DROPPED], 0);
	nat_stop(nat);
}

/* It keeps the address that it has, wherever hosts are put. */
static void test_several_addresses(void **state)
{
	(void)state;
	for (int spread = 0; spread < 2; spread++) {
		struct spinat_config config;
		struct nat *nat;
		struct pkt pkt;
		struct ike ike = initial(0xaaaa);

		nat_config(&config);
		config.public_addresses[1] = wire32(PUBLIC2);
		config.public_count = 2;
		config.ipsec_spread = spread != 0;
		nat = nat_start(&config);
		make_ike(&pkt, PUBLIC2, REMOTE1, &ike);
		send_out(nat, PUBLIC2, &pkt);
		ike = message(0xaaaa, INIT, RESPONSE, 0);
		make_ike(&pkt, REMOTE1, PUBLIC2, &ike);
		assert_int_equal(nat_reach(nat, &pkt), GATEWAY);
		make_esp(&pkt, PUBLIC2, REMOTE1, 0x5000, 1);
		send_out(nat, PUBLIC2, &pkt);
		make_esp(&pkt, REMOTE1, PUBLIC2, 0x2000, 1);
		assert_int_equal(nat_reach(nat, &pkt), GATEWAY);
		make_esp(&pkt, REMOTE1, PUBLIC, 0x2000, 1);
		assert_int_equal(nat_reach(nat, &pkt), 0);
		/* One public address calls the other: nobody's but its own. */
		make_esp(&pkt, PUBLIC, PUBLIC2, 0x5000, 1);
		send_out(nat, PUBLIC, &pkt);
		assert_int_equal(nat_stats(nat).peers, 1);
		nat_stop(nat);
	}
}

static void test_ipsec_only(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	struct pkt pkt;
	(void)state;

	nat_config(&config);
	config.mode = SPINAT_MODE_IPSEC_ONLY;
	nat = nat_start(&config);
	establish(nat, PUBLIC);
	establish(nat, A);
	assert_int_equal(esp_in(nat, 0x2000, 1), GATEWAY | HOST(A));
	make_udp(&pkt, PUBLIC, 4500, REMOTE1, 4500, "x", 1);
	pkt.flags = SPINAT_PACKET_OWN;
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_NOT_IPSEC);
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_learnt),
	    cmocka_unit_test(test_alone),
	    cmocka_unit_test(test_without_ike),
	    cmocka_unit_test(test_answers_make_no_state),
	    cmocka_unit_test(test_source_proves_nothing),
	    cmocka_unit_test(test_flood_alone),
	    cmocka_unit_test(test_no_room),
	    cmocka_unit_test(test_several_addresses),
	    cmocka_unit_test(test_ipsec_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
