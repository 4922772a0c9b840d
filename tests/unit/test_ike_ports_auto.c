/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports of IKE under auto: who is not answered on port 500 beside another host
 * tries one of its own.
 */
#include "ike_ports_fixture.h"

/* One request after the other from a host that nobody answers, at these
 * seconds after the first; wants them to leave with port 500 or another. */
static uint16_t ask(
    struct nat *nat, uint32_t inside, uint64_t cookie, double wait, bool own)
{
	uint16_t port;

	nat_wait(nat, wait);
	port = ike_out(nat, inside, initial(cookie));
	if (own)
		want_own(port);
	else
		assert_int_equal(port, 500);
	return port;
}

/* The same several times over. */
static void ask_often(struct nat *nat, unsigned times, uint32_t inside,
    uint64_t cookie, double wait, bool own)
{
	while (times-- > 0)
		ask(nat, inside, cookie, wait, own);
}

/* Gives up port 500: three requests, none answered, over four seconds. */
static uint16_t ask_until_own(struct nat *nat, uint32_t inside, uint64_t cookie)
{
	ask(nat, inside, cookie, 0, false);
	ask(nat, inside, cookie, 1, false);
	ask(nat, inside, cookie, 2, false);
	ask(nat, inside, cookie, 1, false); /* the fourth, but in time */
	return ask(nat, inside, cookie, 4, true);
}

/* Where A is established with port 500. */
static struct nat *start_beside_a(void)
{
	struct nat *nat = start(SPINAT_IKE_PORTS_AUTO);

	assert_int_equal(establish(nat, A, 1), 500);
	return nat;
}

/* ... and B has given it up for one of its own. */
static struct nat *start_given_up(uint16_t *own)
{
	struct nat *nat = start_beside_a();

	*own = ask_until_own(nat, B, 2);
	return nat;
}

/* ... on which it was answered. */
static struct nat *start_answered(void)
{
	uint16_t own;
	struct nat *nat = start_given_up(&own);

	ike_in(nat, own, B, answer(2));
	return nat;
}

static void test_auto_is_answered_on_own(void **state)
{
	struct nat *nat = start_beside_a();
	uint16_t port, second;
	(void)state;

	nat_wait(nat, 60);
	nat_forget(nat);
	port = ask_until_own(nat, B, 2);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_NOTICE), 1);
	assert_int_equal(
	    host16(nat->events[nat->event_count - 1].about.ike.public_port),
	    port);
	assert_non_null(nat->events[nat->event_count - 1].why);
	assert_int_equal(ask(nat, B, 2, 1, true), port);
	ike_in(nat, port, B, answer(2));
	/* Answered, it stays with it whatever comes. */
	for (int i = 0; i < 8; i++)
		assert_int_equal(ask(nat, B, 2, 2, true), port);
	assert_int_equal(
	    ike_out(nat, B, protected_of(2, AUTH, INITIATOR, 1)), port);
	ike_in(nat, port, B, protected_of(2, AUTH, RESPONSE, 1));
	/* And A with its own, which is 500. */
	assert_int_equal(
	    ike_out(nat, A, protected_of(1, INFORMATIONAL, INITIATOR, 2)), 500);
	ike_in(nat, 500, A, protected_of(1, INFORMATIONAL, RESPONSE, 2));
	/* The remote's next host begins with one; A's next SA does not. */
	second = ask(nat, C, 3, 1, true);
	assert_int_not_equal(second, port);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_NOTICE), 2);
	ask(nat, A, 4, 1, false);
	/* B's next SA goes on from its port. */
	assert_int_equal(ask(nat, B, 5, 1, true), port);
	/* With another remote nothing is known. */
	assert_int_equal(ike_out_to(nat, B, REMOTE2, initial(6)), 500);
	nat_stop(nat);
}

/* The memory is the remote's: it goes with its last association. */
static void test_auto_remembers(void **state)
{
	struct nat *nat = start_answered();
	(void)state;

	nat_wait(nat, 3600); /* B's, half-open, is gone; A's is there */
	assert_int_equal(nat_stats(nat).ike, 1);
	ask(nat, C, 3, 0, true);
	nat_wait(nat, 25 * 3600 + 10);
	assert_int_equal(nat_stats(nat).peers, 0);
	assert_int_equal(establish(nat, A, 4), 500);
	ask(nat, C, 5, 1, false);
	nat_stop(nat);
}

/* With nobody else on port 500 there is no reason to leave it. */
static void test_auto_alone(void **state)
{
	struct nat *nat = start(SPINAT_IKE_PORTS_AUTO);
	uint16_t port;
	(void)state;

	ask_often(nat, 20, A, 1, 5, false);
	/* Nor if the other is not established. */
	ike_out(nat, B, initial(2));
	ike_in(nat, 500, B, answer(2));
	ask_often(nat, 20, A, 1, 5, false);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_NOTICE), 0);
	/* Or has its own: B's goes on from there. */
	ike_out(nat, B, protected_of(2, AUTH, INITIATOR, 1));
	ike_in(nat, 500, B, protected_of(2, AUTH, RESPONSE, 1));
	port = ask(nat, A, 1, 5, true);
	ike_in(nat, port, A, answer(1));
	nat_stop(nat);
}

