/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP, UDP, ICMP queries and other protocols through the whole engine.
 */
#include "nat_fixture.h"

/* Sends out and gives the public port it got. */
static uint16_t udp_out(struct nat *nat, uint32_t inside, uint16_t port,
    uint32_t remote, uint16_t remote_port)
{
	struct pkt pkt;

	make_udp(&pkt, inside, port, remote, remote_port, "hello", 5);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), PUBLIC);
	assert_int_equal(destination_of(&pkt), remote);
	assert_int_equal(destination_port(&pkt), remote_port);
	assert_memory_equal(pkt.data + 28, "hello", 5);
	return source_port(&pkt);
}

static void test_udp_both_ways(void **state)
{
	struct nat *nat = nat_start_default();
	const uint16_t port = udp_out(nat, INSIDE1, 4000, REMOTE1, 53);
	struct spinat_flow_info flow;
	struct pkt pkt;
	(void)state;

	assert_in_range(port, PORT_LOW, PORT_HIGH);
	make_udp(&pkt, REMOTE1, 53, PUBLIC, port, "answer", 6);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(source_of(&pkt), REMOTE1);
	assert_int_equal(source_port(&pkt), 53);
	assert_int_equal(destination_of(&pkt), INSIDE1);
	assert_int_equal(destination_port(&pkt), 4000);
	flow = nat_only_flow(nat);
	assert_int_equal(flow.kind, SPINAT_FLOW_SESSION);
	assert_int_equal(flow.protocol, PROTO_UDP);
	assert_string_equal(flow.state, "replied");
	assert_int_equal(host32(flow.inside.address), INSIDE1);
	assert_int_equal(host16(flow.inside.port), 4000);
	assert_int_equal(host32(flow.public_end.address), PUBLIC);
	assert_int_equal(host16(flow.public_end.port), port);
	assert_int_equal(host32(flow.remote.address), REMOTE1);
	assert_int_equal(host16(flow.remote_seen.port), 53);
	assert_true(flow.packets[0] == 1 && flow.packets[1] == 1);
	assert_true(flow.bytes[0] == 33 && flow.bytes[1] == 34);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_CREATED), 1);
	assert_int_equal(nat->event_count, 1);
	nat_stop(nat);
}

/* The same mapping for every remote (RFC 4787 REQ-1), each host its own. */
static void test_mapping_is_endpoint_independent(void **state)
{
	struct nat *nat = nat_start_default();
	const uint16_t port = udp_out(nat, INSIDE1, 4000, REMOTE1, 53);
	(void)state;

	assert_int_equal(udp_out(nat, INSIDE1, 4000, REMOTE2, 53), port);
	assert_int_equal(udp_out(nat, INSIDE1, 4000, REMOTE1, 54), port);
	assert_int_not_equal(udp_out(nat, INSIDE2, 4000, REMOTE1, 53), port);
	assert_int_not_equal(udp_out(nat, INSIDE1, 4001, REMOTE1, 53), port);
	assert_int_equal(nat_stats(nat).mappings, 3);
	assert_int_equal(nat_stats(nat).flows, 5);
	nat_stop(nat);
}

static void test_udp_without_checksum(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	(void)state;

	make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, "x", 1);
	put16(pkt.data + 26, 0);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(get16(pkt.data + 26), 0);
	nat_stop(nat);
}

/* A sum that comes out as 0 is sent as 0xffff (RFC 768): try all payloads. */
static void test_udp_checksum_never_becomes_zero(void **state)
{
	struct nat *nat = nat_start_default();
	unsigned corners = 0;
	(void)state;

	for (uint32_t word = 0; word < 0x10000; word++) {
		uint8_t payload[2];
		struct pkt pkt;
		put16(payload, word);
		make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, payload, 2);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
		assert_int_not_equal(get16(pkt.data + 26), 0);
		corners += get16(pkt.data + 26) == 0xffff;
	}
	assert_in_range(corners, 1, 2);
	nat_stop(nat);
}

