/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports of IKE (config.ike_ports) through the public header: preserve, rewrite,
 * and auto.
 */
#include "nat_fixture.h"

#define A INSIDE1
#define B INSIDE2
#define C INSIDE3

enum { SA_INIT = 34, AUTH = 35, CHILD = 36, INFORMATIONAL = 37 };
enum { INITIATOR = 0x08, RESPONSE = 0x20 };

/* ----------------------------------------------------------- what is sent */

static struct ike initial(uint64_t cookie)
{
	return (struct ike){.initiator = cookie,
	    .version = 2,
	    .exchange = SA_INIT,
	    .flags = INITIATOR,
	    .next_payload = 33,
	    .padding = 100};
}

/* Whoever answers draws the cookie of who asked, and a thousand. */
static struct ike answer(uint64_t cookie)
{
	struct ike ike = initial(cookie);

	ike.responder = cookie + 1000;
	ike.flags = RESPONSE;
	return ike;
}

static struct ike protected_of(
    uint64_t cookie, uint8_t exchange, uint8_t flags, uint32_t message_id)
{
	return (struct ike){.initiator = cookie,
	    .responder = cookie + 1000,
	    .version = 2,
	    .exchange = exchange,
	    .flags = flags,
	    .next_payload = 46,
	    .message_id = message_id,
	    .padding = 200};
}

static void make_ike_between(struct pkt *pkt, uint32_t from, uint16_t from_port,
    uint32_t to, uint16_t to_port, const struct ike *ike)
{
	uint8_t message[1500];

	make_udp(pkt, from, from_port, to, to_port, message,
	    ike_bytes(ike, message));
}

/* Sends from an inside host's port 500; the public port that it leaves with. */
static uint16_t ike_out_to(
    struct nat *nat, uint32_t inside, uint32_t remote, struct ike ike)
{
	struct pkt pkt, before;

	make_ike(&pkt, inside, remote, &ike);
	before = pkt;
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), PUBLIC);
	assert_int_equal(destination_of(&pkt), remote);
	assert_int_equal(destination_port(&pkt), 500);
	assert_int_equal(pkt.length, before.length);
	assert_memory_equal(
	    pkt.data + 28, before.data + 28, before.length - 28);
	return source_port(&pkt);
}

static uint16_t ike_out(struct nat *nat, uint32_t inside, struct ike ike)
{
	return ike_out_to(nat, inside, REMOTE1, ike);
}

static void ike_in_from(struct nat *nat, uint32_t remote, uint16_t port,
    uint32_t inside, struct ike ike)
{
	struct pkt pkt, before;

	make_ike_between(&pkt, remote, 500, PUBLIC, port, &ike);
	before = pkt;
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(source_of(&pkt), remote);
	assert_int_equal(source_port(&pkt), 500);
	assert_int_equal(destination_of(&pkt), inside);
	assert_int_equal(destination_port(&pkt), 500);
	assert_memory_equal(
	    pkt.data + 28, before.data + 28, before.length - 28);
	assert_int_equal(nat->emitted, 0);
}

static void ike_in(
    struct nat *nat, uint16_t port, uint32_t inside, struct ike ike)
{
	ike_in_from(nat, REMOTE1, port, inside, ike);
}

static void pass_in(struct nat *nat, uint32_t remote, uint16_t port,
    const struct ike *ike, enum spinat_reason why)
{
	struct pkt pkt;

	make_ike_between(&pkt, remote, 500, PUBLIC, port, ike);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED, why);
}

/* IKE up to an established SA, all of it with one port, which is returned. */
static uint16_t establish_with(
    struct nat *nat, uint32_t inside, uint32_t remote, uint64_t cookie)
{
	const uint16_t port = ike_out_to(nat, inside, remote, initial(cookie));

	ike_in_from(nat, remote, port, inside, answer(cookie));
	assert_int_equal(ike_out_to(nat, inside, remote,
			     protected_of(cookie, AUTH, INITIATOR, 1)),
	    port);
	ike_in_from(
	    nat, remote, port, inside, protected_of(cookie, AUTH, RESPONSE, 1));
	return port;
}

static uint16_t establish(struct nat *nat, uint32_t inside, uint64_t cookie)
{
	return establish_with(nat, inside, REMOTE1, cookie);
}

static struct spinat_ike_info ike_of(const struct nat *nat, uint64_t cookie)
{
	struct spinat_ike_info info;
	uint32_t cursor = 0;

	while (
	    spinat_next_ike(nat->engine, &cursor, &info) == SPINAT_WALK_FOUND)
		if (get32(info.initiator_spi + 4) == (uint32_t)cookie)
			return info;
	fail_msg("no IKE SA has cookie %u", (unsigned)cookie);
	return info;
}

static struct nat *start(enum spinat_ike_ports policy)
{
	struct spinat_config config;

	nat_config(&config);
	config.ike_ports = policy;
	return nat_start(&config);
}

static void want_own(uint16_t port)
{
	assert_in_range(port, PORT_LOW, PORT_HIGH);
}

/* ----------------------------------------------------------------- rewrite */

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
	struct spinat_config config;
	struct nat *nat;
	struct ike ike;
	struct pkt pkt;
	(void)state;

	nat_config(&config);
	config.ike_ports = SPINAT_IKE_PORTS_REWRITE;
	config.port_low = config.port_high = PORT_LOW;
	nat = nat_start(&config);
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

