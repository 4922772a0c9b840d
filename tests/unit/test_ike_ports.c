/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports of IKE (config.ike_ports) through the public header: which one a host
 * has, under rewrite and rules by remote, and whose what comes to it is.
 * Under auto: test_ike_ports_auto.c.
 */
#include "ike_ports_fixture.h"

static void test_rewrite(void **state)
{
	struct nat *nat = start(SPINAT_IKE_PORTS_REWRITE);
	uint16_t port;
	struct spinat_ike_info info;
	struct pkt pkt;
	(void)state;

	port = establish(nat, A, 1);
	want_own(port);
	info = ike_of(nat, 1);
	assert_string_equal(info.state, "established");
	assert_int_equal(host16(info.public_port), port);
	assert_true(info.packets[0] == 2 && info.packets[1] == 2);
	/* A second SA of the same host has the same port. */
	assert_int_equal(establish(nat, A, 2), port);
	/* Another host another one. */
	assert_int_not_equal(establish(nat, B, 3), port);
	/* And A is a candidate for raw ESP, as is B: both get an SPI that
	 * neither agreed on lately. */
	nat_wait(nat, 3600);
	make_esp(&pkt, REMOTE1, PUBLIC, 0x1000, 1);
	assert_int_equal(nat_reach(nat, &pkt), HOST(A) | HOST(B));
	/* Nothing said that a port was changed: it was not. */
	assert_int_equal(nat_events(nat, SPINAT_EVENT_NOTICE), 0);
	nat_stop(nat);
}

/* A gateway that sends to port 500 whatever the source port was. */
static void test_rewrite_answered_at_500(void **state)
{
	struct nat *nat = start(SPINAT_IKE_PORTS_REWRITE);
	(void)state;

	want_own(ike_out(nat, A, initial(1)));
	ike_in(nat, 500, A, answer(1));
	assert_int_equal(
	    ike_out(nat, A, protected_of(1, AUTH, INITIATOR, 1)), 500);
	ike_in(nat, 500, A, protected_of(1, AUTH, RESPONSE, 1));
	assert_string_equal(ike_of(nat, 1).state, "established");
	assert_int_equal(host16(ike_of(nat, 1).public_port), 500);
	/* What is rekeyed inside it goes on from there. */
	assert_int_equal(
	    ike_out(nat, A, protected_of(7, INFORMATIONAL, INITIATOR, 0)), 500);
	nat_stop(nat);
}

static void test_rules_by_remote(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	(void)state;

	nat_config(&config);
	config.ike_ports_rules[0] = (struct spinat_ike_ports_rule){
	    wire32(REMOTE1), SPINAT_IKE_PORTS_REWRITE};
	config.ike_ports_count = 1;
	nat = nat_start(&config);
	want_own(establish_with(nat, A, REMOTE1, 1));
	assert_int_equal(establish_with(nat, A, REMOTE2, 2), 500);
	nat_stop(nat);
	config.ike_ports = SPINAT_IKE_PORTS_REWRITE;
	config.ike_ports_rules[0].policy = SPINAT_IKE_PORTS_PRESERVE;
	nat = nat_start(&config);
	assert_int_equal(establish_with(nat, A, REMOTE1, 1), 500);
	want_own(establish_with(nat, A, REMOTE2, 2));
	nat_stop(nat);
}

/* What the remote begins, to a host's own port: no other gets any of it. */
static void test_remote_begins(void **state)
{
	struct nat *nat = start(SPINAT_IKE_PORTS_REWRITE);
	const uint16_t a = establish(nat, A, 1), b = establish(nat, B, 2);
	struct ike ike;
	struct pkt pkt;
	(void)state;

	nat_forget(nat);
	/* The IKE SA was rekeyed within itself. */
	ike_in(nat, a, A, protected_of(11, INFORMATIONAL, INITIATOR, 0));
	ike_in(nat, b, B, protected_of(12, INFORMATIONAL, INITIATOR, 0));
	assert_int_equal(nat_events(nat, SPINAT_EVENT_BOUND), 2);
	assert_int_equal(
	    ike_out(nat, A, protected_of(11, INFORMATIONAL, RESPONSE, 0)), a);
	assert_int_equal(host16(ike_of(nat, 11).public_port), a);
	/* It begins a new one: with A, then with B, and A again. */
	ike_in(nat, a, A, initial(21));
	ike_in(nat, b, B, initial(22));
	nat_forget(nat);
	for (int again = 0; again < 4; again++)
		ike_in(nat, a, A, initial(23));
	assert_int_equal(nat_events(nat, SPINAT_EVENT_BOUND), 1);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_EXPIRED), 0);
	assert_int_equal(ike_out(nat, A, answer(23)), a);
	/* Cookies that two hosts have: the port decides. */
	ike_in(nat, b, B, initial(23));
	/* To port 500 by the rules there are: one of the candidates. */
	ike = initial(31);
	make_ike(&pkt, REMOTE1, PUBLIC, &ike);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	ike = answer(31);
	make_ike(&pkt, destination_of(&pkt), REMOTE1, &ike);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_port(&pkt), 500);
	nat_stop(nat);
}