static void test_tcp_both_ways(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	uint16_t port;
	(void)state;

	make_tcp(&pkt, INSIDE1, 4000, REMOTE1, 80, SYN, NULL, 0);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	port = source_port(&pkt);
	assert_string_equal(nat_only_flow(nat).state, "new");
	make_tcp(&pkt, REMOTE1, 80, PUBLIC, port, SYN | ACK, NULL, 0);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), INSIDE1);
	assert_int_equal(destination_port(&pkt), 4000);
	make_tcp(&pkt, INSIDE1, 4000, REMOTE1, 80, ACK, "GET /", 5);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_port(&pkt), port);
	assert_string_equal(nat_only_flow(nat).state, "established");
	/* TCP and UDP ports are not one space: the same number may be both. */
	nat_stop(nat);
}

static void test_partial_checksums_stay_partial(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	uint16_t port;
	(void)state;

	make_tcp(&pkt, INSIDE1, 4000, REMOTE1, 80, SYN, "data", 4);
	make_partial(&pkt);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	port = source_port(&pkt);
	make_tcp(&pkt, REMOTE1, 80, PUBLIC, port, ACK, NULL, 0);
	make_partial(&pkt);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, "data", 4);
	make_partial(&pkt);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	nat_stop(nat);
}

static void test_echo(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	uint16_t id, other;
	(void)state;

	make_echo(&pkt, 8, INSIDE1, REMOTE1, 77, 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), PUBLIC);
	id = echo_id(&pkt);
	make_echo(&pkt, 8, INSIDE2, REMOTE1, 77, 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	other = echo_id(&pkt);
	assert_int_not_equal(id, other);
	make_echo(&pkt, 0, REMOTE1, PUBLIC, id, 1);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), INSIDE1);
	assert_int_equal(echo_id(&pkt), 77);
	make_echo(&pkt, 0, REMOTE1, PUBLIC, other, 1);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), INSIDE2);
	/* Somebody else's answer, or one to the gateway's own ping. */
	make_echo(&pkt, 0, REMOTE2, PUBLIC, id, 1);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
	    SPINAT_REASON_NO_FLOW_PASSED);
	nat_stop(nat);
}

/* Protocols without ports: by address, one host at a time and remote. */
static void test_other_protocols(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	(void)state;

	make_ip(&pkt, PROTO_GRE, INSIDE1, REMOTE1, "0123456789", 10);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), PUBLIC);
	assert_memory_equal(pkt.data + 20, "0123456789", 10);
	make_ip(&pkt, PROTO_GRE, REMOTE1, PUBLIC, "abc", 3);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), INSIDE1);
	make_ip(&pkt, PROTO_GRE, INSIDE2, REMOTE1, NULL, 0);
	nat_forget(nat);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_CONFLICT);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_REFUSED), 1);
	assert_int_equal(nat->event_count, 1);
	make_ip(&pkt, PROTO_GRE, INSIDE2, REMOTE2, NULL, 0);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	make_ip(&pkt, 4, INSIDE2, REMOTE1, NULL, 0);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	nat_stop(nat);
}

static void test_filtering(void **state)
{
	struct nat *nat = nat_start_default();
	const uint16_t port = udp_out(nat, INSIDE1, 4000, REMOTE1, 53);
	struct pkt pkt;
	(void)state;

	nat_forget(nat);
	make_udp(&pkt, REMOTE2, 53, PUBLIC, port, "x", 1);
	nat_expect(
	    nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_FILTERED);
	make_udp(&pkt, REMOTE1, 54, PUBLIC, port, "x", 1);
	nat_expect(
	    nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_FILTERED);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_DROPPED), 2);
	assert_int_equal(nat->event_count, 2);
	make_udp(&pkt, REMOTE1, 53, PUBLIC, (uint16_t)(port ^ 1), "x", 1);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
	    SPINAT_REASON_NO_FLOW_PASSED);
	make_udp(&pkt, REMOTE1, 53, REMOTE2, port, "x", 1);
	nat_expect(
	    nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_NOT_FOR_US);
	nat_stop(nat);
}

static void test_endpoint_independent_filtering(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	struct pkt pkt;
	uint16_t port;
	(void)state;

	nat_config(&config);
	config.endpoint_independent_filtering = true;
	nat = nat_start(&config);
	port = udp_out(nat, INSIDE1, 4000, REMOTE1, 53);
	make_udp(&pkt, REMOTE2, 99, PUBLIC, port, "x", 1);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), INSIDE1);
	assert_int_equal(destination_port(&pkt), 4000);
	/* The answer leaves through the same mapping. */
	assert_int_equal(udp_out(nat, INSIDE1, 4000, REMOTE2, 99), port);
	assert_int_equal(nat_stats(nat).mappings, 1);
	nat_stop(nat);
}

