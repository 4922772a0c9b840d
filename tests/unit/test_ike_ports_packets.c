/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets with a port of IKE's own that are no plain datagrams between inside
 * and outside: unfinished checksums, fragments, ICMP errors, hairpins, UDP
 * 4500, and what is the kernel's.
 */
#include "ike_ports_fixture.h"

static void test_checksums(void **state)
{
	struct nat *nat = start(SPINAT_IKE_PORTS_REWRITE);
	struct ike ike = initial(1);
	uint16_t port;
	struct pkt pkt;
	(void)state;

	/* None stays none, an unfinished one stays unfinished. */
	make_ike(&pkt, A, REMOTE1, &ike);
	put16(pkt.data + 26, 0);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(get16(pkt.data + 26), 0);
	port = source_port(&pkt);
	want_own(port);
	make_ike(&pkt, A, REMOTE1, &ike);
	make_partial(&pkt);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	ike = answer(1);
	make_ike_between(&pkt, REMOTE1, 500, PUBLIC, port, &ike);
	make_partial(&pkt);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_port(&pkt), 500);
	nat_stop(nat);
}

/* Each fragment of a message goes where its first goes, which has the port. */
static void test_fragments(void **state)
{
	struct nat *nat = start(SPINAT_IKE_PORTS_REWRITE);
	const uint16_t port = establish(nat, A, 1);
	struct ike ike = protected_of(1, AUTH, INITIATOR, 2);
	struct pkt whole, pieces[4];
	size_t count;
	(void)state;

	ike.padding = 700;
	make_ike(&whole, A, REMOTE1, &ike);
	count = make_fragments(&whole, 400, pieces, 4);
	for (size_t i = 0; i < count; i++) {
		nat_cross(nat, SPINAT_INSIDE, &pieces[i]);
		assert_int_equal(source_of(&pieces[i]), PUBLIC);
	}
	assert_int_equal(source_port(&pieces[0]), port);
	make_ike_between(&whole, REMOTE1, 500, PUBLIC, port, &ike);
	count = make_fragments(&whole, 400, pieces, 4);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < count; i++) {
		nat_cross(nat, SPINAT_OUTSIDE, &pieces[i]);
		assert_int_equal(destination_of(&pieces[i]), A);
	}
	assert_int_equal(destination_port(&pieces[0]), 500);
	assert_int_equal(host16(ike_of(nat, 1).public_port), port);
	/* The second before the first. */
	put16(whole.data + 4, 0x77);
	fix_sums(&whole);
	count = make_fragments(&whole, 400, pieces, 4);
	nat_expect(
	    nat, SPINAT_OUTSIDE, &pieces[1], SPINAT_HELD, SPINAT_REASON_NONE);
	nat_cross(nat, SPINAT_OUTSIDE, &pieces[0]);
	assert_int_equal(nat->emitted, 1);
	assert_int_equal(get32(nat->emits[0].data + 16), A);
	nat_stop(nat);
}

static void test_icmp(void **state)
{
	struct nat *nat = start(SPINAT_IKE_PORTS_REWRITE);
	const uint16_t port = establish(nat, A, 1);
	struct ike ike = protected_of(1, INFORMATIONAL, INITIATOR, 5);
	struct pkt sent, pkt;
	(void)state;

	establish(nat, B, 2);
	/* About what A sent: with its cookie, and with 8 bytes only. */
	for (size_t quoted = 20 + 8; quoted <= 20 + 8 + 28; quoted += 28) {
		make_ike(&sent, A, REMOTE1, &ike);
		nat_cross(nat, SPINAT_INSIDE, &sent);
		make_icmp_error(
		    &pkt, 3, 3, REMOTE1, PUBLIC, 0, sent.data, quoted);
		nat_cross(nat, SPINAT_OUTSIDE, &pkt);
		assert_int_equal(destination_of(&pkt), A);
		assert_int_equal(get32(pkt.data + 28 + 12), A);
		assert_int_equal(get16(pkt.data + 28 + 20), 500);
		assert_int_equal(get16(pkt.data + 28 + 22), 500);
	}
	/* About another port, or another's cookie: nobody's. */
	put16(sent.data + 20, port == PORT_LOW ? port + 1 : port - 1);
	fix_sums(&sent);
	make_icmp_error(&pkt, 3, 3, REMOTE1, PUBLIC, 0, sent.data, 56);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
	    SPINAT_REASON_ICMP_UNRELATED);
	ike.initiator = 2;
	make_ike_between(&sent, PUBLIC, port, REMOTE1, 500, &ike);
	make_icmp_error(&pkt, 3, 3, REMOTE1, PUBLIC, 0, sent.data, 56);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
	    SPINAT_REASON_ICMP_UNRELATED);
	/* A's own, about what it was sent. */
	ike.initiator = 1;
	make_ike_between(&sent, REMOTE1, 500, PUBLIC, port, &ike);
	nat_cross(nat, SPINAT_OUTSIDE, &sent);
	make_icmp_error(&pkt, 3, 3, A, REMOTE1, 0, sent.data, 56);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), PUBLIC);
	assert_int_equal(get32(pkt.data + 28 + 16), PUBLIC);
	assert_int_equal(get16(pkt.data + 28 + 22), port);
	nat_stop(nat);
}

