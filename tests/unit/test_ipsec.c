/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ESP, IKE and AH through the public header: one client of each gateway.
 * Several of one are in test_shared.c.
 */
#include "nat_fixture.h"

static const struct ike init_request = {
    .initiator = 0x1111222233334444,
    .version = 2,
    .exchange = 34,
    .flags = 0x08,
    .next_payload = 33,
    .padding = 100,
};

static struct ike init_response(uint64_t responder)
{
	struct ike ike = init_request;

	ike.responder = responder;
	ike.flags = 0x20;
	return ike;
}

/* A protected message; `flags` 0x08: from the initiator, 0x20: a response. */
static struct ike protected_message(
    uint64_t initiator, uint64_t responder, uint8_t exchange, uint8_t flags)
{
	return (struct ike){.initiator = initiator,
	    .responder = responder,
	    .version = 2,
	    .exchange = exchange,
	    .flags = flags,
	    .next_payload = 46,
	    .message_id = 1,
	    .padding = 200};
}

static void ike_out(
    struct nat *nat, uint32_t inside, uint32_t remote, const struct ike *ike)
{
	struct pkt pkt, before;

	make_ike(&pkt, inside, remote, ike);
	before = pkt;
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), PUBLIC);
	assert_int_equal(source_port(&pkt), 500);
	assert_int_equal(destination_port(&pkt), 500);
	assert_memory_equal(
	    pkt.data + 28, before.data + 28, before.length - 28);
}

static void ike_in(
    struct nat *nat, uint32_t remote, uint32_t inside, const struct ike *ike)
{
	struct pkt pkt;

	make_ike(&pkt, remote, PUBLIC, ike);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(source_of(&pkt), remote);
	assert_int_equal(destination_of(&pkt), inside);
	assert_int_equal(destination_port(&pkt), 500);
}

static void esp_out(
    struct nat *nat, uint32_t inside, uint32_t remote, uint32_t spi)
{
	struct pkt pkt;

	make_esp(&pkt, inside, remote, spi, 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), PUBLIC);
	assert_int_equal(get32(pkt.data + 20), spi);
}

static void esp_in(
    struct nat *nat, uint32_t remote, uint32_t inside, uint32_t spi)
{
	struct pkt pkt;

	make_esp(&pkt, remote, PUBLIC, spi, 1);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), inside);
	assert_int_equal(source_of(&pkt), remote);
}

static void refuse_in(struct nat *nat, struct pkt *pkt, enum spinat_reason why)
{
	nat_expect(nat, SPINAT_OUTSIDE, pkt, SPINAT_DROPPED, why);
}

static void pass_in(struct nat *nat, struct pkt *pkt, enum spinat_reason why)
{
	nat_expect(nat, SPINAT_OUTSIDE, pkt, SPINAT_PASSED, why);
}

/* IKE up to an established SA. */
static void establish(struct nat *nat, uint32_t inside, uint32_t remote,
    uint64_t initiator, uint64_t responder)
{
	struct ike ike = init_request;

	ike.initiator = initiator;
	ike_out(nat, inside, remote, &ike);
	ike = init_response(responder);
	ike.initiator = initiator;
	ike_in(nat, remote, inside, &ike);
	ike = protected_message(initiator, responder, 35, 0x08);
	ike_out(nat, inside, remote, &ike);
	ike = protected_message(initiator, responder, 35, 0x20);
	ike_in(nat, remote, inside, &ike);
}

static struct spinat_ike_info only_ike(const struct nat *nat)
{
	struct spinat_ike_info info, more;
	uint32_t cursor = 0;

	assert_int_equal(
	    spinat_next_ike(nat->engine, &cursor, &info), SPINAT_WALK_FOUND);
	assert_int_equal(
	    spinat_next_ike(nat->engine, &cursor, &more), SPINAT_WALK_END);
	return info;
}

static struct spinat_peer_info only_peer(const struct nat *nat)
{
	struct spinat_peer_info info, more;
	uint32_t cursor = 0;

