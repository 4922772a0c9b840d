/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP errors: addresses inside and out, checksums inside and out, and nothing
 * that an error says changes any state.
 */
#include "nat_fixture.h"

struct session {
	struct pkt out; /* as it left */
	struct pkt in;  /* as it came in, answered and translated */
};

static void open_udp(struct nat *nat, struct session *session)
{
	make_udp(&session->out, INSIDE1, 4000, REMOTE1, 53, "0123456789", 10);
	nat_cross(nat, SPINAT_INSIDE, &session->out);
	make_udp(&session->in, REMOTE1, 53, PUBLIC, source_port(&session->out),
	    "abcdefg", 7);
	nat_cross(nat, SPINAT_OUTSIDE, &session->in);
}

static void open_tcp(struct nat *nat, struct session *session)
{
	make_tcp(&session->out, INSIDE1, 4000, REMOTE1, 80, SYN, "abc", 3);
	nat_cross(nat, SPINAT_INSIDE, &session->out);
	make_tcp(&session->in, REMOTE1, 80, PUBLIC, source_port(&session->out),
	    SYN | ACK, NULL, 0);
	nat_cross(nat, SPINAT_OUTSIDE, &session->in);
}

static void open_echo(struct nat *nat, struct session *session)
{
	make_echo(&session->out, 8, INSIDE1, REMOTE1, 77, 1);
	nat_cross(nat, SPINAT_INSIDE, &session->out);
	make_echo(&session->in, 0, REMOTE1, PUBLIC, echo_id(&session->out), 1);
	nat_cross(nat, SPINAT_OUTSIDE, &session->in);
}

static void open_gre(struct nat *nat, struct session *session)
{
	make_ip(&session->out, PROTO_GRE, INSIDE1, REMOTE1, "012345678901", 12);
	nat_cross(nat, SPINAT_INSIDE, &session->out);
	make_ip(&session->in, PROTO_GRE, REMOTE1, PUBLIC, "012345678901", 12);
	nat_cross(nat, SPINAT_OUTSIDE, &session->in);
}

static void open_esp(struct nat *nat, struct session *session)
{
	make_esp(&session->out, INSIDE1, REMOTE1, 0xc0000001, 9);
	nat_cross(nat, SPINAT_INSIDE, &session->out);
	make_esp(&session->in, REMOTE1, PUBLIC, 0xd0000001, 9);
	nat_cross(nat, SPINAT_OUTSIDE, &session->in);
}

static void open_ike(struct nat *nat, struct session *session)
{
	struct ike ike = {.initiator = 7,
	    .version = 2,
	    .exchange = 34,
	    .flags = 8,
	    .padding = 60};

	make_ike(&session->out, INSIDE1, REMOTE1, &ike);
	nat_cross(nat, SPINAT_INSIDE, &session->out);
	ike.responder = 8;
	make_ike(&session->in, REMOTE1, PUBLIC, &ike);
	nat_cross(nat, SPINAT_OUTSIDE, &session->in);
}

static void (*const openers[])(struct nat *, struct session *) = {
    open_udp, open_tcp, open_echo, open_gre, open_esp, open_ike};

/* From the remote, or a router on the way, about what we sent: every length of
 * quote from 8 bytes after the IP header to all of it. */
static void test_from_outside(void **state)
{
	static const uint8_t kinds[][2] = {{3, 1}, {3, 4}, {11, 0}, {12, 0}};
	(void)state;

	for (size_t o = 0; o < COUNT_OF(openers); o++)
		for (size_t k = 0; k < COUNT_OF(kinds); k++) {
			struct nat *nat = nat_start_default();
			struct session session;
			struct pkt original, pkt;
			const uint32_t router =
			    k % 2 == 0 ? REMOTE1 : IP(192, 0, 2, 99);

			openers[o](nat, &session);
			original = session.out;
			put32(original.data + 12, INSIDE1);
			for (size_t quoted = 28; quoted <= session.out.length;
			     quoted++) {
				make_icmp_error(&pkt, kinds[k][0], kinds[k][1],
				    router, PUBLIC, kinds[k][1] == 4 ? 1300 : 0,
				    session.out.data, quoted);
				nat_cross(nat, SPINAT_OUTSIDE, &pkt);
				assert_int_equal(source_of(&pkt), router);
				assert_int_equal(destination_of(&pkt), INSIDE1);
				assert_int_equal(
				    get32(pkt.data + 28 + 12), INSIDE1);
				assert_int_equal(
				    get32(pkt.data + 28 + 16), REMOTE1);
			}
			/* All of it quoted: sums_are_right() looked inside. */
			if (o < 2)
				assert_int_equal(
				    get16(pkt.data + 28 + 20), 4000);
			if (o == 2)
				assert_int_equal(get16(pkt.data + 28 + 24), 77);
			nat_stop(nat);
		}
}