/* A gateway that insists on port 500, and did not hear: back to it, and if it
 * was up meanwhile, it is left alone for a while. */
static void test_auto_goes_back(void **state)
{
	struct nat *nat = start_beside_a();
	(void)state;

	for (int turn = 0; turn < 2; turn++) {
		/* It is down: nobody hears of it. */
		ask_until_own(nat, B, 2);
		ask_often(nat, 2, B, 2, 2, true);
		nat_forget(nat);
		ask(nat, B, 2, 2, false);
		assert_int_equal(nat_events(nat, SPINAT_EVENT_NOTICE), 1);
		ike_in(nat, 500, B, answer(2)); /* and it may be late */
		nat_wait(nat, 310);
	}
	ask_until_own(nat, B, 3);
	ask_often(nat, 2, B, 3, 2, true);
	ike_in(nat, 500, A, protected_of(1, INFORMATIONAL, INITIATOR, 0));
	ask(nat, B, 3, 2, false);
	ask_often(nat, 100, B, 3, 5.8, false); /* ten minutes, nearly */
	nat_wait(nat, 20);
	ask(nat, B, 3, 1, true);
	nat_stop(nat);
}

/* A host that the remote would answer from no port spoils nothing for others:
 * it goes to and fro, they begin with what is known to work. */
static void test_auto_one_bad_host(void **state)
{
	struct nat *nat = start_answered();
	(void)state;

	for (int turn = 0; turn < 3; turn++) {
		ask_often(nat, 3, C, 3, 2, true);
		ike_in(
		    nat, 500, A, protected_of(1, INFORMATIONAL, INITIATOR, 0));
		ask_often(nat, 3, C, 3, 2.2, false);
	}
	ask(nat, C + 1, 4, 0, true);
	nat_stop(nat);
}

/* The answer to the last request from port 500 comes after the first from
 * another: it goes on from 500. */
static void test_auto_late_answer(void **state)
{
	uint16_t port;
	struct nat *nat = start_given_up(&port);
	struct ike ike = answer(2);
	(void)state;

	ike_in(nat, 500, B, answer(2));
	assert_int_equal(
	    ike_out(nat, B, protected_of(2, AUTH, INITIATOR, 1)), 500);
	assert_int_equal(host16(ike_of(nat, 2).public_port), 500);
	/* The other port is nobody's any more. */
	pass_in(nat, REMOTE1, port, &ike, SPINAT_REASON_NO_FLOW_PASSED);
	ask(nat, C, 3, 1, false);
	nat_stop(nat);
}

/* New cookies each time are requests all the same. */
static void test_auto_counts_new_cookies(void **state)
{
	struct nat *nat = start_beside_a();
	uint16_t port;
	(void)state;

	ask(nat, B, 20, 0, false);
	ask(nat, B, 21, 2, false);
	ask(nat, B, 22, 2, false);
	port = ask(nat, B, 23, 2, true);
	/* Those that had port 500 have it still. */
	assert_int_equal(host16(ike_of(nat, 22).public_port), 500);
	ike_in(nat, port, B, answer(23));
	nat_stop(nat);
}

/* Two are too few however long, few long apart are none, and an answer ends
 * the count. */
static void test_auto_counts(void **state)
{
	struct nat *nat = start_beside_a();
	(void)state;

	establish(nat, B, 2);
	for (uint64_t i = 0; i < 10; i++) {
		ask(nat, A, 30 + i, 0, false);
		ask(nat, A, 30 + i, 1, false);
		nat_wait(nat, 400);
	}
	for (uint64_t i = 0; i < 10; i++) {
		ask(nat, A, 50 + i, 10, false);
		ask(nat, A, 50 + i, 1, false);
		ike_in(nat, 500, A, answer(50 + i));
	}
	ask_often(nat, 3, A, 70, 10, false);
	ask(nat, A, 70, 10, true);
	nat_stop(nat);
}

/* Without a free port all stay on 500. */
static void test_auto_without_ports(void **state)
{
	struct nat *nat = start_with_one_port(SPINAT_IKE_PORTS_AUTO);
	struct pkt pkt;
	(void)state;

	make_udp(&pkt, C, 4000, REMOTE1, 53, "x", 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	establish(nat, A, 1);
	ask_often(nat, 20, B, 2, 5, false);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_NOTICE), 0);
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_auto_is_answered_on_own),
	    cmocka_unit_test(test_auto_remembers),
	    cmocka_unit_test(test_auto_alone),
	    cmocka_unit_test(test_auto_goes_back),
	    cmocka_unit_test(test_auto_one_bad_host),
	    cmocka_unit_test(test_auto_late_answer),
	    cmocka_unit_test(test_auto_counts_new_cookies),
	    cmocka_unit_test(test_auto_counts),
	    cmocka_unit_test(test_auto_without_ports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