	assert_int_equal(
	    spinat_next_peer(nat->engine, &cursor, &info), SPINAT_WALK_FOUND);
	assert_int_equal(
	    spinat_next_peer(nat->engine, &cursor, &more), SPINAT_WALK_END);
	return info;
}

/* ------------------------------------------------------------ IKE */

static void test_ike_life(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike = init_request;
	struct spinat_ike_info info;
	(void)state;

	ike_out(nat, INSIDE1, REMOTE1, &ike);
	assert_string_equal(only_ike(nat).state, "unanswered");
	ike = init_response(0x99);
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	assert_string_equal(only_ike(nat).state, "half-open");
	ike = protected_message(init_request.initiator, 0x99, 35, 0x08);
	ike_out(nat, INSIDE1, REMOTE1, &ike);
	assert_string_equal(only_ike(nat).state, "half-open");
	assert_false(only_peer(nat).candidate);
	ike = protected_message(init_request.initiator, 0x99, 35, 0x20);
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	info = only_ike(nat);
	assert_string_equal(info.state, "established");
	assert_true(info.inside_initiated);
	assert_int_equal(info.version, 2);
	assert_int_equal(get32(info.responder_spi + 4), 0x99);
	assert_true(info.packets[0] == 2 && info.packets[1] == 2);
	assert_true(only_peer(nat).candidate);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_CREATED), 1);
	assert_int_equal(nat->event_count, 1);
	nat_stop(nat);
}

/* Two clients of two gateways, and two of one: cookies tell them apart. */
static void test_ike_clients_keep_port_500(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike;
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 101);
	establish(nat, INSIDE2, REMOTE2, 2, 102);
	establish(nat, INSIDE3, REMOTE1, 3, 103);
	ike = protected_message(1, 101, 37, 0);
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	ike = protected_message(3, 103, 37, 0);
	ike_in(nat, REMOTE1, INSIDE3, &ike);
	ike = protected_message(2, 102, 37, 0);
	ike_in(nat, REMOTE2, INSIDE2, &ike);
	assert_int_equal(nat_stats(nat).ike, 3);
	assert_int_equal(nat_stats(nat).peers, 3);
	nat_stop(nat);
}

static void test_ike_same_cookie_two_hosts(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike;
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 7, 101);
	establish(nat, INSIDE2, REMOTE1, 7, 102);
	ike = protected_message(7, 101, 37, 0);
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	ike_out(nat, INSIDE1, REMOTE1, &ike);
	ike = protected_message(7, 102, 37, 0);
	ike_in(nat, REMOTE1, INSIDE2, &ike);
	ike_out(nat, INSIDE2, REMOTE1, &ike);
	assert_int_equal(nat_stats(nat).ike, 2);
	nat_stop(nat);
}

/* Nobody asked for it: port 500 is the gateway's own. */
static void test_ike_unsolicited(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike = init_request;
	struct pkt pkt;
	(void)state;

	make_ike(&pkt, REMOTE1, PUBLIC, &ike);
	pass_in(nat, &pkt, SPINAT_REASON_IKE_UNKNOWN);
	/* A half-open client is no reason either. */
	ike.initiator = 5;
	ike_out(nat, INSIDE1, REMOTE1, &ike);
	make_ike(&pkt, REMOTE1, PUBLIC, &init_request);
	pass_in(nat, &pkt, SPINAT_REASON_IKE_UNKNOWN);
	/* Nor is another remote's. */
	establish(nat, INSIDE1, REMOTE1, 6, 106);
	make_ike(&pkt, REMOTE2, PUBLIC, &init_request);
	pass_in(nat, &pkt, SPINAT_REASON_IKE_UNKNOWN);
	nat_stop(nat);
}

/* The gateway rekeys the IKE SA, or starts one: its only client gets it. */
static void test_ike_from_the_gateway(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike = init_request;
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 101);
	nat_wait(nat, 3600);
	nat_forget(nat);
	ike = protected_message(0xaaaa, 0xbbbb, 37, 0x08);
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_BOUND), 1);
	ike.flags = 0x20;
	ike_out(nat, INSIDE1, REMOTE1, &ike);
	assert_int_equal(nat_stats(nat).ike, 2);
	ike = init_request;
	ike.initiator = 0xcccc;
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_BOUND), 2);
	nat_stop(nat);
}

