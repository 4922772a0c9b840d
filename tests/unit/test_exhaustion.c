/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When something runs out: the packet is dropped and counted, what is there
 * goes on, and nothing ever leaves untranslated (nat_send() looks).
 */
#include "nat_fixture.h"

static void refused(struct nat *nat, enum spinat_side side, struct pkt *pkt,
    enum spinat_reason reason)
{
	const uint64_t before = nat_stats(nat).reasons[reason];

	nat_forget(nat);
	nat_expect(nat, side, pkt, SPINAT_DROPPED, reason);
	assert_true(nat_stats(nat).reasons[reason] == before + 1);
	assert_int_equal(nat->event_count, 1);
	assert_int_equal(nat->events[0].kind, SPINAT_EVENT_REFUSED);
	assert_int_equal(nat->events[0].reason, reason);
}

static void make_nth(struct pkt *pkt, uint32_t n)
{
	make_udp(pkt, INSIDE1 + n / 100, (uint16_t)(1000 + n % 100), REMOTE1,
	    53, "x", 1);
}

static void test_flows(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	struct pkt pkt;
	(void)state;

	nat_config(&config);
	config.max_flows = 50;
	config.same_ports = true;
	nat = nat_start(&config);
	for (uint32_t n = 0; n < 50; n++) {
		make_nth(&pkt, n);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
	}
	make_udp(&pkt, INSIDE1, PORT_LOW, REMOTE1, 53, "x", 1);
	refused(nat, SPINAT_INSIDE, &pkt, SPINAT_REASON_NO_FLOWS);
	make_esp(&pkt, INSIDE1, REMOTE1, 0x1000, 1);
	refused(nat, SPINAT_INSIDE, &pkt, SPINAT_REASON_NO_FLOWS);
	assert_int_equal(nat_stats(nat).peers, 0);
	assert_int_equal(nat_stats(nat).mappings, 50);
	make_nth(&pkt, 7);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	/* It heals: neither flows nor ports nor mappings were lost. */
	nat_wait(nat, 301);
	nat_forget(nat);
	assert_int_equal(nat_stats(nat).mappings, 0);
	make_udp(&pkt, INSIDE2, PORT_LOW, REMOTE1, 53, "x", 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_port(&pkt), PORT_LOW);
	for (uint32_t n = 100; n < 149; n++) {
		make_nth(&pkt, n);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
	}
	nat_stop(nat);
}

static void test_ports(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	struct pkt pkt;
	bool taken[65536] = {false};
	(void)state;

	nat_config(&config);
	config.port_high = config.port_low + 99;
	nat = nat_start(&config);
	for (int round = 0; round < 3; round++) {
		memset(taken, 0, sizeof taken);
		for (uint32_t n = 0; n < 100; n++) {
			make_nth(&pkt, n);
			nat_cross(nat, SPINAT_INSIDE, &pkt);
			assert_in_range(source_port(&pkt), config.port_low,
			    config.port_high);
			assert_false(taken[source_port(&pkt)]);
			taken[source_port(&pkt)] = true;
		}
		make_nth(&pkt, 100);
		refused(nat, SPINAT_INSIDE, &pkt, SPINAT_REASON_NO_PORTS);
		/* A mapping that is there serves any remote. */
		make_udp(&pkt, INSIDE1, 1000, REMOTE2, 53, "x", 1);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
		/* TCP has its own. */
		make_tcp(&pkt, INSIDE1, 1000, REMOTE1, 53, RST, NULL, 0);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
		nat_wait(nat, 301);
		nat_forget(nat);
		assert_int_equal(nat_stats(nat).flows, 0);
	}
	nat_stop(nat);
}

static void test_spis(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	struct pkt pkt;
	uint32_t bound = 0;
	(void)state;

	nat_config(&config);
	config.max_spis = 20;
	nat = nat_start(&config);
	for (uint32_t n = 0; n < 90; n++) {
		make_esp(&pkt, INSIDE1 + n, REMOTE1 + n, 0x1000, 1);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
		nat_forget(nat);
	}
	for (uint32_t n = 0; n < 90; n++) {
		make_esp(&pkt, REMOTE1 + n, PUBLIC, 0x2000, 1);
		nat_send(nat, SPINAT_OUTSIDE, &pkt);
		if (pkt.verdict == SPINAT_TRANSLATED)
			bound++;
		else
			assert_int_equal(pkt.reason, SPINAT_REASON_NO_FLOWS);
		nat_forget(nat);
	}
	/* The index holds what was asked for, and its rounding up. */
	assert_in_range(bound, 20, 64);
	nat_stop(nat);
}

