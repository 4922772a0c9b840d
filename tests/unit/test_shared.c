/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several clients of one gateway, through the public header.  What is inside is
 * included for its bounds only.
 */
#include "nat_fixture.h"

#include "ipsec/association.h"

#define A INSIDE1
#define B INSIDE2
#define C INSIDE3

enum {
	INFORMATIONAL = 37,
	CHILD = 36,
	AUTH = 35,
	INITIATOR = 8,
	RESPONSE = 32
};

/* ------------------------------------------------------------------- clients
 */

static uint64_t cookie_of(uint32_t inside)
{
	return 0x1000000000000000 + inside;
}

static struct ike protected_of(
    uint32_t inside, uint8_t exchange, uint8_t flags, uint32_t message_id)
{
	return (struct ike){.initiator = cookie_of(inside),
	    .responder = cookie_of(inside) + 0x1000,
	    .version = 2,
	    .exchange = exchange,
	    .flags = flags,
	    .next_payload = 46,
	    .message_id = message_id,
	    .padding = 100};
}

static void ike_out(struct nat *nat, uint32_t inside, struct ike ike)
{
	struct pkt pkt;

	make_ike(&pkt, inside, REMOTE1, &ike);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
}

static uint64_t ike_in(struct nat *nat, struct ike ike)
{
	struct pkt pkt;

	make_ike(&pkt, REMOTE1, PUBLIC, &ike);
	return nat_reach(nat, &pkt);
}

static void exchange(
    struct nat *nat, uint32_t inside, uint8_t kind, uint32_t message_id)
{
	ike_out(nat, inside, protected_of(inside, kind, INITIATOR, message_id));
	nat_wait(nat, 0.01);
	assert_int_equal(
	    ike_in(nat, protected_of(inside, kind, RESPONSE, message_id)),
	    HOST(inside));
}

static struct ike initial(uint64_t cookie)
{
	return (struct ike){.initiator = cookie,
	    .version = 2,
	    .exchange = 34,
	    .flags = INITIATOR,
	    .next_payload = 33,
	    .padding = 100};
}

/* IKE up to its first child SA. */
static void establish(struct nat *nat, uint32_t inside)
{
	struct ike ike = initial(cookie_of(inside));

	ike_out(nat, inside, ike);
	ike.responder = cookie_of(inside) + 0x1000;
	ike.flags = RESPONSE;
	assert_int_equal(ike_in(nat, ike), HOST(inside));
	exchange(nat, inside, AUTH, 1);
}

static uint64_t esp_in(struct nat *nat, uint32_t spi, uint32_t sequence)
{
	struct pkt pkt;

	make_esp(&pkt, REMOTE1, PUBLIC, spi, sequence);
	return nat_reach(nat, &pkt);
}

/* ... and which host leads: gets the packet itself. */
static uint32_t leader(struct nat *nat, uint32_t spi, uint32_t sequence)
{
	struct pkt pkt;

	make_esp(&pkt, REMOTE1, PUBLIC, spi, sequence);
	assert_int_not_equal(nat_reach(nat, &pkt), 0);
	return destination_of(&pkt);
}

static void esp_out(
    struct nat *nat, uint32_t inside, uint32_t spi, uint32_t sequence)
{
	struct pkt pkt;

	make_esp(&pkt, inside, REMOTE1, spi, sequence);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
}

static struct spinat_flow_info flow_of(const struct nat *nat, uint32_t spi)
{
	struct spinat_flow_info info;
	uint32_t cursor = 0;

	while (
	    spinat_next_flow(nat->engine, &cursor, &info) == SPINAT_WALK_FOUND)
		if (info.kind == SPINAT_FLOW_ESP_IN && host32(info.spi) == spi)
			return info;
	return (struct spinat_flow_info){.state = "gone"};
}

static void assert_state(
    const struct nat *nat, uint32_t spi, const char *state, uint32_t inside)
{
	const struct spinat_flow_info info = flow_of(nat, spi);

	assert_string_equal(info.state, state);
	assert_int_equal(host32(info.inside.address), inside);
}

/* The owner answers what it gets, at irregular times, until that is known. */
static void converse(
    struct nat *nat, uint32_t owner, uint32_t spi, uint32_t *sequence)
{
	uint64_t random = spi;

