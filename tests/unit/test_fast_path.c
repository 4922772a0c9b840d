/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an engine offers to a fast path beside it, through the public header:
 * tables in memory of their own, flows that are open or closed to it, records
 * that rest after their end.
 */
#include "clients_fixture.h"

enum { CLOSED = 0, FROM_INSIDE = 1, FROM_OUTSIDE = 2, BOTH = 3 };

static unsigned gate_of(const struct spinat_flow_info *info)
{
	return (unsigned)info->open[SPINAT_INSIDE] * FROM_INSIDE |
	    (unsigned)info->open[SPINAT_OUTSIDE] * FROM_OUTSIDE;
}

static void assert_gate(const struct nat *nat, unsigned gate)
{
	const struct spinat_flow_info info = nat_only_flow(nat);

	assert_int_equal(gate_of(&info), gate);
}

static void udp(struct nat *nat, enum spinat_side side, uint16_t port)
{
	struct pkt pkt;

	if (side == SPINAT_INSIDE)
		make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, "q", 1);
	else
		make_udp(&pkt, REMOTE1, 53, PUBLIC, port, "a", 1);
	nat_cross(nat, side, &pkt);
}

static uint16_t tcp(
    struct nat *nat, enum spinat_side side, uint16_t port, uint8_t flags)
{
	struct pkt pkt;

	if (side == SPINAT_INSIDE)
		make_tcp(&pkt, INSIDE1, 4000, REMOTE1, 80, flags, "", 0);
	else
		make_tcp(&pkt, REMOTE1, 80, PUBLIC, port, flags, "", 0);
	nat_cross(nat, side, &pkt);
	return source_port(&pkt);
}

/* Until somebody has answered, an answer changes the state. */
static void test_udp(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	udp(nat, SPINAT_INSIDE, 0);
	assert_gate(nat, FROM_INSIDE);
	udp(nat, SPINAT_OUTSIDE,
	    be16toh(nat_only_flow(nat).public_end.port.raw));
	assert_gate(nat, BOTH);
	nat_stop(nat);
}

static void test_tcp(void **state)
{
	static const struct {
		enum spinat_side side;
		uint8_t flags;
		unsigned gate;
	} steps[] = {
	    {SPINAT_INSIDE, SYN, CLOSED}, {SPINAT_OUTSIDE, SYN | ACK, CLOSED},
	    {SPINAT_INSIDE, ACK, BOTH}, {SPINAT_OUTSIDE, ACK, BOTH},
	    {SPINAT_OUTSIDE, RST,
		CLOSED}, /* data restores it: has to be seen */
	    {SPINAT_INSIDE, ACK, BOTH},
	    {SPINAT_INSIDE, FIN | ACK, BOTH}, /* the other half goes on */
	    {SPINAT_OUTSIDE, ACK, BOTH}, {SPINAT_OUTSIDE, FIN | ACK, BOTH},
	    {SPINAT_INSIDE, SYN, CLOSED}, /* anew */
	};
	struct nat *nat = nat_start_default();
	uint16_t port = 0;
	(void)state;

	for (unsigned i = 0; i < COUNT_OF(steps); i++) {
		const uint16_t seen =
		    tcp(nat, steps[i].side, port, steps[i].flags);
		if (i == 0)
			port = seen;
		assert_gate(nat, steps[i].gate);
	}
	nat_stop(nat);
}

/* A hairpin takes two looks. */
static void test_hairpin_is_closed(void **state)
{
	struct nat *nat = nat_start_default();
	uint32_t cursor = 0;
	struct spinat_flow_info info;
	unsigned hairpins = 0;
	struct pkt pkt;
	(void)state;

	udp(nat, SPINAT_INSIDE, 0);
	make_udp(&pkt, INSIDE2, 5000, PUBLIC,
	    be16toh(nat_only_flow(nat).public_end.port.raw), "h", 1);
	assert_int_equal(nat_send(nat, SPINAT_INSIDE, &pkt), SPINAT_TRANSLATED);
	while (nat_next_flow(nat, &cursor, &info))
		if (info.hairpin) {
			hairpins++;
			assert_int_equal(gate_of(&info), CLOSED);
		}
	assert_int_equal(hairpins, 1);
	nat_stop(nat);
}

static struct spinat_flow_info out_of(const struct nat *nat, uint32_t inside)
{
	struct spinat_flow_info info, found = {0};
	uint32_t cursor = 0;