static void test_ike_malformed(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike = init_request;
	struct pkt pkt;
	(void)state;

	make_udp(&pkt, INSIDE1, 500, REMOTE1, 500, "short", 5);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_BAD_IKE);
	ike.version = 3;
	make_ike(&pkt, INSIDE1, REMOTE1, &ike);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_BAD_IKE);
	ike.version = 1;
	ike.initiator = 0;
	make_ike(&pkt, INSIDE1, REMOTE1, &ike);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_BAD_IKE);
	make_udp(&pkt, REMOTE1, 500, PUBLIC, 500, "short", 5);
	pass_in(nat, &pkt, SPINAT_REASON_BAD_IKE);
	assert_int_equal(nat_stats(nat).ike, 0);
	nat_stop(nat);
}

/* IKEv1: the encryption flag says what is protected. */
static void test_ikev1(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike = {.initiator = 0x77,
	    .version = 1,
	    .exchange = 2,
	    .next_payload = 1,
	    .padding = 80};
	(void)state;

	ike_out(nat, INSIDE1, REMOTE1, &ike);
	ike.responder = 0x88;
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	ike.next_payload = 4;
	ike_out(nat, INSIDE1, REMOTE1, &ike);
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	ike.flags = 1;
	ike_out(nat, INSIDE1, REMOTE1, &ike);
	assert_string_equal(only_ike(nat).state, "half-open");
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	assert_string_equal(only_ike(nat).state, "established");
	ike.exchange = 32;
	ike.message_id = 0x1234;
	ike_out(nat, INSIDE1, REMOTE1, &ike);
	assert_int_equal(only_ike(nat).version, 1);
	nat_stop(nat);
}

static void test_ike_without_checksum(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	(void)state;

	make_ike(&pkt, INSIDE1, REMOTE1, &init_request);
	put16(pkt.data + 26, 0);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(get16(pkt.data + 26), 0);
	make_ike(&pkt, INSIDE1, REMOTE1, &init_request);
	make_partial(&pkt);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	nat_stop(nat);
}

/* On UDP 4500 it is a session like others, and no candidate for raw ESP. */
static void test_nat_traversal(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike = init_request;
	uint8_t payload[500];
	struct pkt pkt;
	(void)state;

	ike_out(nat, INSIDE1, REMOTE1, &ike);
	ike = init_response(0x99);
	ike_in(nat, REMOTE1, INSIDE1, &ike);
	ike = protected_message(init_request.initiator, 0x99, 35, 0x08);
	put32(payload, 0);
	make_udp(&pkt, INSIDE1, 4500, REMOTE1, 4500, payload,
	    4 + ike_bytes(&ike, payload + 4));
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_in_range(source_port(&pkt), PORT_LOW, PORT_HIGH);
	assert_true(only_ike(nat).floated);
	assert_false(only_peer(nat).candidate);
	assert_string_equal(only_peer(nat).why,
	    "it uses NAT traversal (UDP 4500), not raw ESP");
	/* A raw SPI of that remote is nobody's. */
	make_esp(&pkt, REMOTE1, PUBLIC, 0x1000, 1);
	pass_in(nat, &pkt, SPINAT_REASON_ESP_UNKNOWN);
	/* One that moves after it was established is no candidate any more. */
	establish(nat, INSIDE2, REMOTE2, 2, 102);
	ike = protected_message(2, 102, 37, 0x08);
	make_udp(&pkt, INSIDE2, 4500, REMOTE2, 4500, payload,
	    4 + ike_bytes(&ike, payload + 4));
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	make_esp(&pkt, REMOTE2, PUBLIC, 0x1000, 1);
	pass_in(nat, &pkt, SPINAT_REASON_ESP_UNKNOWN);
	nat_stop(nat);
}