/* From the inside about what came in: it leaves as the public address. */
static void test_from_inside(void **state)
{
	(void)state;

	for (size_t o = 0; o < COUNT_OF(openers); o++) {
		struct nat *nat = nat_start_default();
		struct session session;
		struct pkt pkt;

		openers[o](nat, &session);
		for (size_t quoted = 28; quoted <= session.in.length;
		     quoted++) {
			/* Eight bytes of IKE name no cookie. */
			if (o == 5 && quoted < 36)
				continue;
			make_icmp_error(&pkt, 3, 3,
			    quoted % 2 ? INSIDE1 : INSIDE3, REMOTE1, 0,
			    session.in.data, quoted);
			nat_cross(nat, SPINAT_INSIDE, &pkt);
			assert_int_equal(source_of(&pkt), PUBLIC);
			assert_int_equal(destination_of(&pkt), REMOTE1);
			assert_int_equal(get32(pkt.data + 28 + 12), REMOTE1);
			assert_int_equal(get32(pkt.data + 28 + 16), PUBLIC);
		}
		if (o < 2)
			assert_int_equal(get16(pkt.data + 28 + 22),
			    source_port(&session.out));
		nat_stop(nat);
	}
}

/* A quoted UDP checksum of 0 means none there too. */
static void test_quote_without_checksum(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt sent, pkt;
	(void)state;

	make_udp(&sent, INSIDE1, 4000, REMOTE1, 53, "x", 1);
	put16(sent.data + 26, 0);
	nat_cross(nat, SPINAT_INSIDE, &sent);
	make_icmp_error(&pkt, 3, 3, REMOTE1, PUBLIC, 0, sent.data, 29);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(get16(pkt.data + 28 + 26), 0);
	nat_stop(nat);
}

static void test_unrelated(void **state)
{
	struct nat *nat = nat_start_default();
	struct session session;
	struct pkt pkt;
	(void)state;

	open_udp(nat, &session);
	/* Another port of ours, another remote's, none: the gateway's. */
	put16(session.out.data + 20, source_port(&session.out) ^ 1);
	make_icmp_error(&pkt, 3, 3, REMOTE1, PUBLIC, 0, session.out.data, 36);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
	    SPINAT_REASON_ICMP_UNRELATED);
	/* From the inside it must not leave as it is. */
	make_udp(&session.in, REMOTE2, 53, INSIDE1, 4000, "x", 1);
	make_icmp_error(&pkt, 3, 3, INSIDE1, REMOTE2, 0, session.in.data, 28);
	nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED,
	    SPINAT_REASON_ICMP_UNRELATED);
	make_icmp_error(&pkt, 3, 3, REMOTE1, REMOTE2, 0, session.out.data, 36);
	nat_expect(
	    nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_NOT_FOR_US);
	nat_stop(nat);
}

/* Nothing dies of an error (RFC 5508 REQ-6, RFC 5382 REQ-10). */
static void test_errors_change_nothing(void **state)
{
	(void)state;
	for (size_t o = 0; o < COUNT_OF(openers); o++) {
		struct nat *nat = nat_start_default();
		struct session session;
		struct spinat_stats before, after;
		struct pkt pkt;

		openers[o](nat, &session);
		before = nat_stats(nat);
		nat_forget(nat);
		for (uint8_t code = 0; code < 16; code++) {
			make_icmp_error(&pkt, 3, code, REMOTE1, PUBLIC,
			    code == 4 ? 1400 : 0, session.out.data,
			    session.out.length);
			nat_cross(nat, SPINAT_OUTSIDE, &pkt);
		}
		after = nat_stats(nat);
		assert_int_equal(after.flows, before.flows);
		assert_int_equal(after.ike, before.ike);
		assert_int_equal(nat->event_count, 0);
		nat_stop(nat);
	}
}

static void test_between_neighbours_only(void **state)
{
	static const uint8_t types[] = {4, 5};
	(void)state;

	for (size_t t = 0; t < COUNT_OF(types); t++) {
		struct nat *nat = nat_start_default();
		struct session session;
		struct pkt pkt;

		open_udp(nat, &session);
		make_icmp_error(&pkt, types[t], 0, REMOTE1, PUBLIC,
		    IP(192, 0, 2, 66), session.out.data, 36);
		nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED,
		    SPINAT_REASON_ICMP_REFUSED);
		nat_stop(nat);
	}
}

