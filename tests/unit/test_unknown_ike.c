/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IKE that a remote begins, or goes on with under cookies never seen, where
 * several inside hosts may be meant.
 */
#include "clients_fixture.h"

#include "ipsec/association.h"

static void test_unknown_cookies(void **state)
{
	struct nat *nat = start(3);
	struct pkt pkt;
	(void)state;

	assert_int_equal(
	    ike_in(nat, rekeyed(INITIATOR)), HOST(A) | HOST(B) | HOST(C));
	/* No state of it until somebody answers. */
	assert_int_equal(nat_stats(nat).ike, 3);
	for (uint8_t version = 1; version <= 2; version++) {
		make_notify(&pkt, A, version, 4, 0xaaaaaaaa, 0xbbbbbbbb, NULL);
		provoked(nat, &pkt);
	}
	assert_int_equal(nat_stats(nat).ike, 3);
	ike_out(nat, B, rekeyed(RESPONSE));
	assert_int_equal(ike_in(nat, rekeyed(INITIATOR)), HOST(B));
	assert_int_equal(nat_stats(nat).ike, 4);
	/* Long after, what a host says is its own again. */
	nat_wait(nat, 11);
	make_notify(&pkt, A, 2, 4, 0xcccc, 0xdddd, NULL);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	nat_stop(nat);
}

/* More clients than copies: in turn each is asked. */
static void test_unknown_cookies_of_many(void **state)
{
	struct nat *nat = start(12);
	uint64_t hosts = 0;
	(void)state;

	for (int i = 0; i < 8; i++) {
		const uint64_t now = ike_in(nat, rekeyed(INITIATOR));
		assert_in_range(__builtin_popcountll(now), 1, COPIES_MOST + 1);
		hosts |= now;
		nat_wait(nat, 1);
	}
	assert_int_equal(hosts, 0x1ffe);
	nat_stop(nat);
}

/* What a remote, or who forges its address, may ask of unknown cookies; known
 * ones are not touched by it. */
static void test_budget_of_cookies(void **state)
{
	struct nat *nat = start(2);
	struct pkt pkt;
	unsigned refused = 0;
	(void)state;

	for (unsigned i = 0; i < 300; i++) {
		struct ike ike = rekeyed(0x08);
		ike.initiator = 0xf000 + i;
		make_ike(&pkt, REMOTE1, PUBLIC, &ike);
		nat_send(nat, SPINAT_OUTSIDE, &pkt);
		nat_forget(nat);
		if (pkt.verdict == SPINAT_TRANSLATED)
			continue;
		assert_int_equal(pkt.reason, SPINAT_REASON_BUDGET);
		refused++;
	}
	assert_in_range(refused, 150, 175);
	assert_int_equal(
	    ike_in(nat, protected_of(A, INFORMATIONAL, 9, 0)), HOST(A));
	nat_wait(nat, 2);
	assert_true(ike_in(nat, rekeyed(0x08)) != 0);
	nat_stop(nat);
}

/* One host gets it; the answered one keeps it; a silent one makes way. */
static void test_initial_request(void **state)
{
	struct nat *nat = start(3);
	struct ike ike = initial(0xcccc);
	uint64_t asked = 0;
	uint32_t host;
	(void)state;

	for (int i = 0; i < 8; i++) {
		host = only_host(ike_in(nat, ike));
		asked |= HOST(host);
		nat_wait(nat, 2);
	}
	assert_int_equal(asked, HOST(A) | HOST(B) | HOST(C));
	ike.responder = 0xdddd;
	ike.flags = RESPONSE;
	ike_out(nat, host, ike);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(ike_in(nat, initial(0xcccc)), HOST(host));
		nat_wait(nat, 2);
	}
	nat_stop(nat);
}

/* A refusal stays here while others may agree; the last one's does not. */
static void test_declined(void **state)
{
	(void)state;
	for (uint8_t version = 1; version <= 2; version++) {
		struct nat *nat = start(3);
		uint64_t asked = 0;
		struct pkt pkt;

		for (int i = 0; i < 3; i++) {
			struct ike ike = initial(0xcccc);
			uint32_t host;
			ike.version = version;
			if (version == 1)
				ike.exchange = 2;
			host = only_host(ike_in(nat, ike));
			assert_int_equal(asked & HOST(host), 0);
			asked |= HOST(host);
			make_notify(
			    &pkt, host, version, 14, 0xcccc, 0xeeee, NULL);
			if (i < 2)
				provoked(nat, &pkt);
			else
				nat_cross(nat, SPINAT_INSIDE, &pkt);
			nat_wait(nat, 1);
		}
		nat_stop(nat);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_unknown_cookies),
	    cmocka_unit_test(test_unknown_cookies_of_many),
	    cmocka_unit_test(test_budget_of_cookies),
	    cmocka_unit_test(test_initial_request),
	    cmocka_unit_test(test_declined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
