/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Public addresses that come and go: what goes through one that went away ends,
 * and nothing leaves by it any more.
 */
#include "nat_fixture.h"

#define OTHER IP(203, 0, 113, 77)

static void change(struct nat *nat, uint32_t first, uint32_t second)
{
	const unsigned count = second != 0 ? 2 : 1;

	nat->config.public_addresses[0] = wire32(first);
	nat->config.public_addresses[1] = wire32(second);
	nat->config.public_count = count;
	assert_int_equal(spinat_set_public(nat->engine, nat->now,
			     nat->config.public_addresses, count),
	    0);
}

static struct nat *start_with_two(void)
{
	struct spinat_config config;

	nat_config(&config);
	config.public_addresses[1] = wire32(PUBLIC2);
	config.public_count = 2;
	return nat_start(&config);
}

static uint32_t udp_out(struct nat *nat, uint32_t inside, uint16_t *port)
{
	struct pkt pkt;

	make_udp(&pkt, inside, 4000, REMOTE1, 53, "x", 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	*port = source_port(&pkt);
	return source_of(&pkt);
}

static void test_flows_of_the_old_one_end(void **state)
{
	struct nat *nat = nat_start_default();
	const struct ike ike = {
	    .initiator = 7, .version = 2, .exchange = 34, .flags = 8};
	struct pkt pkt;
	uint16_t port;
	(void)state;

	udp_out(nat, INSIDE1, &port);
	make_esp(&pkt, INSIDE1, REMOTE1, 0x1000, 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	make_ike(&pkt, INSIDE1, REMOTE1, &ike);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	nat_forget(nat);
	change(nat, OTHER, 0);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_EXPIRED), 3);
	for (unsigned i = 0; i < nat->event_count; i++)
		assert_int_equal(nat->events[i].reason, SPINAT_REASON_REMOVED);
	assert_int_equal(nat_stats(nat).flows, 0);
	assert_int_equal(nat_stats(nat).ike, 0);
	assert_int_equal(nat_stats(nat).peers, 0);
	assert_int_equal(nat_stats(nat).mappings, 0);
	assert_int_equal(udp_out(nat, INSIDE1, &port), OTHER);
	make_udp(&pkt, REMOTE1, 53, PUBLIC, port, "x", 1);
	nat_expect(
	    nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_NOT_FOR_US);
	make_udp(&pkt, REMOTE1, 53, OTHER, port, "x", 1);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	nat_stop(nat);
}

static void test_the_same_keeps_all(void **state)
{
	struct nat *nat = nat_start_default();
	uint16_t port, again;
	(void)state;

	udp_out(nat, INSIDE1, &port);
	change(nat, PUBLIC, 0);
	udp_out(nat, INSIDE1, &again);
	assert_int_equal(port, again);
	assert_int_equal(nat_stats(nat).flows, 1);
	nat_stop(nat);
}

static void test_impossible(void **state)
{
	struct nat *nat = start_with_two();
	const spinat_be32 twice[] = {wire32(OTHER), wire32(OTHER)};
	const spinat_be32 none[] = {wire32(OTHER), wire32(0)};
	const spinat_be32 three[] = {wire32(1), wire32(2), wire32(3)};
	uint16_t port;
	(void)state;

	udp_out(nat, INSIDE1, &port);
	assert_int_equal(
	    spinat_set_public(nat->engine, nat->now, twice, 0), -22);
	assert_int_equal(
	    spinat_set_public(nat->engine, nat->now, three, 3), -22);
	assert_int_equal(
	    spinat_set_public(nat->engine, nat->now, twice, 2), -22);
	assert_int_equal(
	    spinat_set_public(nat->engine, nat->now, none, 2), -22);
	assert_int_equal(nat_stats(nat).flows, 1);
	nat_stop(nat);
}

/* A host keeps its address while that stays (RFC 4787 REQ-2), whatever becomes
 * of the others. */
static void test_hosts_keep_their_address(void **state)
{
	struct spinat_config config;
	const spinat_be32 all[] = {
	    wire32(PUBLIC), wire32(PUBLIC2), wire32(OTHER)};
	uint32_t before[9], after;
	struct nat *nat;
	uint16_t port;
	(void)state;

	nat_config(&config);
	memcpy(config.public_addresses, all, sizeof all);
	config.public_count = 3;
	nat = nat_start(&config);
	for (uint32_t i = 0; i < 9; i++)
		before[i] = udp_out(nat, INSIDE1 + i, &port);
	assert_int_not_equal(before[0], before[1]);
	assert_int_not_equal(before[1], before[2]);
	assert_int_equal(before[0], before[3]);
	change(nat, PUBLIC, PUBLIC2);
	nat_wait(nat, 400);
	for (uint32_t i = 0; i < 9; i++) {
		after = udp_out(nat, INSIDE1 + i, &port);
		assert_true(before[i] == OTHER || before[i] == after);
	}
	nat_stop(nat);
}