/* Types that are neither query nor error do not cross. */
static void test_other_types(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		struct nat *nat = nat_start_default();
		const bool error = type == 3 || type == 4 || type == 5 ||
		    type == 11 || type == 12;
		const bool query =
		    type == 0 || type == 8 || (type >= 13 && type <= 18);
		struct pkt pkt;

		make_echo(&pkt, (uint8_t)type, INSIDE1, REMOTE1, 77, 1);
		nat_send(nat, SPINAT_INSIDE, &pkt);
		assert_int_equal(pkt.reason,
		    query       ? SPINAT_REASON_NONE
			: error ? SPINAT_REASON_BAD_ICMP_QUOTE
				: SPINAT_REASON_ICMP_REFUSED);
		nat_stop(nat);
	}
}

static void test_quote_too_short(void **state)
{
	struct nat *nat = nat_start_default();
	struct session session;
	struct pkt pkt;
	(void)state;

	open_udp(nat, &session);
	for (size_t quoted = 0; quoted < 28; quoted++) {
		make_icmp_error(
		    &pkt, 3, 3, REMOTE1, PUBLIC, 0, session.out.data, quoted);
		nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED,
		    SPINAT_REASON_BAD_ICMP_QUOTE);
	}
	/* A later fragment's quote has no ports. */
	put16(session.out.data + 6, 185);
	make_icmp_error(&pkt, 3, 3, REMOTE1, PUBLIC, 0, session.out.data, 36);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED,
	    SPINAT_REASON_BAD_ICMP_QUOTE);
	nat_stop(nat);
}

/* An error about an error: RFC 1122 3.2.2 forbids it, so it quotes no flow,
 * whatever stands where a query has its identifier. */
static void test_error_about_an_error(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	struct pkt ping, error, pkt;
	(void)state;

	nat_config(&config);
	config.same_ports = true;
	nat = nat_start(&config);
	make_echo(&ping, 8, INSIDE1, REMOTE1, 0, 1);
	nat_cross(nat, SPINAT_INSIDE, &ping);
	assert_int_equal(echo_id(&ping), 0);
	make_icmp_error(&error, 3, 3, PUBLIC, REMOTE1, 0, ping.data, 28);
	make_icmp_error(&pkt, 3, 3, REMOTE1, PUBLIC, 0, error.data, 28);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
	    SPINAT_REASON_ICMP_UNRELATED);
	nat_stop(nat);
}

/* ------------------------------------------------------------ forged */

static void test_esp_forged(void **state)
{
	struct nat *nat = nat_start_default();
	struct session session;
	struct pkt pkt, quoted;
	(void)state;

	open_esp(nat, &session);
	quoted = session.out;
	/* A sequence number above what was sent. */
	put32(quoted.data + 24, 10);
	make_icmp_error(&pkt, 3, 4, REMOTE1, PUBLIC, 1300, quoted.data, 28);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED,
	    SPINAT_REASON_ICMP_FORGED);
	put32(quoted.data + 24, 9);
	make_icmp_error(&pkt, 3, 4, REMOTE1, PUBLIC, 575, quoted.data, 28);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED,
	    SPINAT_REASON_ICMP_FORGED);
	make_icmp_error(&pkt, 3, 4, REMOTE1, PUBLIC, 576, quoted.data, 28);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	/* An SPI that was never sent with. */
	put32(quoted.data + 20, 0xc0000002);
	make_icmp_error(&pkt, 3, 4, REMOTE1, PUBLIC, 1300, quoted.data, 28);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
	    SPINAT_REASON_ICMP_UNRELATED);
	nat_stop(nat);
}

/* An SA that is old already when we first see it. */
static void test_esp_forged_high_sequence(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt, quoted;
	(void)state;

	make_esp(&pkt, INSIDE1, REMOTE1, 0xc0000001, 0x90000000);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	make_esp(&quoted, PUBLIC, REMOTE1, 0xc0000001, 0xa0000000);
	make_icmp_error(&pkt, 3, 4, REMOTE1, PUBLIC, 1300, quoted.data, 28);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED,
	    SPINAT_REASON_ICMP_FORGED);
	make_esp(&quoted, PUBLIC, REMOTE1, 0xc0000001, 0x8fffffff);
	make_icmp_error(&pkt, 3, 4, REMOTE1, PUBLIC, 1300, quoted.data, 28);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	nat_stop(nat);
}

/* Two clients of one gateway: the cookie says whose, and eight bytes do by
 * checksum and IP id; anything else is nobody's. */
