/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the configuration says of IPsec: redirects, AH, mode ipsec-only.
 */
#include "tunnel_fixture.h"

static void test_redirect_ipsec(void **state)
{
	struct nat *nat = nat_start_default();
	const struct spinat_redirect any = {
	    .kind = SPINAT_REDIRECT_IPSEC,
	    .inside = wire32(INSIDE1),
	};
	const struct spinat_redirect one = {
	    .kind = SPINAT_REDIRECT_IPSEC,
	    .inside = wire32(INSIDE2),
	    .remote = wire32(REMOTE2),
	};
	struct ike ike;
	struct spinat_peer_info info;
	uint32_t cursor = 0;
	(void)state;

	assert_int_equal(spinat_add_redirect(nat->engine, &any), 0);
	assert_int_equal(spinat_add_redirect(nat->engine, &one), 0);
	ike_in(nat, REMOTE1, INSIDE1, &init_request);
	ike_in(nat, REMOTE2, INSIDE2, &init_request);
	ike = init_response(0x55);
	ike_out(nat, INSIDE1, REMOTE1, &ike);
	assert_int_equal(nat_stats(nat).ike, 2);
	while (
	    spinat_next_peer(nat->engine, &cursor, &info) == SPINAT_WALK_FOUND)
		assert_true(info.candidate && info.redirected);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	esp_in(nat, REMOTE2, INSIDE2, 0xd0000001, 1);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001, 1);
	/* A client's own tunnel to another remote goes before the rule. */
	establish(nat, INSIDE3, IP(192, 0, 2, 7), 9, 4);
	esp_in(nat, IP(192, 0, 2, 7), INSIDE3, 0xd0000005, 1);
	nat_stop(nat);
}

/* A responder behind the second address answers from the second address. */
static void test_redirect_ipsec_of_second_address(void **state)
{
	struct spinat_config config;
	const struct spinat_redirect rule = {
	    .kind = SPINAT_REDIRECT_IPSEC,
	    .inside = wire32(INSIDE1),
	    .public_address = wire32(PUBLIC2),
	};
	struct ike ike = init_request;
	uint32_t host = 0;
	struct nat *nat;
	struct pkt pkt;
	(void)state;

	nat_config(&config);
	config.public_addresses[1] = wire32(PUBLIC2);
	config.public_count = 2;
	for (host = INSIDE1; host <= INSIDE2; host++) {
		struct spinat_redirect own = rule;
		own.inside = wire32(host);
		nat = nat_start(&config);
		assert_int_equal(spinat_add_redirect(nat->engine, &own), 0);
		make_ike(&pkt, REMOTE1, PUBLIC2, &init_request);
		nat_cross(nat, SPINAT_OUTSIDE, &pkt);
		assert_int_equal(destination_of(&pkt), host);
		ike = init_response(0x55);
		make_ike(&pkt, host, REMOTE1, &ike);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
		assert_int_equal(source_of(&pkt), PUBLIC2);
		assert_int_equal(nat_stats(nat).ike, 1);
		make_esp(&pkt, REMOTE1, PUBLIC2, 0xd0000001, 1);
		nat_cross(nat, SPINAT_OUTSIDE, &pkt);
		make_esp(&pkt, host, REMOTE1, 0xc0000001, 1);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
		assert_int_equal(source_of(&pkt), PUBLIC2);
		assert_int_equal(nat_stats(nat).peers, 1);
		nat_stop(nat);
	}
}

/* natd.conf's ways to say it: a whole address, or protocol 50 and UDP 500. */
static void test_other_redirects_carry_ipsec(void **state)
{
	static const struct {
		enum spinat_redirect_kind kind;
		uint8_t protocol;
		uint16_t port;
	} kinds[] = {
	    {SPINAT_REDIRECT_ADDRESS, 0, 0},
	    {SPINAT_REDIRECT_PROTO, PROTO_ESP, 0},
	    {SPINAT_REDIRECT_PORT, PROTO_UDP, 500},
	};
	(void)state;

	for (size_t k = 0; k < COUNT_OF(kinds); k++) {
		struct nat *nat = nat_start_default();
		const struct spinat_redirect rule = {
		    .kind = kinds[k].kind,
		    .protocol = kinds[k].protocol,
		    .inside = wire32(INSIDE2),
		    .public_port = kinds[k].port,
		    .inside_port = kinds[k].port,
		    .port_count = kinds[k].port != 0,
		};
		assert_int_equal(spinat_add_redirect(nat->engine, &rule), 0);
		ike_in(nat, REMOTE1, INSIDE2, &init_request);
		esp_in(nat, REMOTE1, INSIDE2, 0xd0000001, 1);
		nat_stop(nat);
	}
}