/* The address goes away: its ports are all free again. */
static void test_public_changes(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	struct ike ike = initial(1);
	struct pkt pkt;
	(void)state;

	nat_config(&config);
	config.ike_ports = SPINAT_IKE_PORTS_REWRITE;
	config.port_low = config.port_high = PORT_LOW;
	nat = nat_start(&config);
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

/* -------------------------------------------------------------------- auto */

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

/* Gives up port 500: three requests, none answered, over four seconds. */
static uint16_t ask_until_own(struct nat *nat, uint32_t inside, uint64_t cookie)
{
	ask(nat, inside, cookie, 0, false);
	ask(nat, inside, cookie, 1, false);
	ask(nat, inside, cookie, 2, false);
	ask(nat, inside, cookie, 1, false); /* the fourth, but in time */
	return ask(nat, inside, cookie, 4, true);
}

static void test_auto_is_answered_on_own(void **state)
{
	struct nat *nat = start(SPINAT_IKE_PORTS_AUTO);
	uint16_t port, second;
	(void)state;

	assert_int_equal(establish(nat, A, 1), 500);
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
	struct nat *nat = start(SPINAT_IKE_PORTS_AUTO);
	uint16_t port;
	(void)state;

	establish(nat, A, 1);
	port = ask_until_own(nat, B, 2);
	ike_in(nat, port, B, answer(2));
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

	for (int i = 0; i < 20; i++)
		ask(nat, A, 1, 5, false);
	/* Nor if the other is not established. */
	ike_out(nat, B, initial(2));
	ike_in(nat, 500, B, answer(2));
	for (int i = 0; i < 20; i++)
		ask(nat, A, 1, 5, false);
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
	struct nat *nat = start(SPINAT_IKE_PORTS_AUTO);
	(void)state;

	establish(nat, A, 1);
	for (int turn = 0; turn < 2; turn++) {
		/* It is down: nobody hears of it. */
		ask_until_own(nat, B, 2);
		ask(nat, B, 2, 2, true);
		ask(nat, B, 2, 2, true);
		nat_forget(nat);
		ask(nat, B, 2, 2, false);
		assert_int_equal(nat_events(nat, SPINAT_EVENT_NOTICE), 1);
		ike_in(nat, 500, B, answer(2)); /* and it may be late */
		nat_wait(nat, 310);
	}
	ask_until_own(nat, B, 3);
	ask(nat, B, 3, 2, true);
	ask(nat, B, 3, 2, true);
	ike_in(nat, 500, A, protected_of(1, INFORMATIONAL, INITIATOR, 0));
	ask(nat, B, 3, 2, false);
	for (int i = 0; i < 100; i++) /* ten minutes, nearly */
		ask(nat, B, 3, 5.8, false);
	nat_wait(nat, 20);
	ask(nat, B, 3, 1, true);
	nat_stop(nat);
}

/* A host that the remote would answer from no port spoils nothing for others:
 * it goes to and fro, they begin with what is known to work. */
static void test_auto_one_bad_host(void **state)
{
	struct nat *nat = start(SPINAT_IKE_PORTS_AUTO);
	uint16_t port;
	(void)state;

	establish(nat, A, 1);
	port = ask_until_own(nat, B, 2);
	ike_in(nat, port, B, answer(2));
	for (int turn = 0; turn < 3; turn++) {
		for (int i = 0; i < 3; i++)
			ask(nat, C, 3, 2, true);
		ike_in(
		    nat, 500, A, protected_of(1, INFORMATIONAL, INITIATOR, 0));
		for (int i = 0; i < 3; i++)
			ask(nat, C, 3, 2.2, false);
	}
	ask(nat, C + 1, 4, 0, true);
	nat_stop(nat);
}

/* The answer to the last request from port 500 comes after the first from
 * another: it goes on from 500. */
static void test_auto_late_answer(void **state)
{
	struct nat *nat = start(SPINAT_IKE_PORTS_AUTO);
	struct ike ike = answer(2);
	uint16_t port;
	(void)state;

	establish(nat, A, 1);
	port = ask_until_own(nat, B, 2);
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
	struct nat *nat = start(SPINAT_IKE_PORTS_AUTO);
	uint16_t port;
	(void)state;

	establish(nat, A, 1);
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
	struct nat *nat = start(SPINAT_IKE_PORTS_AUTO);
	(void)state;

	establish(nat, A, 1);
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
	ask(nat, A, 70, 10, false);
	ask(nat, A, 70, 10, false);
	ask(nat, A, 70, 10, false);
	ask(nat, A, 70, 10, true);
	nat_stop(nat);
}

/* Without a free port all stay on 500. */
static void test_auto_without_ports(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	struct pkt pkt;
	(void)state;

	nat_config(&config);
	config.ike_ports = SPINAT_IKE_PORTS_AUTO;
	config.port_low = config.port_high = PORT_LOW;
	nat = nat_start(&config);
	make_udp(&pkt, C, 4000, REMOTE1, 53, "x", 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	establish(nat, A, 1);
	for (int i = 0; i < 20; i++)
		ask(nat, B, 2, 5, false);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_NOTICE), 0);
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
	    cmocka_unit_test(test_checksums),
	    cmocka_unit_test(test_fragments),
	    cmocka_unit_test(test_icmp),
	    cmocka_unit_test(test_hairpin),
	    cmocka_unit_test(test_nat_traversal),
	    cmocka_unit_test(test_public_changes),
	    cmocka_unit_test(test_address_of_its_own),
	    cmocka_unit_test(test_ipsec_only),
	    cmocka_unit_test(test_auto_is_answered_on_own),
	    cmocka_unit_test(test_auto_remembers),
	    cmocka_unit_test(test_auto_alone),
	    cmocka_unit_test(test_auto_goes_back),
	    cmocka_unit_test(test_auto_one_bad_host),
	    cmocka_unit_test(test_auto_late_answer),
	    cmocka_unit_test(test_auto_counts_new_cookies),
	    cmocka_unit_test(test_auto_counts),
	    cmocka_unit_test(test_auto_without_ports),
	    cmocka_unit_test(test_anything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