static void test_ike_of_two_clients(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt sent[2], pkt;
	(void)state;

	for (uint32_t i = 0; i < 2; i++) {
		const struct ike ike = {.initiator = 7 + i,
		    .version = 2,
		    .exchange = 34,
		    .flags = 8,
		    .padding = 60};
		make_ike(&sent[i], INSIDE1 + i, REMOTE1, &ike);
		put16(sent[i].data + 4, 0x4000 + i);
		fix_sums(&sent[i]);
		nat_cross(nat, SPINAT_INSIDE, &sent[i]);
	}
	for (uint32_t i = 0; i < 2; i++) {
		make_icmp_error(
		    &pkt, 3, 1, REMOTE1, PUBLIC, 0, sent[i].data, 56);
		nat_cross(nat, SPINAT_OUTSIDE, &pkt);
		assert_int_equal(destination_of(&pkt), INSIDE1 + i);
		make_icmp_error(
		    &pkt, 3, 1, REMOTE1, PUBLIC, 0, sent[i].data, 28);
		nat_cross(nat, SPINAT_OUTSIDE, &pkt);
		assert_int_equal(destination_of(&pkt), INSIDE1 + i);
	}
	put16(sent[0].data + 4, 0x4444);
	make_icmp_error(&pkt, 3, 1, REMOTE1, PUBLIC, 0, sent[0].data, 28);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
	    SPINAT_REASON_ICMP_UNRELATED);
	nat_stop(nat);
}

/* ----------------------------------------------------------- hairpin */

static void test_hairpin(void **state)
{
	struct nat *nat = nat_start_default();
	struct session server;
	struct pkt request, answer, pkt;
	uint16_t server_port, client_port;
	(void)state;

	open_udp(nat, &server); /* INSIDE1:4000 */
	server_port = source_port(&server.out);
	make_udp(&request, INSIDE2, 6000, PUBLIC, server_port, "hi there", 8);
	nat_send(nat, SPINAT_INSIDE, &request);
	assert_int_equal(request.verdict, SPINAT_TRANSLATED);
	client_port = source_port(&request);
	/* The server refuses what it got. */
	make_icmp_error(&pkt, 3, 3, INSIDE1, PUBLIC, 0, request.data, 36);
	nat_send(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(pkt.verdict, SPINAT_TRANSLATED);
	assert_int_equal(pkt.to, SPINAT_INSIDE);
	assert_int_equal(source_of(&pkt), PUBLIC);
	assert_int_equal(destination_of(&pkt), INSIDE2);
	assert_int_equal(get32(pkt.data + 28 + 12), INSIDE2);
	assert_int_equal(get16(pkt.data + 28 + 20), 6000);
	assert_int_equal(get32(pkt.data + 28 + 16), PUBLIC);
	assert_int_equal(get16(pkt.data + 28 + 22), server_port);
	/* The client refuses the answer. */
	make_udp(&answer, INSIDE1, 4000, PUBLIC, client_port, "ho", 2);
	nat_send(nat, SPINAT_INSIDE, &answer);
	assert_int_equal(answer.verdict, SPINAT_TRANSLATED);
	make_icmp_error(&pkt, 3, 3, INSIDE2, PUBLIC, 0, answer.data, 30);
	nat_send(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(pkt.verdict, SPINAT_TRANSLATED);
	assert_int_equal(pkt.to, SPINAT_INSIDE);
	assert_int_equal(source_of(&pkt), PUBLIC);
	assert_int_equal(destination_of(&pkt), INSIDE1);
	assert_int_equal(get32(pkt.data + 28 + 12), INSIDE1);
	assert_int_equal(get16(pkt.data + 28 + 20), 4000);
	assert_int_equal(get32(pkt.data + 28 + 16), PUBLIC);
	assert_int_equal(get16(pkt.data + 28 + 22), client_port);
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_from_outside),
	    cmocka_unit_test(test_from_inside),
	    cmocka_unit_test(test_quote_without_checksum),
	    cmocka_unit_test(test_unrelated),
	    cmocka_unit_test(test_errors_change_nothing),
	    cmocka_unit_test(test_between_neighbours_only),
	    cmocka_unit_test(test_other_types),
	    cmocka_unit_test(test_quote_too_short),
	    cmocka_unit_test(test_error_about_an_error),
	    cmocka_unit_test(test_esp_forged),
	    cmocka_unit_test(test_esp_forged_high_sequence),
	    cmocka_unit_test(test_ike_of_two_clients),
	    cmocka_unit_test(test_hairpin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