/* ------------------------------------------------------------ ESP */

static void test_esp_after_ike(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 101);
	nat_forget(nat);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_CREATED), 1);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_BOUND), 1);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_CONFIRMED), 1);
	assert_int_equal(nat->event_count, 3);
	assert_int_equal(only_peer(nat).out_count, 1);
	assert_int_equal(only_peer(nat).in_count, 1);
	assert_true(only_peer(nat).packets[1] == 2);
	nat_stop(nat);
}

/* The gateway speaks first, with an SPI nobody has seen, after hours. */
static void test_esp_gateway_first_after_silence(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 101);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001);
	nat_wait(nat, 20 * 3600.0);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000002);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001);
	nat_wait(nat, 20 * 3600.0);
	/* ESP alone kept all of it alive. */
	assert_int_equal(nat_stats(nat).ike, 1);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001);
	nat_stop(nat);
}

/* And IKE alone keeps the SPIs: DPD on an idle tunnel. */
static void test_ike_keeps_esp(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike;
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 101);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001);
	for (int day = 0; day < 4; day++) {
		nat_wait(nat, 24 * 3600.0);
		ike = protected_message(1, 101, 37, 0);
		ike_in(nat, REMOTE1, INSIDE1, &ike);
	}
	assert_int_equal(nat_stats(nat).flows, 2);
	nat_wait(nat, 25 * 3600.0 + 2);
	assert_int_equal(nat_stats(nat).flows, 0);
	assert_int_equal(nat_stats(nat).ike, 0);
	assert_int_equal(nat_stats(nat).peers, 0);
	nat_stop(nat);
}

/* No IKE seen (manual keys, or a restart): outbound ESP alone makes a host the
 * one, where it is the only one. */
static void test_esp_without_ike(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	(void)state;

	make_esp(&pkt, REMOTE1, PUBLIC, 0xd0000001, 1);
	pass_in(nat, &pkt, SPINAT_REASON_ESP_UNKNOWN);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001);
	esp_out(nat, INSIDE2, REMOTE1, 0xc0000002);
	/* Its inbound SPI was answered by nobody yet ... */
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001);
	/* ... and a host that answered goes before one with outbound only. */
	nat_wait(nat, 1);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000003);
	nat_stop(nat);
}

/* Junk ESP makes no candidate where there is one. */
static void test_esp_junk_is_no_candidate(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	establish(nat, INSIDE1, REMOTE2, 3, 103);
	esp_out(nat, INSIDE2, REMOTE2, 0xc0000009);
	esp_in(nat, REMOTE2, INSIDE1, 0xd0000002);
	assert_int_equal(nat->emitted, 0);
	nat_stop(nat);
}

/* The same numbers each way, and for two remotes, are not mixed up. */
static void test_esp_equal_spis(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 101);
	establish(nat, INSIDE2, REMOTE2, 2, 102);
	esp_out(nat, INSIDE1, REMOTE1, 0x1000);
	esp_in(nat, REMOTE1, INSIDE1, 0x1000);
	esp_out(nat, INSIDE2, REMOTE2, 0x1000);
	esp_in(nat, REMOTE2, INSIDE2, 0x1000);
	assert_int_equal(nat_stats(nat).flows, 4);
	nat_stop(nat);
}

static void test_esp_reserved_spi(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	(void)state;

	for (uint32_t spi = 0; spi < 256; spi += 51) {
		make_esp(&pkt, INSIDE1, REMOTE1, spi, 1);
		nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED,
		    SPINAT_REASON_BAD_SPI);
		make_esp(&pkt, REMOTE1, PUBLIC, spi, 1);
		refuse_in(nat, &pkt, SPINAT_REASON_BAD_SPI);
	}
	esp_out(nat, INSIDE1, REMOTE1, 256);
	nat_stop(nat);
}