/* Between two inside hosts, through the public address, from a port of its
 * own. */
static void test_hairpin(void **state)
{
	const struct spinat_redirect rule = {
	    .kind = SPINAT_REDIRECT_IPSEC, .inside = wire32(B)};
	struct nat *nat = start(SPINAT_IKE_PORTS_REWRITE);
	struct ike ike = initial(1);
	struct pkt pkt;
	uint16_t port;
	(void)state;

	assert_int_equal(spinat_add_redirect(nat->engine, &rule), 0);
	for (int turn = 0; turn < 2; turn++) {
		make_ike(&pkt, A, PUBLIC, &ike);
		nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_TRANSLATED,
		    SPINAT_REASON_NONE);
		assert_int_equal(pkt.to, SPINAT_INSIDE);
		assert_int_equal(source_of(&pkt), PUBLIC);
		assert_int_equal(destination_of(&pkt), B);
		assert_int_equal(destination_port(&pkt), 500);
		port = source_port(&pkt);
		want_own(port);
		ike = answer(1);
		make_ike_between(&pkt, B, 500, PUBLIC, port, &ike);
		nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_TRANSLATED,
		    SPINAT_REASON_NONE);
		assert_int_equal(source_of(&pkt), PUBLIC);
		assert_int_equal(source_port(&pkt), 500);
		assert_int_equal(destination_of(&pkt), A);
		assert_int_equal(destination_port(&pkt), 500);
		ike = protected_of(1, AUTH, INITIATOR, 1);
	}
	assert_int_equal(nat_stats(nat).ike, 2);
	nat_stop(nat);
}

static void test_nat_traversal(void **state)
{
	struct nat *nat = start(SPINAT_IKE_PORTS_REWRITE);
	struct ike ike = protected_of(1, AUTH, INITIATOR, 1);
	uint8_t payload[500];
	struct pkt pkt;
	uint16_t port;
	(void)state;

	port = ike_out(nat, A, initial(1));
	ike_in(nat, port, A, answer(1));
	put32(payload, 0);
	make_udp(&pkt, A, 4500, REMOTE1, 4500, payload,
	    4 + ike_bytes(&ike, payload + 4));
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_not_equal(source_port(&pkt), port);
	assert_true(ike_of(nat, 1).floated);
	make_udp(&pkt, REMOTE1, 4500, PUBLIC, source_port(&pkt), payload, 40);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), A);
	nat_stop(nat);
}

static void test_ipsec_only(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	struct ike ike = protected_of(1, INFORMATIONAL, INITIATOR, 2);
	struct pkt pkt, pieces[4];
	uint16_t port;
	(void)state;

	nat_config(&config);
	config.mode = SPINAT_MODE_IPSEC_ONLY;
	config.ike_ports = SPINAT_IKE_PORTS_REWRITE;
	nat = nat_start(&config);
	port = establish(nat, A, 1);
	want_own(port);
	ike_in(nat, port, A, protected_of(11, INFORMATIONAL, INITIATOR, 0));
	ike.padding = 700;
	make_ike_between(&pkt, REMOTE1, 500, PUBLIC, port, &ike);
	assert_int_equal(make_fragments(&pkt, 400, pieces, 4), 2);
	for (size_t i = 0; i < 2; i++) {
		nat_cross(nat, SPINAT_OUTSIDE, &pieces[i]);
		assert_int_equal(destination_of(&pieces[i]), A);
	}
	/* All other UDP is the kernel's, in both directions. */
	pass_in(nat, REMOTE2, port, &ike, SPINAT_REASON_NOT_IPSEC);
	make_udp(&pkt, REMOTE1, 500, PUBLIC, port, "junk", 4);
	nat_expect(
	    nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_NOT_IPSEC);
	make_udp(&pkt, A, port, REMOTE1, 500, "junk", 4);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_NOT_IPSEC);
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_checksums),
	    cmocka_unit_test(test_fragments),
	    cmocka_unit_test(test_icmp),
	    cmocka_unit_test(test_hairpin),
	    cmocka_unit_test(test_nat_traversal),
	    cmocka_unit_test(test_ipsec_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