/* A host that declines what came to its own port: nobody else is asked. */
static void test_declined_on_own_port(void **state)
{
	struct nat *nat = start(SPINAT_IKE_PORTS_REWRITE);
	const uint16_t a = establish(nat, A, 1);
	struct ike ike;
	uint8_t message[300];
	struct pkt pkt;
	size_t length;
	(void)state;

	establish(nat, B, 2);
	ike_in(nat, a, A, initial(21));
	ike = answer(21);
	ike.next_payload = 41; /* Notify: NO_PROPOSAL_CHOSEN (RFC 7296 3.10) */
	ike.padding = 8;
	length = ike_bytes(&ike, message);
	put32(message + 28, 8);
	put32(message + 32, 14);
	make_udp(&pkt, A, 500, REMOTE1, 500, message, length);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_port(&pkt), a);
	nat_stop(nat);
}

static void test_what_is_nobodys(void **state)
{
	struct nat *nat = start(SPINAT_IKE_PORTS_REWRITE);
	const uint16_t a = establish(nat, A, 1);
	struct ike ike = initial(9);
	struct pkt pkt;
	(void)state;

	/* From another remote, or to another port. */
	pass_in(nat, REMOTE2, a, &ike, SPINAT_REASON_NO_FLOW_PASSED);
	pass_in(nat, REMOTE1, a == PORT_LOW ? a + 1 : a - 1, &ike,
	    SPINAT_REASON_NO_FLOW_PASSED);
	/* Neither initial nor protected. */
	ike = answer(9);
	pass_in(nat, REMOTE1, a, &ike, SPINAT_REASON_IKE_UNKNOWN);
	/* No IKE at all. */
	make_udp(&pkt, REMOTE1, 500, PUBLIC, a, "junk", 4);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
	    SPINAT_REASON_NO_FLOW_PASSED);
	/* Too much of it. */
	nat_wait(nat, 10);
	for (uint64_t i = 0; i < 128; i++)
		ike_in(nat, a, A, initial(100 + i));
	ike = initial(99);
	make_ike_between(&pkt, REMOTE1, 500, PUBLIC, a, &ike);
	nat_expect(
	    nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_BUDGET);
	/* The tunnel has stood it. */
	ike_in(nat, a, A, protected_of(1, INFORMATIONAL, INITIATOR, 0));
	nat_stop(nat);
}

/* The port is taken from the others', and given back with the last SA. */
static void test_ports_run_out(void **state)
{
	struct nat *nat = start_with_one_port(SPINAT_IKE_PORTS_REWRITE);
	struct ike ike;
	struct pkt pkt;
	(void)state;

	assert_int_equal(ike_out(nat, A, initial(1)), PORT_LOW);
	assert_int_equal(ike_out(nat, A, initial(2)), PORT_LOW);
	ike = initial(3);
	make_ike(&pkt, B, REMOTE1, &ike);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_NO_PORTS);
	assert_int_equal(nat_stats(nat).ike, 2);
	assert_int_equal(nat_stats(nat).peers, 1);
	make_udp(&pkt, B, 4000, REMOTE1, 53, "x", 1);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_NO_PORTS);
	nat_wait(nat, 20);
	assert_int_equal(ike_out(nat, A, initial(2)), PORT_LOW);
	nat_wait(nat, 20); /* the first is gone, the second has the port */
	assert_int_equal(nat_stats(nat).ike, 1);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_NO_PORTS);
	nat_wait(nat, 20);
	assert_int_equal(nat_stats(nat).ike, 0);
	ike = initial(1);
	pass_in(nat, REMOTE1, PORT_LOW, &ike, SPINAT_REASON_NO_FLOW_PASSED);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_port(&pkt), PORT_LOW);
	nat_stop(nat);
}