	while (nat_next_flow(nat, &cursor, &info))
		if (info.kind == SPINAT_FLOW_ESP_OUT &&
		    host32(info.inside.address) == inside)
			found = info;
	return found;
}

static unsigned gate_out(const struct nat *nat, uint32_t inside)
{
	const struct spinat_flow_info info = out_of(nat, inside);

	return gate_of(&info);
}

static unsigned gate_in(const struct nat *nat, uint32_t spi)
{
	const struct spinat_flow_info info = flow_of(nat, spi);

	return gate_of(&info);
}

/* While an SPI is in question, all that its candidates send is evidence. */
static void test_esp_is_watched(void **state)
{
	struct nat *nat = start(2);
	uint32_t sequence = 0;
	(void)state;

	assert_int_equal(gate_in(nat, 0x1001), FROM_OUTSIDE);
	assert_int_equal(gate_out(nat, A), FROM_INSIDE);
	assert_int_equal(gate_out(nat, B), FROM_INSIDE);
	exchange(nat, B, CHILD, 2);
	esp_in(nat, 0x2000, ++sequence);
	assert_int_equal(gate_in(nat, 0x2000), CLOSED);
	assert_int_equal(gate_in(nat, 0x1001), FROM_OUTSIDE);
	assert_int_equal(gate_out(nat, A), CLOSED);
	assert_int_equal(gate_out(nat, B), CLOSED);
	/* One that begins meanwhile too. */
	esp_out(nat, A, 0x7777, 1);
	assert_int_equal(gate_out(nat, A), CLOSED);
	converse(nat, B, 0x2000, &sequence);
	assert_state(nat, 0x2000, "confirmed", B);
	assert_int_equal(gate_in(nat, 0x2000), FROM_OUTSIDE);
	assert_int_equal(gate_out(nat, A), FROM_INSIDE);
	assert_int_equal(gate_out(nat, B), FROM_INSIDE);
	nat_stop(nat);
}

static void test_shared_spi_is_closed(void **state)
{
	struct nat *nat = start(2);
	struct sequences sequences;
	(void)state;

	share(nat, &sequences);
	assert_int_equal(gate_in(nat, 0x1001), CLOSED);
	assert_int_equal(gate_in(nat, 0x1002), FROM_OUTSIDE);
	nat_stop(nat);
}

/* A new SA's outbound SPI is watched until its inbound one is known. */
static void test_awaiting_is_closed(void **state)
{
	struct nat *nat = start(2);
	uint32_t sequence = 0;
	(void)state;

	exchange(nat, A, CHILD, 2);
	esp_out(nat, A, 0x7777, 1);
	assert_int_equal(gate_out(nat, A), CLOSED);
	assert_int_equal(gate_out(nat, B), FROM_INSIDE);
	converse(nat, A, 0x2000, &sequence);
	assert_int_equal(gate_out(nat, A), FROM_INSIDE);
	nat_stop(nat);
}

/* -------------------------------------------------------------- memory */

static void test_regions(void **state)
{
	struct spinat_config config;
	struct spinat_memory memory = {0};
	struct spinat_layout layout;
	size_t size[SPINAT_REGIONS], sum = 0;
	struct spinat *engine;
	struct nat *nat;
	(void)state;

	nat_config(&config);
	assert_int_equal(spinat_region_sizes(&config, size), 0);
	for (int region = 0; region < SPINAT_REGIONS; region++)
		sum += size[region];
	assert_int_equal(sum, spinat_memory_size(&config));
	/* Records and counters by number, from 0. */
	assert_int_equal(size[SPINAT_REGION_FLOWS], 1001 * 64);
	assert_true(size[SPINAT_REGION_COUNTERS_INSIDE] >= 1001 * 16);
	nat = nat_start_shared(&config);
	spinat_get_layout(nat->engine, &layout);
	assert_int_equal(layout.max_flows, 1000);
	assert_int_equal(
	    layout.index.buckets * 64ul, size[SPINAT_REGION_INDEX]);
	assert_int_equal(layout.spis.buckets * 64ul, size[SPINAT_REGION_SPIS]);
	assert_true(layout.index.number_mask >= layout.max_flows);
	/* None may be missing, too small or askew. */
	for (int region = 0; region < SPINAT_REGIONS; region++) {
		memory = nat->shared;
		memory.base[region] = NULL;
		assert_int_equal(
		    spinat_create_shared(&engine, &config, &memory, 0), -22);
		memory.base[region] = (char *)nat->shared.base[region] + 8;
		assert_int_equal(
		    spinat_create_shared(&engine, &config, &memory, 0), -22);
		memory = nat->shared;
		memory.size[region]--;
		assert_int_equal(
		    spinat_create_shared(&engine, &config, &memory, 0), -12);
	}
	config.max_flows = 0;
	assert_int_equal(spinat_region_sizes(&config, size), -22);
	nat_stop(nat);
}

