/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IKE and ESP of the gateway itself, beside inside hosts with tunnels to the
 * same remote: whose a packet is, and what neither can take from the other.
 */
#include "clients_fixture.h"

static void test_known_is_certain(void **state)
{
	struct nat *nat = start_with_gateway(2);
	(void)state;

	for (uint32_t i = 0; i < 200; i++) {
		assert_int_equal(esp_in(nat, 0x1000, 1000 + i), GATEWAY);
		assert_int_equal(esp_in(nat, 0x1001, 1000 + i), HOST(A));
		esp_out(nat, PUBLIC, ~UINT32_C(0x1000), 1000 + i);
		nat_wait(nat, 0.1);
	}
	assert_int_equal(
	    ike_in(nat, protected_of(PUBLIC, INFORMATIONAL, INITIATOR, 9)),
	    GATEWAY);
	assert_int_equal(
	    ike_in(nat, protected_of(A, INFORMATIONAL, INITIATOR, 9)), HOST(A));
	nat_stop(nat);
}

/* A new SPI, with and without a hint of an exchange. */
static void test_probation(void **state)
{
	static const uint32_t owners[] = {PUBLIC, A, B, PUBLIC};
	(void)state;

	for (int hint = 0; hint < 2; hint++) {
		struct nat *nat = start_with_gateway(2);
		uint32_t spi = 0x2000;

		for (uint32_t i = 0; i < COUNT_OF(owners); i++) {
			const uint64_t all = GATEWAY | HOST(A) | HOST(B);
			uint32_t sequence = 1;

			if (hint != 0) {
				exchange(nat, owners[i], CHILD, 10 + i);
				nat_wait(nat, 0.2);
			}
			assert_int_equal(esp_in(nat, ++spi, 1), all);
			if (hint != 0)
				assert_state(nat, spi, "probation", owners[i]);
			nat_wait(nat, 0.1);
			converse(nat, owners[i], spi, &sequence);
			assert_state(nat, spi, "confirmed", owners[i]);
			assert_int_equal(
			    esp_in(nat, spi, ++sequence), reach_of(owners[i]));
			nat_wait(nat, 5);
		}
		nat_stop(nat);
	}
}

/* The budget of copies is spent: one host at a time gets it, the gateway in
 * its turn, and always the right one in the end. */
static void test_past_the_budget(void **state)
{
	struct nat *nat = start_with_gateway(2);
	uint32_t sequence = 0;
	uint64_t single = 0;
	(void)state;

	for (int i = 0; i < 3000; i++) {
		const uint64_t hosts = esp_in(nat, 0x2000, ++sequence);
		if ((hosts & (hosts - 1)) == 0)
			single |= hosts;
		nat_wait(nat, 0.001);
	}
	assert_int_equal(single, GATEWAY | HOST(A) | HOST(B));
	nat_stop(nat);
}

/* A protected message of an IKE SA that was made within another. */
static void test_unknown_cookies(void **state)
{
	struct nat *nat = start_with_gateway(2);
	struct ike ike = message(0xcccc, INFORMATIONAL, INITIATOR, 0);
	(void)state;

	assert_int_equal(ike_in(nat, ike), GATEWAY | HOST(A) | HOST(B));
	ike.flags = RESPONSE;
	ike_out(nat, PUBLIC, ike);
	ike.flags = INITIATOR;
	assert_int_equal(ike_in(nat, ike), GATEWAY);
	nat_stop(nat);
}

/* Each of the three is asked; who declines in clear makes way. */
static void test_remote_calls(void **state)
{
	struct nat *nat = start_with_gateway(2);
	uint64_t asked = 0;
	(void)state;

	for (int i = 0; i < 8; i++) {
		const uint64_t one = ike_in(nat, initial(0xcccc));
		assert_int_equal(one & (one - 1), 0);
		asked |= one;
		nat_wait(nat, 2);
	}
	assert_int_equal(asked, GATEWAY | HOST(A) | HOST(B));
	nat_stop(nat);
}

/* Later fragments go where the first went, copies and all. */
static void test_fragments(void **state)
{
	struct nat *nat = start_with_gateway(2);
	struct pkt whole, pieces[3];
	uint8_t payload[1200] = {0, 0, 0x20, 0, 0, 0, 0, 1};
	(void)state;

	make_ip(&whole, PROTO_ESP, REMOTE1, PUBLIC, payload, sizeof payload);
	put16(whole.data + 4, 77);
	fix_sums(&whole);
	assert_int_equal(make_fragments(&whole, 800, pieces, 3), 2);
	/* The second comes first: copies of it are made when it is known. */
	nat_expect(
	    nat, SPINAT_OUTSIDE, &pieces[1], SPINAT_HELD, SPINAT_REASON_NONE);
	nat->dropped_later++;
	nat_expect(nat, SPINAT_OUTSIDE, &pieces[0], SPINAT_PASSED,
	    SPINAT_REASON_OWN_TRAFFIC);
	assert_int_equal(nat->emitted, 4);
	nat_expect(nat, SPINAT_OUTSIDE, &pieces[1], SPINAT_PASSED,
	    SPINAT_REASON_OWN_TRAFFIC);
	assert_int_equal(nat->emitted, 6);
	nat_stop(nat);
}