static void test_deny_incoming(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	struct pkt pkt;
	(void)state;

	nat_config(&config);
	config.deny_incoming = true;
	nat = nat_start(&config);
	make_udp(&pkt, REMOTE1, 53, PUBLIC, 22, "x", 1);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED,
	    SPINAT_REASON_NO_FLOW_DENIED);
	make_esp(&pkt, REMOTE1, PUBLIC, 0x1000, 1);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED,
	    SPINAT_REASON_NO_FLOW_DENIED);
	/* What is not to us is not ours to deny, whatever it is. */
	make_udp(&pkt, REMOTE1, 53, REMOTE2, 22, "x", 1);
	nat_expect(
	    nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_NOT_FOR_US);
	make_udp(&pkt, REMOTE1, 500, REMOTE2, 500, "x", 1);
	nat_expect(
	    nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_NOT_FOR_US);
	make_ip(&pkt, PROTO_AH, REMOTE1, REMOTE2, "123456789012", 12);
	nat_expect(
	    nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_NOT_FOR_US);
	nat_stop(nat);
}

static void test_same_ports(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	(void)state;

	nat_config(&config);
	config.same_ports = true;
	nat = nat_start(&config);
	assert_int_equal(udp_out(nat, INSIDE1, 25000, REMOTE1, 53), 25000);
	assert_int_not_equal(udp_out(nat, INSIDE2, 25000, REMOTE1, 53), 25000);
	/* Out of the range: not ours to take. */
	assert_in_range(
	    udp_out(nat, INSIDE1, 4000, REMOTE1, 53), PORT_LOW, PORT_HIGH);
	nat_stop(nat);
}

static void test_whose_packets(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	struct pkt pkt;
	(void)state;

	nat_config(&config);
	config.inside_count = 0;
	config.unregistered_only = true;
	nat = nat_start(&config);
	make_udp(&pkt, PUBLIC, 4000, REMOTE1, 53, "x", 1);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_OWN_TRAFFIC);
	make_udp(&pkt, IP(192, 0, 2, 1), 4000, REMOTE1, 53, "x", 1);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_NOT_PRIVATE);
	static const uint32_t private_edges[] = {IP(10, 0, 0, 0),
	    IP(10, 255, 255, 255), IP(172, 16, 0, 0), IP(172, 31, 255, 255),
	    IP(192, 168, 0, 0), IP(192, 168, 255, 255), IP(100, 64, 0, 0),
	    IP(100, 127, 255, 255)};
	static const uint32_t registered_edges[] = {IP(9, 255, 255, 255),
	    IP(11, 0, 0, 0), IP(172, 15, 255, 255), IP(172, 32, 0, 0),
	    IP(192, 167, 255, 255), IP(192, 169, 0, 0), IP(100, 63, 255, 255),
	    IP(100, 128, 0, 0)};
	for (size_t i = 0; i < COUNT_OF(private_edges); i++) {
		udp_out(nat, private_edges[i], 4000, REMOTE1, 53);
		make_udp(&pkt, registered_edges[i], 4000, REMOTE1, 53, "x", 1);
		nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED,
		    SPINAT_REASON_NOT_PRIVATE);
	}
	nat_stop(nat);

	nat = nat_start_default();
	make_udp(&pkt, IP(192, 168, 1, 1), 4000, REMOTE1, 53, "x", 1);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_NOT_INSIDE);
	nat_stop(nat);
}

/* ------------------------------------------------------------ hairpin */