	for (unsigned i = 0; i < 60; i++) {
		assert_true(esp_in(nat, spi, ++*sequence) & HOST(owner));
		nat_wait(nat, 0.002);
		esp_out(nat, owner, ~spi, *sequence);
		nat_wait(nat, 0.02 + 0.001 * test_below(&random, 700));
		if (strcmp(flow_of(nat, spi).state, "confirmed") == 0)
			return;
	}
	fail_msg("%x is %s after 60 answers", spi, flow_of(nat, spi).state);
}

/* Tunnels of so many clients, 10.0.0.1 and on, each in use: SPI 0x1000 + n. */
static struct nat *start(unsigned clients)
{
	struct nat *nat = nat_start_default();

	for (uint32_t n = 1; n <= clients; n++) {
		uint32_t sequence = 0;
		establish(nat, IP(10, 0, 0, n));
		converse(nat, IP(10, 0, 0, n), 0x1000 + n, &sequence);
		assert_state(nat, 0x1000 + n, "confirmed", IP(10, 0, 0, n));
		nat_wait(nat, 10);
	}
	nat_wait(nat, 100);
	nat_forget(nat);
	return nat;
}

/* ------------------------------------------------------------ probation */

static void test_copies(void **state)
{
	struct nat *nat = start(2);
	const uint64_t copies = nat_stats(nat).copies;
	(void)state;

	exchange(nat, B, CHILD, 2);
	assert_int_equal(esp_in(nat, 0x2000, 1), HOST(A) | HOST(B));
	assert_state(nat, 0x2000, "probation", B);
	assert_int_equal(nat_stats(nat).copies, copies + 1);
	assert_int_equal(nat_stats(nat).probation, 1);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_BOUND), 1);
	/* What is certain has none. */
	assert_int_equal(esp_in(nat, 0x1001, 1000), HOST(A));
	assert_int_equal(esp_in(nat, 0x1002, 1000), HOST(B));
	nat_stop(nat);
}

/* What people are told of an SPI: why, among how many, at what cost. */
static void test_is_explained(void **state)
{
	struct nat *nat = start(3);
	struct spinat_flow_info info;
	(void)state;

	esp_in(nat, 0xd0000001, 1);
	esp_in(nat, 0xd0000001, 2);
	info = flow_of(nat, 0xd0000001);
	assert_string_equal(info.state, "probation");
	assert_int_equal(info.candidates, 3);
	assert_int_equal(info.copies, 4);
	assert_non_null(strstr(info.why, "of several hosts"));
	/* One that was settled long ago. */
	assert_int_equal(flow_of(nat, 0x1001).copies, 0);
	assert_non_null(strstr(flow_of(nat, 0x1001).why, "has answered"));
	nat_stop(nat);
}

static void test_who_agreed_leads(void **state)
{
	static const uint32_t hosts[] = {B, C, A, A, C};
	struct nat *nat = start(3);
	(void)state;

	for (uint32_t i = 0; i < COUNT_OF(hosts); i++) {
		uint32_t sequence = 1;
		exchange(nat, hosts[i], CHILD, 10 + i);
		nat_wait(nat, 0.2);
		assert_int_equal(leader(nat, 0x2000 + i, 1), hosts[i]);
		converse(nat, hosts[i], 0x2000 + i, &sequence);
		nat_wait(nat, 5);
	}
	nat_stop(nat);
}

/* An exchange that one side alone claims, in clear, is none. */
static void test_request_alone_is_weak(void **state)
{
	struct nat *nat = start(2);
	(void)state;

	ike_out(nat, A, protected_of(A, CHILD, INITIATOR, 2));
	exchange(nat, B, CHILD, 2);
	assert_int_equal(leader(nat, 0x2000, 1), B);
	nat_stop(nat);
}

static void test_traffic_ends_copies(void **state)
{
	struct nat *nat = start(3);
	uint32_t sequence = 0;
	uint64_t copies;
	(void)state;

	exchange(nat, B, CHILD, 2);
	converse(nat, B, 0x2000, &sequence);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_CONFIRMED), 1);
	copies = nat_stats(nat).copies;
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(esp_in(nat, 0x2000, ++sequence), HOST(B));
		nat_wait(nat, 0.1);
	}
	assert_int_equal(nat_stats(nat).copies, copies);
	assert_int_equal(nat_stats(nat).probation, 0);
	nat_stop(nat);
}

/* ------------------------------------------------------------ refutation */