static void test_peers_and_ike(void **state)
{
	struct spinat_config config;
	struct ike ike = {
	    .initiator = 7, .version = 2, .exchange = 34, .flags = 8};
	struct nat *nat;
	struct pkt pkt;
	(void)state;

	nat_config(&config);
	config.max_peers = 10;
	config.max_ike = 5;
	nat = nat_start(&config);
	for (uint32_t n = 0; n < 5; n++) {
		ike.initiator = 100 + n;
		make_ike(&pkt, INSIDE1 + n, REMOTE1, &ike);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
	}
	make_ike(&pkt, INSIDE1 + 5, REMOTE1, &ike);
	refused(nat, SPINAT_INSIDE, &pkt, SPINAT_REASON_NO_IPSEC);
	/* No association is left of what was refused. */
	assert_int_equal(nat_stats(nat).peers, 5);
	for (uint32_t n = 5; n < 10; n++) {
		make_esp(&pkt, INSIDE1 + n, REMOTE1, 0x1000 + n, 1);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
	}
	make_esp(&pkt, INSIDE1 + 10, REMOTE1, 0x1010, 1);
	refused(nat, SPINAT_INSIDE, &pkt, SPINAT_REASON_NO_IPSEC);
	make_ike(&pkt, INSIDE1 + 11, REMOTE1, &ike);
	refused(nat, SPINAT_INSIDE, &pkt, SPINAT_REASON_NO_IPSEC);
	/* What is there goes on, and afterwards there is room again. */
	make_esp(&pkt, INSIDE1 + 5, REMOTE1, 0x1005, 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	nat_wait(nat, 121);
	nat_forget(nat);
	assert_int_equal(nat_stats(nat).peers, 0);
	make_esp(&pkt, INSIDE1 + 10, REMOTE1, 0x1010, 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	nat_stop(nat);
}

static uint64_t cookie_of(uint32_t inside, uint32_t number)
{
	return ((uint64_t)inside << 32) + 2 * number;
}

static void ike_from(struct nat *nat, uint32_t inside, uint32_t remote,
    uint64_t initiator, uint8_t exchange)
{
	const struct ike ike = {.initiator = initiator,
	    .responder = exchange == 34 ? 0 : initiator + 1,
	    .version = 2,
	    .exchange = exchange,
	    .flags = 8,
	    .next_payload = exchange == 34 ? 33 : 46};
	struct pkt pkt;

	make_ike(&pkt, inside, remote, &ike);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
}

/* The remote's answer; whether it comes through. */
static bool ike_answer(struct nat *nat, uint32_t inside, uint32_t remote,
    uint64_t initiator, uint8_t exchange)
{
	const struct ike ike = {.initiator = initiator,
	    .responder = initiator + 1,
	    .version = 2,
	    .exchange = exchange,
	    .flags = 32,
	    .next_payload = exchange == 34 ? 33 : 46};
	struct pkt pkt;

	make_ike(&pkt, remote, PUBLIC, &ike);
	return nat_send(nat, SPINAT_OUTSIDE, &pkt) == SPINAT_TRANSLATED &&
	    destination_of(&pkt) == inside;
}

/* IKE SAs of a host that are (not) established. */
static unsigned ikes_of(
    const struct nat *nat, uint32_t inside, bool established)
{
	struct spinat_ike_info info;
	enum spinat_walk walk;
	uint32_t cursor = 0;
	unsigned count = 0;

	while ((walk = spinat_next_ike(nat->engine, &cursor, &info)) !=
	    SPINAT_WALK_END)
		count += walk == SPINAT_WALK_FOUND &&
		    host32(info.inside) == inside &&
		    (strcmp(info.state, "established") == 0) == established;
	return count;
}

/* One host asks ten thousand remotes for an IKE SA. */
static void test_half_open_of_a_host(void **state)
{
	enum { MOST = 256, OWN = 3, FLOOD = 10000 };
	const uint32_t remote = IP(198, 18, 0, 0);
	struct spinat_config config;
	struct nat *nat;
	(void)state;

	nat_config(&config);
	assert_int_equal(config.max_half_open, MOST);
	config.max_ike = config.max_peers = 400;
	config.events = 0;
	nat = nat_start(&config);
	/* The neighbour's: established, answered, unanswered; and the host's.
	 */
	for (uint32_t n = 0; n < OWN; n++) {
		for (uint32_t inside = INSIDE1; inside <= INSIDE2; inside++) {
			const uint64_t cookie = cookie_of(inside, n);

			ike_from(nat, inside, REMOTE1 + n, cookie, 34);
			assert_true(n == 2 ||
			    ike_answer(nat, inside, REMOTE1 + n, cookie, 34));
			if (n != 0)
				continue;
			ike_from(nat, inside, REMOTE1, cookie, 35);
			assert_true(
			    ike_answer(nat, inside, REMOTE1, cookie, 35));
		}
	}
	for (uint32_t n = 0; n < FLOOD; n++) {
		ike_from(nat, INSIDE1, remote + n, 1 + n, 34);
		assert_in_range(ikes_of(nat, INSIDE1, false), 1, MOST);
	}
	assert_int_equal(ikes_of(nat, INSIDE1, false), MOST);
	assert_int_equal(nat_stats(nat).peers, MOST + 1 + OWN);
	assert_int_equal(
	    nat_stats(nat).reasons[SPINAT_REASON_EVICTED], FLOOD + 2 - MOST);
	/* Its own: what is established, and what was answered, is there. */
	assert_int_equal(ikes_of(nat, INSIDE1, true), 1);
	assert_true(
	    ike_answer(nat, INSIDE1, REMOTE1 + 1, cookie_of(INSIDE1, 1), 34));
	assert_false(
	    ike_answer(nat, INSIDE1, REMOTE1 + 2, cookie_of(INSIDE1, 2), 34));
	/* Of the neighbour's nothing is missing. */
	assert_int_equal(ikes_of(nat, INSIDE2, true), 1);
	assert_int_equal(ikes_of(nat, INSIDE2, false), 2);
	for (uint32_t n = 1; n < OWN; n++)
		assert_true(ike_answer(
		    nat, INSIDE2, REMOTE1 + n, cookie_of(INSIDE2, n), 34));
	/* The youngest are served. */
	for (uint32_t n = FLOOD - MOST + 1; n < FLOOD; n++)
		assert_true(ike_answer(nat, INSIDE1, remote + n, 1 + n, 34));
	nat_stop(nat);
}

/* What was answered, and even protected by one side, gives way when nothing
 * else can; one at a time in the same association, too. */
static void test_half_open_answered(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	(void)state;

	nat_config(&config);
	config.max_half_open = 1;
	nat = nat_start(&config);
	for (uint64_t cookie = 10; cookie < 100; cookie += 10) {
		ike_from(nat, INSIDE1, REMOTE1, cookie, 34);
		assert_true(ike_answer(nat, INSIDE1, REMOTE1, cookie, 34));
		ike_from(nat, INSIDE1, REMOTE1, cookie, 35);
		assert_int_equal(nat_stats(nat).ike, 1);
		assert_int_equal(nat_stats(nat).peers, 1);
	}
	/* Established ones are not counted. */
	assert_true(ike_answer(nat, INSIDE1, REMOTE1, 90, 35));
	ike_from(nat, INSIDE1, REMOTE1, 100, 34);
	ike_from(nat, INSIDE1, REMOTE1, 110, 34);
	assert_int_equal(ikes_of(nat, INSIDE1, true), 1);
	assert_int_equal(ikes_of(nat, INSIDE1, false), 1);
	nat_stop(nat);
}

/* What a remote begins takes no place of the host's, and gives none. */
static void test_half_open_of_a_remote(void **state)
{
	struct ike ike = {
	    .version = 2, .exchange = 34, .flags = 8, .next_payload = 33};
	struct spinat_config config;
	struct nat *nat;
	struct pkt pkt;
	(void)state;

	nat_config(&config);
	config.max_half_open = 1;
	nat = nat_start(&config);
	ike_from(nat, INSIDE1, REMOTE1, 10, 34);
	assert_true(ike_answer(nat, INSIDE1, REMOTE1, 10, 34));
	ike_from(nat, INSIDE1, REMOTE1, 10, 35);
	assert_true(ike_answer(nat, INSIDE1, REMOTE1, 10, 35));
	for (ike.initiator = 100; ike.initiator < 103; ike.initiator++) {
		make_ike(&pkt, REMOTE1, PUBLIC, &ike);
		assert_int_equal(nat_reach(nat, &pkt), HOST(INSIDE1));
	}
	ike_from(nat, INSIDE1, REMOTE1, 20, 34);
	assert_int_equal(nat_stats(nat).ike, 5);
	ike_from(nat, INSIDE1, REMOTE1, 30, 34);
	assert_int_equal(nat_stats(nat).ike, 5);
	nat_stop(nat);
}

/* A restart gives nobody more. */
static void test_half_open_restored(void **state)
{
	struct spinat_config config;
	struct spinat_memo memo = {
	    .kind = SPINAT_MEMO_IKE,
	    .state = SPINAT_MEMO_UNANSWERED,
	    .inside = wire32(INSIDE1),
	    .public_address = wire32(PUBLIC),
	    .remote = wire32(REMOTE1),
	    .idle = {0, SPINAT_NEVER},
	    .packets = {1, 0},
	    .version = 2,
	    .inside_initiated = true,
	    .public_port = wire16(500),
	};
	struct nat *nat;
	(void)state;

	nat_config(&config);
	config.max_half_open = 2;
	nat = nat_start(&config);
	for (uint8_t n = 1; n <= 3; n++) {
		memo.initiator_spi[0] = n;
		assert_int_equal(spinat_restore(nat->engine, nat->now, &memo),
		    n <= 2 ? 0 : -28);
	}
	ike_from(nat, INSIDE1, REMOTE1, 20, 34);
	assert_int_equal(nat_stats(nat).ike, 2);
	memo.inside_initiated = false;
	assert_int_equal(spinat_restore(nat->engine, nat->now, &memo), 0);
	nat_stop(nat);
}

static void test_redirects(void **state)
{
	struct spinat_config config;
	struct spinat_redirect rule = {
	    .kind = SPINAT_REDIRECT_PORT,
	    .protocol = PROTO_TCP,
	    .inside = wire32(INSIDE1),
	    .inside_port = 80,
	    .public_port = 8080,
	    .port_count = 1,
	};
	struct nat *nat;
	(void)state;

	nat_config(&config);
	config.max_redirects = 2;
	nat = nat_start(&config);
	assert_int_equal(spinat_add_redirect(nat->engine, &rule), 0);
	assert_int_equal(spinat_add_redirect(nat->engine, &rule), -17);
	rule.public_port = 0;
	assert_int_equal(spinat_add_redirect(nat->engine, &rule), -22);
	rule.public_port = 65535;
	rule.port_count = 2;
	assert_int_equal(spinat_add_redirect(nat->engine, &rule), -22);
	rule.port_count = 1;
	assert_int_equal(spinat_add_redirect(nat->engine, &rule), 0);
	rule.public_port = 9000;
	assert_int_equal(spinat_add_redirect(nat->engine, &rule), -28);
	nat_stop(nat);
}

static void test_memory_wanted(void **state)
{
	struct spinat_config config;
	struct spinat *engine;
	uint8_t *memory;
	size_t size;
	(void)state;

	nat_config(&config);
	size = spinat_memory_size(&config);
	memory = test_memory(size + 64);
	assert_int_equal(
	    spinat_create(&engine, &config, memory, size - 1, 0), -12);
	assert_int_equal(
	    spinat_create(&engine, &config, memory + 8, size, 0), -22);
	assert_int_equal(spinat_create(&engine, &config, NULL, size, 0), -22);
	assert_int_equal(
	    spinat_create(&engine, &config, memory, size, -1), -22);
	assert_int_equal(spinat_create(&engine, &config, memory, size, 0), 0);
	config.max_flows = 0;
	assert_true(spinat_memory_size(&config) == 0);
	free(memory);
	/* The promise: at most 128 bytes a session, all told. */
	spinat_config_init(&config);
	config.public_addresses[0] = wire32(PUBLIC);
	config.public_count = 1;
	config.max_flows = 1u << 20;
	assert_true(
	    spinat_memory_size(&config) <= ((size_t)128 << 20) + (16 << 20));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_flows),
	    cmocka_unit_test(test_ports),
	    cmocka_unit_test(test_spis),
	    cmocka_unit_test(test_peers_and_ike),
	    cmocka_unit_test(test_half_open_of_a_host),
	    cmocka_unit_test(test_half_open_answered),
	    cmocka_unit_test(test_half_open_of_a_remote),
	    cmocka_unit_test(test_half_open_restored),
	    cmocka_unit_test(test_redirects),
	    cmocka_unit_test(test_memory_wanted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