static void test_hairpin_udp(void **state)
{
	struct nat *nat = nat_start_default();
	const uint16_t server = udp_out(nat, INSIDE2, 5000, REMOTE1, 53);
	struct pkt pkt;
	uint16_t client;
	(void)state;

	make_udp(&pkt, INSIDE1, 4000, PUBLIC, server, "hi", 2);
	assert_int_equal(nat_send(nat, SPINAT_INSIDE, &pkt), SPINAT_TRANSLATED);
	assert_int_equal(pkt.to, SPINAT_INSIDE);
	/* The server sees the public end (RFC 4787 REQ-9). */
	assert_int_equal(source_of(&pkt), PUBLIC);
	client = source_port(&pkt);
	assert_int_equal(destination_of(&pkt), INSIDE2);
	assert_int_equal(destination_port(&pkt), 5000);

	make_udp(&pkt, INSIDE2, 5000, PUBLIC, client, "ho", 2);
	assert_int_equal(nat_send(nat, SPINAT_INSIDE, &pkt), SPINAT_TRANSLATED);
	assert_int_equal(pkt.to, SPINAT_INSIDE);
	assert_int_equal(source_of(&pkt), PUBLIC);
	assert_int_equal(source_port(&pkt), server);
	assert_int_equal(destination_of(&pkt), INSIDE1);
	assert_int_equal(destination_port(&pkt), 4000);
	/* The client's mapping serves remotes as well. */
	assert_int_equal(udp_out(nat, INSIDE1, 4000, REMOTE1, 53), client);
	/* To nobody's port: the gateway's. */
	make_udp(&pkt, INSIDE1, 4000, PUBLIC, 53, "hi", 2);
	nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED,
	    SPINAT_REASON_NO_FLOW_PASSED);
	nat_stop(nat);
}

static void test_hairpin_tcp(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	uint16_t server, client;
	(void)state;

	make_tcp(&pkt, INSIDE2, 5000, REMOTE1, 80, SYN, NULL, 0);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	server = source_port(&pkt);
	make_tcp(&pkt, INSIDE1, 4000, PUBLIC, server, SYN, NULL, 0);
	make_partial(&pkt);
	nat_send(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(pkt.verdict, SPINAT_TRANSLATED);
	client = source_port(&pkt);
	make_tcp(&pkt, INSIDE2, 5000, PUBLIC, client, SYN | ACK, NULL, 0);
	nat_send(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(pkt.verdict, SPINAT_TRANSLATED);
	assert_int_equal(pkt.to, SPINAT_INSIDE);
	assert_int_equal(destination_of(&pkt), INSIDE1);
	assert_int_equal(source_port(&pkt), server);
	nat_stop(nat);
}

/* A ping to the public address is for the gateway, whoever's identifiers are
 * mapped: also the one that is mapped as 0. */
static void test_ping_of_the_public_address(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	struct pkt pkt;
	(void)state;

	nat_config(&config);
	config.same_ports = true;
	nat = nat_start(&config);
	make_echo(&pkt, 8, INSIDE2, REMOTE1, 0, 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(echo_id(&pkt), 0);
	make_echo(&pkt, 8, INSIDE1, PUBLIC, 77, 1);
	nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED,
	    SPINAT_REASON_NO_FLOW_PASSED);
	nat_stop(nat);
}

/* ---------------------------------------------------------- malformed */

static void test_malformed(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	(void)state;

	make_tcp(&pkt, INSIDE1, 4000, REMOTE1, 80, SYN, NULL, 0);
	pkt.length = 19;
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_TOO_SHORT);
	pkt.length = 0;
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_TOO_SHORT);
	make_tcp(&pkt, INSIDE1, 4000, REMOTE1, 80, SYN, NULL, 0);
	pkt.data[0] = 0x65;
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_NOT_IPV4);
	pkt.data[0] = 0x44;
	nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED,
	    SPINAT_REASON_BAD_HEADER_LENGTH);
	pkt.data[0] = 0x45;
	put16(pkt.data + 2, 41);
	nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED,
	    SPINAT_REASON_BAD_TOTAL_LENGTH);
	put16(pkt.data + 2, 39);
	nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED,
	    SPINAT_REASON_BAD_TRANSPORT);
	/* Not ours, so not ours to judge. */
	put32(pkt.data + 12, IP(192, 168, 1, 1));
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_NOT_INSIDE);
	assert_int_equal(nat_stats(nat).flows, 0);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_DROPPED), 6);
	nat_stop(nat);
}

/* Link padding is neither touched nor counted. */
static void test_padding(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	(void)state;

	make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, NULL, 0);
	memset(pkt.data + 28, 0xee, 18);
	pkt.length = 46;
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	for (int i = 28; i < 46; i++)
		assert_int_equal(pkt.data[i], 0xee);
	assert_true(nat_only_flow(nat).bytes[0] == 28);
	nat_stop(nat);
}