/* At most 128 SPIs each way a pair: the longest idle goes. */
static void test_esp_cap(void **state)
{
	struct nat *nat = nat_start_default();
	struct spinat_flow_info info;
	uint32_t cursor = 0;
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 101);
	nat_forget(nat);
	for (uint32_t i = 0; i < 136; i++) {
		esp_out(nat, INSIDE1, REMOTE1, 0x1000 + i);
		if (i == 0)
			esp_in(nat, REMOTE1, INSIDE1, 0xd0000001);
		nat_wait(nat, 1);
	}
	assert_int_equal(only_peer(nat).out_count, 128);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_EXPIRED), 8);
	assert_true(nat_stats(nat).reasons[SPINAT_REASON_EVICTED] == 8);
	while (
	    spinat_next_flow(nat->engine, &cursor, &info) == SPINAT_WALK_FOUND)
		if (info.kind == SPINAT_FLOW_ESP_OUT)
			assert_in_range(host32(info.spi), 0x1008, 0x1087);
	nat_stop(nat);
}

static unsigned count_established(const struct nat *nat)
{
	struct spinat_ike_info info;
	uint32_t cursor = 0;
	unsigned count = 0;

	while (
	    spinat_next_ike(nat->engine, &cursor, &info) == SPINAT_WALK_FOUND)
		count += strcmp(info.state, "established") == 0;
	return count;
}

static void test_ike_cap(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	for (uint64_t i = 0; i < 80; i++) {
		struct ike ike = init_request;
		/* Neither the first nor the last of them is the one to go. */
		if (i == 10 || i == 63)
			establish(nat, INSIDE1, REMOTE1, i, 101);
		ike.initiator = 0x5000 + i;
		ike_out(nat, INSIDE1, REMOTE1, &ike);
		nat_wait(nat, 0.2);
	}
	assert_int_equal(count_established(nat), 2);
	assert_int_equal(only_peer(nat).ike_count, 64);
	assert_true(only_peer(nat).candidate); /* the established one stayed */
	nat_stop(nat);
}

/* ----------------------------------------------------------- rules */

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
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001);
	esp_in(nat, REMOTE2, INSIDE2, 0xd0000001);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001);
	/* A client's own tunnel to another remote goes before the rule. */
	establish(nat, INSIDE3, IP(192, 0, 2, 7), 9, 109);
	esp_in(nat, IP(192, 0, 2, 7), INSIDE3, 0xd0000005);
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
		esp_in(nat, REMOTE1, INSIDE2, 0xd0000001);
		nat_stop(nat);
	}
}

/* ------------------------------------------------------------- AH */

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

/* ---------------------------------------------------- mode ipsec-only */

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
	establish(nat, INSIDE1, REMOTE1, 1, 101);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001);
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
	    cmocka_unit_test(test_ike_life),
	    cmocka_unit_test(test_ike_clients_keep_port_500),
	    cmocka_unit_test(test_ike_same_cookie_two_hosts),
	    cmocka_unit_test(test_ike_unsolicited),
	    cmocka_unit_test(test_ike_from_the_gateway),
	    cmocka_unit_test(test_ike_malformed),
	    cmocka_unit_test(test_ikev1),
	    cmocka_unit_test(test_ike_without_checksum),
	    cmocka_unit_test(test_nat_traversal),
	    cmocka_unit_test(test_esp_after_ike),
	    cmocka_unit_test(test_esp_gateway_first_after_silence),
	    cmocka_unit_test(test_ike_keeps_esp),
	    cmocka_unit_test(test_esp_without_ike),
	    cmocka_unit_test(test_esp_junk_is_no_candidate),
	    cmocka_unit_test(test_esp_equal_spis),
	    cmocka_unit_test(test_esp_reserved_spi),
	    cmocka_unit_test(test_esp_cap),
	    cmocka_unit_test(test_ike_cap),
	    cmocka_unit_test(test_redirect_ipsec),
	    cmocka_unit_test(test_redirect_ipsec_of_second_address),
	    cmocka_unit_test(test_other_redirects_carry_ipsec),
	    cmocka_unit_test(test_ah),
	    cmocka_unit_test(test_ipsec_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