/* The gateway says, in clear, that an SPI is not its own. */
static void make_refutation(struct pkt *pkt, uint32_t spi)
{
	const uint8_t invalid_spi[] = {0, 0, 0, 12, 3, 0, 0, 11,
	    (uint8_t)(spi >> 24), (uint8_t)(spi >> 16), (uint8_t)(spi >> 8),
	    (uint8_t)spi};
	const struct ike ike = {.initiator = 0xeeee,
	    .version = 2,
	    .exchange = INFORMATIONAL,
	    .flags = INITIATOR,
	    .next_payload = 41,
	    .padding = sizeof invalid_spi};

	make_ike(pkt, PUBLIC, REMOTE1, &ike);
	memcpy(pkt->data + 20 + 8 + 28, invalid_spi, sizeof invalid_spi);
	fix_sums(pkt);
}

/* What it says to a copy that is not its own stays here. */
static void test_provoked(void **state)
{
	struct nat *nat = start_with_gateway(2);
	struct pkt pkt;
	(void)state;

	exchange(nat, A, CHILD, 2);
	assert_int_equal(esp_in(nat, 0x2000, 1), GATEWAY | HOST(A) | HOST(B));
	make_refutation(&pkt, 0x2000);
	pkt.flags = SPINAT_PACKET_OWN;
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_PROVOKED);
	assert_int_equal(esp_in(nat, 0x2000, 2), HOST(A) | HOST(B));
	nat_stop(nat);
}

/* An inside host says what the gateway says. */
static void test_host_takes_nothing(void **state)
{
	struct nat *nat = start_with_gateway(2);
	struct pkt pkt, quoted;
	(void)state;

	ike_out(nat, A, protected_of(PUBLIC, AUTH, INITIATOR, 1));
	for (uint32_t i = 1; i <= 50; i++) {
		const uint8_t flags = i % 2 != 0 ? INITIATOR : RESPONSE;
		ike_out(nat, A, protected_of(PUBLIC, INFORMATIONAL, flags, i));
		assert_int_equal(
		    ike_in(nat, protected_of(PUBLIC, INFORMATIONAL, flags, i)),
		    GATEWAY);
		esp_out(nat, A, ~UINT32_C(0x1000), 5000 + i);
		assert_int_equal(esp_in(nat, 0x1000, 1000 + i), GATEWAY);
		nat_wait(nat, 0.1);
	}
	/* It objects in the gateway's name. */
	make_esp(&quoted, REMOTE1, PUBLIC, 0x1000, 1000);
	make_icmp_error(&pkt, 3, 2, A, REMOTE1, 0, quoted.data, 28);
	nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED,
	    SPINAT_REASON_ICMP_UNRELATED);
	/* ... and with its address. */
	make_refutation(&pkt, 0x1000);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_OWN_TRAFFIC);
	assert_state(nat, 0x1000, "confirmed", PUBLIC);
	nat_stop(nat);
}

/* An inside host was the first to draw the gateway's cookie. */
static void test_same_cookie(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	ike_out(nat, A, initial(cookie_of(PUBLIC)));
	establish(nat, PUBLIC);
	ike_out(nat, A, protected_of(PUBLIC, AUTH, INITIATOR, 1));
	assert_int_equal(
	    ike_in(nat, protected_of(PUBLIC, INFORMATIONAL, INITIATOR, 9)),
	    GATEWAY);
	nat_stop(nat);
}

/* Who forges the remote's address spends its budget, and nothing else. */
static void test_flood(void **state)
{
	struct nat *nat = start_with_gateway(2);
	unsigned refused = 0;
	struct pkt pkt;
	(void)state;

	for (uint32_t i = 0; i < 500; i++) {
		make_esp(&pkt, REMOTE1, PUBLIC, 0x10000 + i, 1);
		refused += nat_reach(nat, &pkt) == 0;
		nat_forget(nat);
	}
	assert_true(refused > 300);
	assert_int_equal(esp_in(nat, 0x1000, 1000), GATEWAY);
	assert_int_equal(esp_in(nat, 0x1001, 1000), HOST(A));
	nat_stop(nat);
}

/* Errors about what it sent are for it, and change nothing. */
static void test_icmp(void **state)
{
	const struct ike ike = protected_of(PUBLIC, CHILD, INITIATOR, 7);
	struct nat *nat = start_with_gateway(2);
	struct pkt pkt, quoted;
	(void)state;

	make_esp(&quoted, PUBLIC, REMOTE1, ~UINT32_C(0x1000), 1);
	make_icmp_error(&pkt, 3, 4, REMOTE2, PUBLIC, 1400, quoted.data, 28);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
	    SPINAT_REASON_OWN_TRAFFIC);
	make_ike(&quoted, PUBLIC, REMOTE1, &ike);
	for (unsigned quote = 28; quote <= 56; quote += 28) {
		ike_out(nat, PUBLIC, ike);
		make_icmp_error(
		    &pkt, 3, 3, REMOTE1, PUBLIC, 0, quoted.data, quote);
		nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
		    SPINAT_REASON_OWN_TRAFFIC);
	}
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_known_is_certain),
	    cmocka_unit_test(test_probation),
	    cmocka_unit_test(test_past_the_budget),
	    cmocka_unit_test(test_unknown_cookies),
	    cmocka_unit_test(test_remote_calls),
	    cmocka_unit_test(test_fragments),
	    cmocka_unit_test(test_provoked),
	    cmocka_unit_test(test_host_takes_nothing),
	    cmocka_unit_test(test_same_cookie),
	    cmocka_unit_test(test_flood),
	    cmocka_unit_test(test_icmp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