/* A notification in clear: RFC 2408 3.14, RFC 7296 3.10. */
static void make_notify(struct pkt *pkt, uint32_t inside, uint8_t version,
    uint8_t type, uint64_t initiator, uint64_t responder, const uint32_t *spi)
{
	const size_t doi = version == 1 ? 4 : 0;
	const struct ike ike = {
	    .initiator = initiator,
	    .responder = responder,
	    .version = version,
	    .exchange = version == 1 ? 5 : INFORMATIONAL,
	    .next_payload = version == 1 ? 11 : 41,
	    .flags = version == 1 ? 0 : RESPONSE,
	    .padding = (uint16_t)(8 + doi + (spi == NULL ? 0 : 4)),
	};
	uint8_t bytes[100];
	const size_t length = ike_bytes(&ike, bytes);
	uint8_t *notify = bytes + 28;

	memset(notify, 0, length - 28);
	notify[3] = (uint8_t)(length - 28);
	notify[4 + doi] = 3;
	notify[5 + doi] = spi == NULL ? 0 : 4;
	notify[7 + doi] = type;
	if (spi != NULL)
		put32(notify + 8 + doi, *spi);
	make_udp(pkt, inside, 500, REMOTE1, 500, bytes, length);
}

static void provoked(struct nat *nat, struct pkt *pkt)
{
	nat_expect(
	    nat, SPINAT_INSIDE, pkt, SPINAT_DROPPED, SPINAT_REASON_PROVOKED);
}

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

/* ------------------------------------------------------------- fragments */

enum { PARTS = 4, PART = 24, WHOLE = 88 };

static unsigned bit_of(const uint8_t *data)
{
	return 1u << (get16(data + 6) & 0x1fff) * 8 / PART;
}

/* Each host gets each part once, whatever the order. */
static void test_fragments(void **state)
{
	static const unsigned orders[][PARTS] = {
	    {0, 1, 2, 3}, {3, 2, 1, 0}, {1, 0, 3, 2}, {2, 3, 0, 1}};
	(void)state;

	for (size_t o = 0; o < COUNT_OF(orders); o++) {
		struct nat *nat = start(2);
		unsigned got[3] = {0};
		struct pkt whole, parts[PARTS];
		uint8_t payload[WHOLE];

		for (size_t i = 0; i < sizeof payload; i++)
			payload[i] = (uint8_t)(i * 7);
		put32(payload, 0x2000);
		put32(payload + 4, 1);
		exchange(nat, B, CHILD, 2);
		make_ip(&whole, PROTO_ESP, REMOTE1, PUBLIC, payload, WHOLE);
		assert_int_equal(
		    make_fragments(&whole, PART, parts, PARTS), PARTS);
		for (unsigned i = 0; i < PARTS; i++) {
			struct pkt *part = &parts[orders[o][i]];
			nat_send(nat, SPINAT_OUTSIDE, part);
			if (part->verdict == SPINAT_TRANSLATED)
				got[destination_of(part) & 3] |=
				    bit_of(part->data);
			else
				assert_int_equal(part->verdict, SPINAT_HELD);
		}
		for (unsigned e = 0; e < nat->emitted; e++) {
			const uint8_t *data = nat->emits[e].data;
			const size_t at = (get16(data + 6) & 0x1fff) * 8u;
			const uint32_t to = get32(data + 16);
			assert_int_equal(nat->emits[e].to, SPINAT_INSIDE);
			assert_true(to == A || to == B);
			assert_int_equal(got[to & 3] & bit_of(data), 0);
			assert_memory_equal(
			    data + 20, payload + at, nat->emits[e].length - 20);
			got[to & 3] |= bit_of(data);
		}
		assert_int_equal(got[A & 3], (1u << PARTS) - 1);
		assert_int_equal(got[B & 3], (1u << PARTS) - 1);
		nat_stop(nat);
	}
}

/* ------------------------------------------------------------------- IKE */

static struct ike rekeyed(uint8_t flags)
{
	struct ike ike = protected_of(A, INFORMATIONAL, flags, 0);

	ike.initiator = 0xaaaaaaaa;
	ike.responder = 0xbbbbbbbb;
	return ike;
}

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