/* The address goes away: its ports are all free again. */
static void test_public_changes(void **state)
{
	struct nat *nat = start_with_one_port(SPINAT_IKE_PORTS_REWRITE);
	struct ike ike = initial(1);
	struct pkt pkt;
	(void)state;

	establish(nat, A, 1);
	nat->config.public_addresses[0] = wire32(PUBLIC2);
	assert_int_equal(spinat_set_public(nat->engine, nat->now,
			     nat->config.public_addresses, 1),
	    0);
	make_ike(&pkt, B, REMOTE1, &ike);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), PUBLIC2);
	assert_int_equal(source_port(&pkt), PORT_LOW);
	nat_stop(nat);
}

/* A host whose public address is its own keeps port 500: nobody else has it. */
static void test_address_of_its_own(void **state)
{
	const struct spinat_redirect rule = {
	    .kind = SPINAT_REDIRECT_ADDRESS,
	    .inside = wire32(A),
	    .public_address = wire32(PUBLIC2),
	};
	struct nat *nat = start(SPINAT_IKE_PORTS_REWRITE);
	struct ike ike = initial(1);
	struct pkt pkt;
	(void)state;

	assert_int_equal(spinat_add_redirect(nat->engine, &rule), 0);
	nat->config.public_addresses[nat->config.public_count++] =
	    wire32(PUBLIC2);
	make_ike(&pkt, A, REMOTE1, &ike);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), PUBLIC2);
	assert_int_equal(source_port(&pkt), 500);
	nat_stop(nat);
}

/* Anything in any order, with tables and ports that run out: what the fixture
 * checks of each packet holds, and in the end every port is free again. */
static void test_anything(void **state)
{
	enum { FEW_PORTS = 5 };
	static const uint8_t exchanges[] = {
	    SA_INIT, AUTH, CHILD, INFORMATIONAL};
	struct spinat_config config;
	uint64_t random = 3;
	unsigned own = 0;
	struct nat *nat;
	struct pkt pkt;
	(void)state;

	nat_config(&config);
	config.events = 0;
	config.max_ike = 24;
	config.max_peers = 7;
	config.port_high = PORT_LOW + FEW_PORTS - 1;
	config.ike_ports = SPINAT_IKE_PORTS_AUTO;
	config.ike_ports_rules[0] = (struct spinat_ike_ports_rule){
	    wire32(REMOTE2), SPINAT_IKE_PORTS_REWRITE};
	config.ike_ports_count = 1;
	nat = nat_start(&config);
	for (int i = 0; i < 200000; i++) {
		const uint32_t inside = INSIDE1 + test_below(&random, 5);
		const uint32_t remote = REMOTE1 + test_below(&random, 2);
		const uint64_t cookie = 1 + test_below(&random, 12);
		const uint32_t below = test_below(&random, FEW_PORTS + 3);
		struct ike ike =
		    protected_of(cookie, exchanges[test_below(&random, 4)],
			test_below(&random, 2) ? INITIATOR : RESPONSE, 1);

		if (ike.exchange == SA_INIT)
			ike.next_payload = 33;
		if (test_below(&random, 3) == 0)
			ike.responder = 0;
		if (test_below(&random, 2) != 0) {
			make_ike(&pkt, inside, remote, &ike);
			if (nat_send(nat, SPINAT_INSIDE, &pkt) ==
			    SPINAT_TRANSLATED)
				own += source_port(&pkt) != 500;
		} else {
			make_ike_between(&pkt, remote, 500, PUBLIC,
			    below < FEW_PORTS ? (uint16_t)(PORT_LOW + below)
					      : 500,
			    &ike);
			nat_send(nat, SPINAT_OUTSIDE, &pkt);
		}
		nat_forget(nat);
		if (test_below(&random, 10) == 0)
			nat_wait(nat, test_below(&random, 8));
		if (test_below(&random, 2000) == 0)
			nat_wait(nat, 30 * 3600);
	}
	assert_in_range(own, 1000, 200000);
	nat_wait(nat, 30 * 3600);
	assert_int_equal(nat_stats(nat).ike, 0);
	assert_int_equal(nat_stats(nat).peers, 0);
	for (uint16_t i = 0; i < FEW_PORTS; i++) {
		make_udp(&pkt, A, 4000 + i, REMOTE1, 53, "x", 1);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
	}
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rewrite),
	    cmocka_unit_test(test_rewrite_answered_at_500),
	    cmocka_unit_test(test_rules_by_remote),
	    cmocka_unit_test(test_remote_begins),
	    cmocka_unit_test(test_declined_on_own_port),
	    cmocka_unit_test(test_what_is_nobodys),
	    cmocka_unit_test(test_ports_run_out),
	    cmocka_unit_test(test_public_changes),
	    cmocka_unit_test(test_address_of_its_own),
	    cmocka_unit_test(test_anything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
