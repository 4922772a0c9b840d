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
	    cmocka_unit_test(test_redirects),
	    cmocka_unit_test(test_memory_wanted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