static uint32_t only_host(uint64_t hosts)
{
	assert_int_equal(__builtin_popcountll(hosts), 1);
	return IP(10, 0, 0, __builtin_ctzll(hosts));
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

/* ---------------------------------------------------------------- bounds */

static void test_reserved_spi(void **state)
{
	struct nat *nat = start(2);
	struct pkt pkt;
	(void)state;

	for (uint32_t spi = 0; spi < 256; spi++) {
		make_esp(&pkt, REMOTE1, PUBLIC, spi, 1);
		nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED,
		    SPINAT_REASON_BAD_SPI);
	}
	assert_int_equal(esp_in(nat, 256, 1), HOST(A) | HOST(B));
	nat_stop(nat);
}

static void refused(struct nat *nat, uint32_t spi, uint32_t sequence)
{
	struct pkt pkt;

	make_esp(&pkt, REMOTE1, PUBLIC, spi, sequence);
	nat_expect(
	    nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_BUDGET);
}

static void test_budget(void **state)
{
	const uint32_t most = REMOTE_UNKNOWN.burst;
	const uint32_t reserve = REMOTE_RESERVE.burst;
	struct nat *nat = start(2);
	(void)state;

	for (uint32_t i = 0; i < most; i++)
		assert_int_not_equal(esp_in(nat, 0x10000 + i, 1), 0);
	for (uint32_t i = 0; i < reserve + 1; i++)
		refused(nat, 0x20000 + i, 1);
	/* Repeated it is not seen again; gone on it is. */
	refused(nat, 0x20000, 1);
	for (uint32_t i = 0; i < reserve; i++)
		assert_int_not_equal(esp_in(nat, 0x20000 + i, 2), 0);
	refused(nat, 0x20000 + reserve, 2);
	/* Another remote's budget is its own; and it fills again. */
	nat_wait(nat, 1);
	assert_int_not_equal(esp_in(nat, 0x30000, 1), 0);
	nat_stop(nat);
}

/* A flood for an hour, at what the budget allows: what is certain stays. */
static void test_provisional_cap(void **state)
{
	struct nat *nat = start(2);
	uint32_t spi = 0x10000;
	(void)state;

	for (int second = 0; second < 60; second++) {
		for (unsigned i = 0; i < REMOTE_UNKNOWN.a_second; i++)
			(void)esp_in(nat, spi++, 1);
		assert_true(
		    nat_stats(nat).probation <= ASSOCIATION_MAX_PROBATION);
		nat_wait(nat, 1);
		nat_forget(nat);
	}
	assert_int_equal(nat_stats(nat).probation, ASSOCIATION_MAX_PROBATION);
	assert_int_equal(esp_in(nat, 0x1001, 1000), HOST(A));
	assert_int_equal(esp_in(nat, 0x1002, 1000), HOST(B));
	nat_stop(nat);
}

/* What arrives keeps nothing alive that nobody answers. */
static void test_inbound_alone_keeps_nothing(void **state)
{
	(void)state;
	for (unsigned clients = 1; clients <= 2; clients++) {
		struct nat *nat = start(clients);
		uint32_t sequence = 0;

		while (sequence < 119) {
			assert_int_not_equal(
			    esp_in(nat, 0x2000, ++sequence) & HOST(A), 0);
			nat_wait(nat, 1);
		}
		assert_string_equal(flow_of(nat, 0x2000).state, "probation");
		assert_int_equal(nat_events(nat, SPINAT_EVENT_EXPIRED), 0);
		(void)esp_in(nat, 0x2000, ++sequence);
		nat_wait(nat, 2);
		assert_int_equal(nat_events(nat, SPINAT_EVENT_EXPIRED), 1);
		assert_string_equal(flow_of(nat, 0x2000).state, "gone");
		/* The next one finds its host anew. */
		assert_int_not_equal(
		    esp_in(nat, 0x2000, ++sequence) & HOST(A), 0);
		nat_stop(nat);
	}
}

/* ------------------------------------------------------------- mistakes */