static unsigned open_all(struct nat *nat, unsigned first, unsigned count)
{
	unsigned opened = 0;

	for (unsigned i = 0; i < count; i++) {
		struct pkt pkt;

		make_udp(
		    &pkt, INSIDE1, (uint16_t)(first + i), REMOTE1, 53, "", 0);
		opened +=
		    nat_send(nat, SPINAT_INSIDE, &pkt) == SPINAT_TRANSLATED;
	}
	return opened;
}

/* What a fast path may still be looking at is not used again. */
static void test_ended_rest(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	(void)state;

	nat_config(&config);
	config.max_flows = config.max_spis = 64;
	nat = nat_start_shared(&config);
	assert_false(spinat_grace_begin(nat->engine));
	assert_int_equal(open_all(nat, 1000, 70), 64);
	nat_wait(nat, 1000);
	assert_int_equal(nat_stats(nat).flows, 0);
	assert_int_equal(open_all(nat, 2000, 70), 0);
	assert_true(spinat_grace_begin(nat->engine));
	assert_int_equal(open_all(nat, 2000, 70), 0);
	assert_false(spinat_grace_begin(nat->engine)); /* one at a time */
	spinat_grace_end(nat->engine);
	assert_int_equal(open_all(nat, 2000, 70), 64);
	assert_false(spinat_grace_begin(nat->engine));
	spinat_grace_end(nat->engine); /* nothing */
	assert_int_equal(nat_stats(nat).flows, 64);
	nat_stop(nat);
}

/* What ends during a grace period waits for the next one. */
static void test_grace_periods_follow(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	(void)state;

	nat_config(&config);
	config.max_flows = config.max_spis = 64;
	nat = nat_start_shared(&config);
	assert_int_equal(open_all(nat, 1000, 32), 32);
	nat_wait(nat, 200);
	assert_int_equal(open_all(nat, 2000, 32), 32);
	nat_wait(nat, 200); /* the first half ends */
	assert_true(spinat_grace_begin(nat->engine));
	nat_wait(nat, 300); /* the second */
	assert_false(spinat_grace_begin(nat->engine));
	spinat_grace_end(nat->engine);
	assert_int_equal(open_all(nat, 3000, 64), 32);
	assert_true(spinat_grace_begin(nat->engine));
	spinat_grace_end(nat->engine);
	assert_int_equal(open_all(nat, 4000, 64), 32);
	nat_stop(nat);
}

/* A fast path stamps by its own look at the clock, which may be later than the
 * engine's last one: the flow was seen just now, not 26 days ago. */
static void test_a_stamp_ahead_is_now(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	uint64_t *counter;
	(void)state;

	nat_config(&config);
	nat = nat_start_shared(&config);
	udp(nat, SPINAT_INSIDE, 0);
	/* {passed and bytes, packets and stamp}, 16 bytes a flow */
	counter = (uint64_t *)nat->shared.base[SPINAT_REGION_COUNTERS_INSIDE] +
	    2 * nat_only_flow(nat).id;
	for (unsigned i = 0; i < 40; i++) {
		counter[1] = (counter[1] & ~UINT64_C(0xffffff)) |
		    ((((uint64_t)nat->now >> 27) + 900) & 0xffffff);
		assert_true(
		    nat_only_flow(nat).last_seen[SPINAT_INSIDE] <= nat->now);
		nat_wait(nat, 100);
	}
	assert_int_equal(nat_stats(nat).flows, 1);
	nat_wait(nat, 1000);
	assert_int_equal(nat_stats(nat).flows, 0);
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_udp),
	    cmocka_unit_test(test_tcp),
	    cmocka_unit_test(test_hairpin_is_closed),
	    cmocka_unit_test(test_esp_is_watched),
	    cmocka_unit_test(test_shared_spi_is_closed),
	    cmocka_unit_test(test_awaiting_is_closed),
	    cmocka_unit_test(test_regions),
	    cmocka_unit_test(test_a_stamp_ahead_is_now),
	    cmocka_unit_test(test_ended_rest),
	    cmocka_unit_test(test_grace_periods_follow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