static void test_ip_options(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	(void)state;

	make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, "x", 1);
	memmove(pkt.data + 24, pkt.data + 20, 9);
	memset(pkt.data + 20, 1, 4);
	pkt.data[0] = 0x46;
	pkt.length += 4;
	put16(pkt.data + 2, pkt.length);
	fix_sums(&pkt);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), PUBLIC);
	assert_int_equal(get32(pkt.data + 20), 0x01010101);
	assert_in_range(get16(pkt.data + 24), PORT_LOW, PORT_HIGH);
	nat_stop(nat);
}

/* ------------------------------------------------------------ bursts */

/* A burst gives what the same packets give one at a time. */
static void test_burst_equals_single(void **state)
{
	enum { PACKETS = 100 };
	struct nat *one = nat_start_default(), *many = nat_start_default();
	static struct pkt pkts[PACKETS];
	static uint8_t copies[PACKETS][PACKET_ROOM];
	struct spinat_packet packets[PACKETS];
	uint64_t random = 4;
	(void)state;

	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < PACKETS; i++) {
			struct pkt *pkt = &pkts[i];
			const uint32_t inside =
			    INSIDE1 + test_below(&random, 3);
			const uint16_t port =
			    (uint16_t)(4000 + test_below(&random, 4));
			if (test_below(&random, 3) == 0)
				make_tcp(pkt, inside, port, REMOTE1, 80, ACK,
				    NULL, 0);
			else if (test_below(&random, 3) == 0)
				make_esp(pkt, inside, REMOTE1,
				    1000 + test_below(&random, 60), 1);
			else
				make_udp(
				    pkt, inside, port, REMOTE2, 53, "x", 1);
			memcpy(copies[i], pkt->data, pkt->length);
			packets[i] = (struct spinat_packet){.data = copies[i],
			    .length = pkt->length,
			    .side = SPINAT_INSIDE};
			nat_send(one, SPINAT_INSIDE, pkt);
		}
		spinat_translate(many->engine, many->now, packets, PACKETS);
		for (int i = 0; i < PACKETS; i++) {
			assert_int_equal(packets[i].verdict, pkts[i].verdict);
			assert_memory_equal(
			    copies[i], pkts[i].data, pkts[i].length);
		}
	}
	assert_int_equal(many->event_count, one->event_count);
	nat_stop(one);
	nat_stop(many);
}

/* Same input, same seed, same output; another seed, other ports. */
static void test_determinism(void **state)
{
	struct spinat_config config;
	struct nat *nats[3];
	unsigned equal = 0;
	(void)state;

	nat_config(&config);
	nats[0] = nat_start(&config);
	nats[1] = nat_start(&config);
	config.seed[16]++;
	nats[2] = nat_start(&config);
	for (uint16_t port = 4000; port < 4100; port++) {
		const uint16_t chosen =
		    udp_out(nats[0], INSIDE1, port, REMOTE1, 53);
		assert_int_equal(
		    udp_out(nats[1], INSIDE1, port, REMOTE1, 53), chosen);
		equal += udp_out(nats[2], INSIDE1, port, REMOTE1, 53) == chosen;
	}
	assert_true(equal < 5);
	for (int i = 0; i < 3; i++)
		nat_stop(nats[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_udp_both_ways),
	    cmocka_unit_test(test_mapping_is_endpoint_independent),
	    cmocka_unit_test(test_udp_without_checksum),
	    cmocka_unit_test(test_udp_checksum_never_becomes_zero),
	    cmocka_unit_test(test_tcp_both_ways),
	    cmocka_unit_test(test_partial_checksums_stay_partial),
	    cmocka_unit_test(test_echo),
	    cmocka_unit_test(test_other_protocols),
	    cmocka_unit_test(test_filtering),
	    cmocka_unit_test(test_endpoint_independent_filtering),
	    cmocka_unit_test(test_deny_incoming),
	    cmocka_unit_test(test_same_ports),
	    cmocka_unit_test(test_whose_packets),
	    cmocka_unit_test(test_hairpin_udp),
	    cmocka_unit_test(test_hairpin_tcp),
	    cmocka_unit_test(test_ping_of_the_public_address),
	    cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_padding),
	    cmocka_unit_test(test_ip_options),
	    cmocka_unit_test(test_burst_equals_single),
	    cmocka_unit_test(test_determinism),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