/* Nor do forged IKE and ESP of its own side alone. */
static void test_junk_makes_no_candidate(void **state)
{
	struct nat *nat = start(2);
	struct ike ike = initial(cookie_of(C));
	(void)state;

	ike_out(nat, C, ike);
	ike_out(nat, C, protected_of(C, AUTH, INITIATOR, 1));
	ike_out(nat, C, protected_of(C, AUTH, RESPONSE, 1));
	ike_out(nat, C, protected_of(C, CHILD, INITIATOR, 2));
	ike_out(nat, C, protected_of(C, CHILD, RESPONSE, 2));
	for (uint32_t i = 1; i < 100; i++) {
		esp_out(nat, C, 0x4000 + i / 10, i);
		nat_wait(nat, 0.1);
	}
	assert_int_equal(esp_in(nat, 0x2000, 1), HOST(A) | HOST(B));
	assert_int_equal(ike_in(nat, rekeyed(INITIATOR)), HOST(A) | HOST(B));
	for (int i = 0; i < 6; i++)
		assert_int_not_equal(
		    only_host(ike_in(nat, initial(0xcccc))), C);
	/* What is certain is in doubt by nothing of that. */
	assert_state(nat, 0x1001, "confirmed", A);
	assert_state(nat, 0x1002, "confirmed", B);
	nat_stop(nat);
}

/* Two clients chose one SPI: in the end both get all of it. */
static void test_same_spi(void **state)
{
	struct nat *nat = start(2);
	uint64_t random = 1;
	uint32_t first = 1000, second = 0;
	(void)state;

	for (; first < 9000; first += 100)
		assert_int_equal(esp_in(nat, 0x1001, first), HOST(A));
	exchange(nat, B, CHILD, 2);
	for (int i = 0; i < 60; i++) {
		const uint64_t hosts = esp_in(nat, 0x1001, ++second);
		assert_true((hosts & HOST(B)) != 0);
		nat_wait(nat, 0.002);
		esp_out(nat, B, 0x4000, second);
		nat_wait(nat, 0.02 + 0.001 * test_below(&random, 500));
	}
	assert_string_equal(flow_of(nat, 0x1001).state, "shared");
	assert_int_equal(nat_events(nat, SPINAT_EVENT_DOUBTED), 1);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(
		    esp_in(nat, 0x1001, ++second), HOST(A) | HOST(B));
		assert_int_equal(
		    esp_in(nat, 0x1001, ++first), HOST(A) | HOST(B));
	}
	nat_stop(nat);
}

/* An SPI taken for A's, who was the only one, when B's IKE was not seen yet. */
static void test_wrong_binding_heals(void **state)
{
	struct nat *nat = nat_start_default();
	uint32_t sequence = 0;
	(void)state;

	establish(nat, A);
	converse(nat, A, 0x1001, &sequence);
	nat_wait(nat, 100);
	sequence = 0;
	/* A sends all the time. */
	for (uint32_t i = 1; i <= 5; i++) {
		assert_int_equal(esp_in(nat, 0x2000, ++sequence), HOST(A));
		nat_wait(nat, 0.01);
		esp_out(nat, A, 0x4000, i);
	}
	assert_state(nat, 0x2000, "confirmed", A);
	establish(nat, B);
	for (uint32_t i = 1; i < 40; i++) {
		esp_out(nat, B, 0x5000, i);
		nat_wait(nat, 0.1);
	}
	assert_int_equal(nat_events(nat, SPINAT_EVENT_DOUBTED), 1);
	converse(nat, B, 0x2000, &sequence);
	assert_state(nat, 0x2000, "confirmed", B);
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
	    cmocka_unit_test(test_copies),
	    cmocka_unit_test(test_is_explained),
	    cmocka_unit_test(test_who_agreed_leads),
	    cmocka_unit_test(test_request_alone_is_weak),
	    cmocka_unit_test(test_traffic_ends_copies),
	    cmocka_unit_test(test_refuted),
	    cmocka_unit_test(test_last_one_left),
	    cmocka_unit_test(test_not_provoked),
	    cmocka_unit_test(test_protected_informational_passes),
	    cmocka_unit_test(test_fragments),
	    cmocka_unit_test(test_unknown_cookies),
	    cmocka_unit_test(test_unknown_cookies_of_many),
	    cmocka_unit_test(test_budget_of_cookies),
	    cmocka_unit_test(test_initial_request),
	    cmocka_unit_test(test_declined),
	    cmocka_unit_test(test_reserved_spi),
	    cmocka_unit_test(test_budget),
	    cmocka_unit_test(test_provisional_cap),
	    cmocka_unit_test(test_inbound_alone_keeps_nothing),
	    cmocka_unit_test(test_junk_makes_no_candidate),
	    cmocka_unit_test(test_same_spi),
	    cmocka_unit_test(test_wrong_binding_heals),
	    cmocka_unit_test(test_holder_refutes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