/* A static rule goes with the place of its address. */
static void test_rules_follow(void **state)
{
	struct nat *nat = start_with_two();
	struct spinat_redirect rule = {
	    .kind = SPINAT_REDIRECT_PORT,
	    .protocol = PROTO_TCP,
	    .inside = wire32(INSIDE1),
	    .inside_port = 80,
	    .public_port = 8080,
	    .port_count = 1,
	};
	struct pkt pkt;
	(void)state;

	assert_int_equal(spinat_add_redirect(nat->engine, &rule), 0);
	rule.public_address = wire32(PUBLIC2);
	rule.inside = wire32(INSIDE2);
	assert_int_equal(spinat_add_redirect(nat->engine, &rule), 0);
	change(nat, PUBLIC, OTHER);
	make_tcp(&pkt, REMOTE1, 99, OTHER, 8080, SYN, NULL, 0);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), INSIDE2);
	make_tcp(&pkt, REMOTE1, 99, PUBLIC2, 8080, SYN, NULL, 0);
	nat_expect(
	    nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_NOT_FOR_US);
	make_tcp(&pkt, INSIDE2, 80, REMOTE1, 99, ACK, NULL, 0);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), OTHER);
	make_tcp(&pkt, REMOTE1, 99, PUBLIC, 8080, SYN, NULL, 0);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), INSIDE1);
	nat_stop(nat);
}

/* The two addresses change places: the rules stay with the places. */
static void test_rules_of_a_swap(void **state)
{
	struct nat *nat = start_with_two();
	struct spinat_redirect rule = {
	    .kind = SPINAT_REDIRECT_PROTO,
	    .protocol = PROTO_GRE,
	    .inside = wire32(INSIDE1),
	};
	struct pkt pkt;
	(void)state;

	assert_int_equal(spinat_add_redirect(nat->engine, &rule), 0);
	rule.public_address = wire32(PUBLIC2);
	rule.inside = wire32(INSIDE2);
	assert_int_equal(spinat_add_redirect(nat->engine, &rule), 0);
	change(nat, PUBLIC2, PUBLIC);
	make_ip(&pkt, PROTO_GRE, REMOTE1, PUBLIC, NULL, 0);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), INSIDE2);
	make_ip(&pkt, PROTO_GRE, REMOTE1, PUBLIC2, NULL, 0);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), INSIDE1);
	nat_stop(nat);
}

/* Later fragments of a datagram whose first left by the old address. */
static void test_fragments_of_the_old_one(void **state)
{
	struct nat *nat = nat_start_default();
	uint8_t payload[64] = {0};
	struct pkt whole, fragments[8], late;
	size_t count;
	(void)state;

	make_udp(&whole, INSIDE1, 4000, REMOTE1, 53, payload, sizeof payload);
	count = make_fragments(&whole, 24, fragments, COUNT_OF(fragments));
	assert_int_equal(count, 3);
	late = fragments[2];
	nat_cross(nat, SPINAT_INSIDE, &fragments[0]);
	nat_cross(nat, SPINAT_INSIDE, &fragments[1]);
	change(nat, OTHER, 0);
	nat_expect(
	    nat, SPINAT_INSIDE, &fragments[2], SPINAT_HELD, SPINAT_REASON_NONE);
	nat_wait(nat, 11);
	assert_int_equal(nat_stats(nat).fragments_held, 0);
	/* One that waits while it happens is dropped, and not sent. */
	nat_expect(nat, SPINAT_INSIDE, &late, SPINAT_HELD, SPINAT_REASON_NONE);
	nat->dropped_later = 0;
	change(nat, PUBLIC, 0);
	assert_int_equal(nat_stats(nat).fragments_held, 0);
	assert_int_equal(nat->emitted, 0);
	nat_stop(nat);
}

/* Within a hairpin to an address that is ours no more. */
static void test_hairpin_to_the_old_one(void **state)
{
	struct nat *nat = start_with_two();
	const uint32_t server = INSIDE1, client = INSIDE2;
	uint32_t servers_public;
	struct pkt pkt;
	uint16_t port;
	(void)state;

	servers_public = udp_out(nat, server, &port);
	make_udp(&pkt, client, 6000, servers_public, port, "x", 1);
	nat_send(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(pkt.verdict, SPINAT_TRANSLATED);
	assert_int_equal(pkt.to, SPINAT_INSIDE);
	assert_int_not_equal(source_of(&pkt), servers_public);
	if (servers_public == PUBLIC)
		change(nat, OTHER, PUBLIC2);
	else
		change(nat, PUBLIC, OTHER);
	assert_int_equal(nat_stats(nat).flows, 0);
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_flows_of_the_old_one_end),
	    cmocka_unit_test(test_the_same_keeps_all),
	    cmocka_unit_test(test_impossible),
	    cmocka_unit_test(test_hosts_keep_their_address),
	    cmocka_unit_test(test_rules_follow),
	    cmocka_unit_test(test_rules_of_a_swap),
	    cmocka_unit_test(test_fragments_of_the_old_one),
	    cmocka_unit_test(test_hairpin_to_the_old_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
