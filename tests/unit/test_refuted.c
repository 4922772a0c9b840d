/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a host says of an SPI that it does not own: it stays here, and counts.
 */
#include "clients_fixture.h"

static void make_refutation(
    struct pkt *pkt, int kind, uint32_t inside, uint32_t spi)
{
	struct pkt esp;

	if (kind < 2) {
		make_notify(
		    pkt, inside, (uint8_t)(kind + 1), 11, 0x77, 0, &spi);
		return;
	}
	make_esp(&esp, REMOTE1, inside, spi, 1);
	make_icmp_error(pkt, 3, 2, inside, REMOTE1, 0, esp.data, 28);
}

/* In IKEv1, in IKEv2, and by ICMP: it stays here, and is believed for a
 * minute. */
static void test_refuted(void **state)
{
	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		struct nat *nat = start(3);
		struct pkt pkt;

		exchange(nat, B, CHILD, 2);
		assert_int_equal(
		    esp_in(nat, 0x2000, 1), HOST(A) | HOST(B) | HOST(C));
		make_refutation(&pkt, kind, A, 0x2000);
		provoked(nat, &pkt);
		assert_int_equal(nat->emitted, 0);
		assert_int_equal(nat_events(nat, SPINAT_EVENT_REFUTED), 1);
		assert_int_equal(esp_in(nat, 0x2000, 2), HOST(B) | HOST(C));
		/* Also by whom it led to. */
		make_refutation(&pkt, kind, B, 0x2000);
		provoked(nat, &pkt);
		assert_int_equal(esp_in(nat, 0x2000, 3), HOST(C));
		nat_wait(nat, 61);
		assert_int_equal(
		    esp_in(nat, 0x2000, 4), HOST(A) | HOST(B) | HOST(C));
		nat_stop(nat);
	}
}

/* All others refute, the last one speaks: it is its own. */
static void test_last_one_left(void **state)
{
	struct nat *nat = start(2);
	struct pkt pkt;
	(void)state;

	exchange(nat, B, CHILD, 2);
	assert_int_equal(esp_in(nat, 0x2000, 1), HOST(A) | HOST(B));
	make_refutation(&pkt, 1, A, 0x2000);
	provoked(nat, &pkt);
	for (uint32_t i = 2; i < 6; i++) {
		assert_int_equal(esp_in(nat, 0x2000, i), HOST(B));
		nat_wait(nat, 0.3);
		esp_out(nat, B, 0x3000, i);
	}
	assert_state(nat, 0x2000, "confirmed", B);
	nat_stop(nat);
}

/* A host that never had the SPI, or that is the only one, is told of as ever.
 */
static void test_not_provoked(void **state)
{
	struct nat *nat = start(1);
	uint32_t spi = 0x9999;
	struct pkt pkt;
	(void)state;

	make_notify(&pkt, A, 2, 11, 0x77, 0, &spi);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	make_notify(&pkt, A, 2, 4, 0x78, 0x79, NULL);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	spi = 0x1001;
	make_notify(&pkt, A, 2, 11, 0x77, 0, &spi);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	nat_stop(nat);
}

static void test_protected_informational_passes(void **state)
{
	struct nat *nat = start(2);
	(void)state;

	exchange(nat, B, CHILD, 2);
	assert_int_equal(esp_in(nat, 0x2000, 1), HOST(A) | HOST(B));
	nat_wait(nat, 0.01);
	ike_out(nat, A, protected_of(A, INFORMATIONAL, INITIATOR, 2));
	assert_int_equal(
	    ike_in(nat, protected_of(A, INFORMATIONAL, RESPONSE, 2)), HOST(A));
	nat_stop(nat);
}

/* The holder says that it is not its own. */
static void test_holder_refutes(void **state)
{
	struct nat *nat = start(2);
	struct pkt pkt;
	(void)state;

	make_refutation(&pkt, 1, A, 0x1001);
	provoked(nat, &pkt);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_DOUBTED), 1);
	assert_int_equal(esp_in(nat, 0x1001, 1000), HOST(B));
	/* Only the holder can say that. */
	make_refutation(&pkt, 1, A, 0x1002);
	nat_send(nat, SPINAT_INSIDE, &pkt);
	assert_state(nat, 0x1002, "confirmed", B);
	assert_int_equal(esp_in(nat, 0x1002, 1000), HOST(B));
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refuted),
	    cmocka_unit_test(test_last_one_left),
	    cmocka_unit_test(test_not_provoked),
	    cmocka_unit_test(test_protected_informational_passes),
	    cmocka_unit_test(test_holder_refutes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