static void test_ah(void **state)
{
	struct nat *nat = nat_start_default();
	uint8_t payload[24] = {4, 4};
	struct pkt pkt;
	const uint8_t *error;
	(void)state;

	make_ip(&pkt, PROTO_AH, INSIDE1, REMOTE1, payload, sizeof payload);
	nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_AH);
	nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_AH);
	/* Told once, counted twice, answered twice. */
	assert_int_equal(nat_events(nat, SPINAT_EVENT_NOTICE), 1);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_DROPPED), 2);
	assert_int_equal(nat->emitted, 2);
	error = nat->emits[0].data;
	assert_int_equal(nat->emits[0].to, SPINAT_INSIDE);
	assert_int_equal(nat->emits[0].length, 20 + 8 + 28);
	assert_true(sums_are_right(error, nat->emits[0].length, 0));
	assert_int_equal(get32(error + 12), PUBLIC);
	assert_int_equal(get32(error + 16), INSIDE1);
	assert_int_equal(error[20], 3);
	assert_int_equal(error[21], 13);
	assert_memory_equal(error + 28, pkt.data, 28);
	/* A sender gets no more than a few. */
	for (int i = 0; i < 100; i++)
		nat_send(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(nat->emitted, 16);
	nat_wait(nat, 1);
	for (int i = 0; i < 100; i++)
		nat_send(nat, SPINAT_INSIDE, &pkt);
	assert_in_range(nat->emitted, 16 + 6, 16 + 8);
	/* The gateway may speak AH itself. */
	make_ip(&pkt, PROTO_AH, REMOTE1, PUBLIC, payload, sizeof payload);
	pass_in(nat, &pkt, SPINAT_REASON_NO_FLOW_PASSED);
	nat_stop(nat);
}

static void test_ipsec_only(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	struct pkt pkt, quoted;
	(void)state;

	nat_config(&config);
	config.mode = SPINAT_MODE_IPSEC_ONLY;
	nat = nat_start(&config);
	make_tcp(&pkt, INSIDE1, 4000, REMOTE1, 80, SYN, NULL, 0);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_NOT_IPSEC);
	pkt.length = 30;
	put16(pkt.data + 2, 30);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_NOT_IPSEC);
	make_udp(&pkt, INSIDE1, 4500, REMOTE1, 4500, "x", 1);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_NOT_IPSEC);
	establish(nat, INSIDE1, REMOTE1, 1, 4);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001, 1);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	/* ICMP errors: about ESP ours, about the rest the kernel's, also when
	 * their quote says nothing to us. */
	make_tcp(&quoted, PUBLIC, 4000, REMOTE1, 80, SYN, NULL, 0);
	make_icmp_error(&pkt, 3, 1, REMOTE1, PUBLIC, 0, quoted.data, 28);
	pass_in(nat, &pkt, SPINAT_REASON_NOT_IPSEC);
	make_icmp_error(&pkt, 3, 1, REMOTE1, PUBLIC, 0, quoted.data, 24);
	pass_in(nat, &pkt, SPINAT_REASON_NOT_IPSEC);
	make_esp(&quoted, PUBLIC, REMOTE1, 0xc0000001, 1);
	make_icmp_error(&pkt, 3, 4, REMOTE1, PUBLIC, 1300, quoted.data, 28);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), INSIDE1);
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_redirect_ipsec),
	    cmocka_unit_test(test_redirect_ipsec_of_second_address),
	    cmocka_unit_test(test_other_redirects_carry_ipsec),
	    cmocka_unit_test(test_ah),
	    cmocka_unit_test(test_ipsec_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
