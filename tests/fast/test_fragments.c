/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams in fragments: all of one are taken, as the engine translates them,
 * or all are left.
 */
#include "fast_fixture.h"

#include <unistd.h>

#include "tests/unit/clients_fixture.h"

#define PARTS   3u
#define SIZE    600u /* of a part, but the last: that has one byte */
#define MOST    (2 * SIZE + 1)
#define LASTING 2200000u /* us; longer than a datagram is remembered */

static struct bed *start_bed(void)
{
	struct spinat_config config;

	nat_config(&config);
	config.max_fragments = 256;
	return fast_start(&config);
}

/* Of a flow that the rules have passed both ways. */
static uint16_t open_udp(struct bed *bed)
{
	enum answer answer;
	struct pkt pkt;
	uint16_t port;

	make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, "query", 5);
	assert_true(fast_cross(bed, SPINAT_INSIDE, &pkt, &answer));
	port = source_port(&pkt);
	make_udp(&pkt, REMOTE1, 53, PUBLIC, port, "answer", 6);
	assert_true(fast_cross(bed, SPINAT_OUTSIDE, &pkt, &answer));
	return port;
}

static void cut(struct pkt *whole, unsigned id, struct pkt parts[PARTS])
{
	put16(whole->data + 4, id);
	fix_sums(whole);
	assert_int_equal(make_fragments(whole, SIZE, parts, PARTS), PARTS);
}

static const char data[MOST] = "some bytes";

static void cut_udp(
    enum spinat_side side, uint16_t port, unsigned id, struct pkt parts[PARTS])
{
	struct pkt whole;

	if (side == SPINAT_INSIDE)
		make_udp(&whole, INSIDE1, 4000, REMOTE1, 53, data, MOST - 8);
	else
		make_udp(&whole, REMOTE1, 53, PUBLIC, port, data, MOST - 8);
	cut(&whole, id, parts);
}

static void assert_outcome(struct bed *bed, enum spinat_side side,
    struct pkt *pkt, enum fast_outcome outcome)
{
	const uint64_t before = fast_count_of(bed, side, outcome);
	const enum answer answer = fast_run(bed, side, pkt);

	assert_int_equal(answer, outcome == FAST_TAKEN ? TAKEN : LEFT);
	if (fast_count_of(bed, side, outcome) != before + 1)
		fail_msg("it was not \"%s\"", fast_outcome_name(outcome));
}

/* All are taken, with one id, and as the engine makes them but for that: it
 * draws the next one. */
static void assert_all_taken(
    struct bed *bed, enum spinat_side side, const struct pkt parts[PARTS])
{
	unsigned id = 0;

	for (unsigned i = 0; i < PARTS; i++) {
		struct pkt taken = parts[i], same = parts[i];

		assert_outcome(bed, side, &taken, FAST_TAKEN);
		nat_cross(bed->nat, side, &same);
		if (i == 0)
			id = get16(taken.data + 4);
		assert_int_equal(get16(taken.data + 4), id);
		if (side == SPINAT_INSIDE) {
			assert_int_equal(get16(same.data + 4), id + 1);
			put16(same.data + 4, id);
		}
		same.data[8]--;
		put16(same.data + 10, 0);
		put16(same.data + 10, plain_checksum(same.data, 20, 0));
		assert_memory_equal(taken.data, same.data, same.length);
	}
	assert_int_equal(
	    id == get16(parts[0].data + 4), side == SPINAT_OUTSIDE);
}

static void test_both_ways(void **state)
{
	struct bed *bed = start_bed();
	const uint16_t port = open_udp(bed);
	const uint64_t before = nat_only_flow(bed->nat).packets[SPINAT_INSIDE];
	struct pkt parts[PARTS];
	(void)state;

	for (unsigned id = 1; id < 50; id++) {
		cut_udp(SPINAT_INSIDE, port, id, parts);
		assert_all_taken(bed, SPINAT_INSIDE, parts);
		cut_udp(SPINAT_OUTSIDE, port, id, parts);
		assert_all_taken(bed, SPINAT_OUTSIDE, parts);
	}
	/* Each first one is counted, by the program and by the engine here. */
	assert_int_equal(
	    nat_only_flow(bed->nat).packets[SPINAT_INSIDE], before + 2 * 49);
	fast_stop(bed);
}

static void test_echo_and_esp(void **state)
{
	struct bed *bed = start_bed();
	struct pkt pkt, parts[PARTS];
	enum answer answer;
	(void)state;

	make_echo(&pkt, 8, INSIDE1, REMOTE1, 77, 1);
	assert_true(fast_cross(bed, SPINAT_INSIDE, &pkt, &answer));
	make_echo(&pkt, 8, INSIDE1, REMOTE1, 77, 2);
	memcpy(pkt.data + pkt.length, data, MOST - 8);
	pkt.length = 20 + MOST;
	put16(pkt.data + 2, pkt.length);
	cut(&pkt, 7, parts);
	assert_all_taken(bed, SPINAT_INSIDE, parts);

	bring_up(bed->nat, 1);
	make_esp(&pkt, INSIDE1, REMOTE1, ~0x1001u, 1000);
	assert_true(fast_cross(bed, SPINAT_INSIDE, &pkt, &answer));
	make_esp(&pkt, INSIDE1, REMOTE1, ~0x1001u, 1001);
	memcpy(pkt.data + 28, data, MOST - 8);
	pkt.length = 20 + MOST;
	put16(pkt.data + 2, pkt.length);
	cut(&pkt, 7, parts);
	assert_all_taken(bed, SPINAT_INSIDE, parts);
	fast_stop(bed);
}

/* What comes before the first is left, and so are the first and the rest. */
static void test_out_of_order(void **state)
{
	struct bed *bed = start_bed();
	const uint16_t port = open_udp(bed);
	struct pkt parts[PARTS];
	(void)state;

	cut_udp(SPINAT_OUTSIDE, port, 1, parts);
	assert_outcome(bed, SPINAT_OUTSIDE, &parts[2], FAST_FRAGMENT);
	assert_outcome(bed, SPINAT_OUTSIDE, &parts[0], FAST_FRAGMENT);
	assert_outcome(bed, SPINAT_OUTSIDE, &parts[1], FAST_FRAGMENT);
	cut_udp(SPINAT_OUTSIDE, port, 2, parts);
	assert_all_taken(bed, SPINAT_OUTSIDE, parts);
	fast_stop(bed);
}

/* Each of the four that tell datagrams apart. */
static void test_others(void **state)
{
	struct bed *bed = start_bed();
	const uint16_t port = open_udp(bed);
	struct pkt parts[PARTS], other[PARTS], pkt;
	(void)state;

	cut_udp(SPINAT_INSIDE, port, 1, parts);
	cut_udp(SPINAT_INSIDE, port, 2, other);
	assert_outcome(bed, SPINAT_INSIDE, &parts[0], FAST_TAKEN);
	assert_outcome(bed, SPINAT_INSIDE, &other[1], FAST_FRAGMENT);
	make_udp(&pkt, INSIDE2, 4000, REMOTE1, 53, data, MOST - 8);
	cut(&pkt, 1, other);
	assert_outcome(bed, SPINAT_INSIDE, &other[1], FAST_FRAGMENT);
	make_udp(&pkt, INSIDE1, 4000, REMOTE2, 53, data, MOST - 8);
	cut(&pkt, 1, other);
	assert_outcome(bed, SPINAT_INSIDE, &other[1], FAST_FRAGMENT);
	make_ip(&pkt, PROTO_GRE, INSIDE1, REMOTE1, data, MOST);
	cut(&pkt, 1, other);
	assert_outcome(bed, SPINAT_INSIDE, &other[1], FAST_FRAGMENT);
	other[1] = parts[1];
	assert_outcome(bed, SPINAT_OUTSIDE, &other[1], FAST_FRAGMENT);
	assert_outcome(bed, SPINAT_INSIDE, &parts[1], FAST_TAKEN);
	/* Some of these fall on its place. */
	for (unsigned id = 100; id < 20000; id++) {
		pkt = parts[2];
		put16(pkt.data + 4, id);
		assert_int_equal(fast_run(bed, SPINAT_INSIDE, &pkt), LEFT);
	}
	fast_stop(bed);
}

/* Rules that change before the last fragment: it asks them. */
static void test_rules(void **state)
{
	struct bed *bed = start_bed();
	const uint16_t port = open_udp(bed);
	struct pkt parts[PARTS], other[PARTS];
	(void)state;

	cut_udp(SPINAT_INSIDE, port, 1, parts);
	assert_outcome(bed, SPINAT_INSIDE, &parts[0], FAST_TAKEN);
	assert_outcome(bed, SPINAT_INSIDE, &parts[1], FAST_TAKEN);
	fast_next_epoch(bed->fast);
	assert_outcome(bed, SPINAT_INSIDE, &parts[2], FAST_RULES);
	/* The first of another is left, so the rest of it is, though the rules
	 * pass the flow meanwhile: by its first fragment. */
	cut_udp(SPINAT_INSIDE, port, 2, parts);
	memcpy(other, parts, sizeof other);
	assert_outcome(bed, SPINAT_INSIDE, &parts[0], FAST_RULES);
	nat_cross(bed->nat, SPINAT_INSIDE, &other[0]);
	fast_leaves(bed, SPINAT_OUTSIDE, &other[0]);
	assert_outcome(bed, SPINAT_INSIDE, &parts[1], FAST_FRAGMENT);
	cut_udp(SPINAT_INSIDE, port, 3, parts);
	assert_all_taken(bed, SPINAT_INSIDE, parts);
	fast_stop(bed);
}

/* Later fragments prove nothing of a flow to the rules. */
static void test_later_ones_pass_nothing(void **state)
{
	struct bed *bed = start_bed();
	struct pkt parts[PARTS], same[PARTS];
	(void)state;

	cut_udp(SPINAT_INSIDE, 0, 1, parts);
	memcpy(same, parts, sizeof same);
	for (unsigned i = 0; i < PARTS; i++)
		nat_cross(bed->nat, SPINAT_INSIDE, &same[i]);
	fast_leaves(bed, SPINAT_OUTSIDE, &same[1]);
	fast_leaves(bed, SPINAT_OUTSIDE, &same[2]);
	assert_outcome(bed, SPINAT_INSIDE, &parts[0], FAST_RULES);
	fast_stop(bed);
}

/* With budgets that are used up: those of a known flow go on, others do not. */
static void test_budgets(void **state)
{
	const struct fast_limits limits = {
	    .cost_all = UINT32_MAX,
	    .is_full = true,
	    .inside_count = 1,
	    .inside = {{wire32(IP(10, 0, 0, 0)), wire32(IP(255, 0, 0, 0))}},
	};
	struct bed *bed = start_bed();
	const uint16_t port = open_udp(bed);
	struct pkt parts[PARTS], pkt;
	(void)state;

	fast_next_epoch(bed->fast);
	fast_set_limits(bed->fast, &limits);
	make_udp(&pkt, INSIDE2, 1, REMOTE1, 1, "", 0);
	assert_outcome(bed, SPINAT_INSIDE, &pkt, FAST_NO_FLOW);
	cut_udp(SPINAT_INSIDE, port, 1, parts);
	assert_outcome(bed, SPINAT_INSIDE, &parts[0], FAST_RULES);
	assert_outcome(bed, SPINAT_INSIDE, &parts[1], FAST_FRAGMENT);
	assert_outcome(bed, SPINAT_INSIDE, &parts[2], FAST_FRAGMENT);
	cut_udp(SPINAT_INSIDE, port, 2, parts);
	assert_int_equal(fast_run(bed, SPINAT_INSIDE, &parts[1]), DROPPED);
	/* What was dropped is not remembered. */
	assert_outcome(bed, SPINAT_INSIDE, &parts[0], FAST_RULES);
	assert_outcome(bed, SPINAT_INSIDE, &parts[1], FAST_FRAGMENT);
	make_tcp(&pkt, INSIDE1, 4000, REMOTE1, 80, ACK, data, MOST - 20);
	nat_cross(bed->nat, SPINAT_INSIDE, &pkt);
	make_tcp(&pkt, INSIDE1, 4000, REMOTE1, 80, ACK, data, MOST - 20);
	cut(&pkt, 3, parts);
	for (unsigned i = 0; i < PARTS; i++)
		assert_outcome(bed, SPINAT_INSIDE, &parts[i], FAST_FRAGMENT);
	fast_stop(bed);
}

static void test_left_alone(void **state)
{
	struct bed *bed = start_bed();
	const uint16_t port = open_udp(bed);
	struct pkt parts[PARTS];
	(void)state;

	cut_udp(SPINAT_INSIDE, port, 1, parts);
	assert_outcome(bed, SPINAT_INSIDE, &parts[0], FAST_TAKEN);
	parts[1].data[8] = 1; /* TTL */
	assert_outcome(bed, SPINAT_INSIDE, &parts[1], FAST_TTL);
	put16(parts[2].data + 2, 22); /* longer than it is */
	assert_outcome(bed, SPINAT_INSIDE, &parts[2], FAST_MALFORMED);
	put16(parts[2].data + 2, 20); /* nothing in it */
	assert_outcome(bed, SPINAT_INSIDE, &parts[2], FAST_FRAGMENT);
	/* Too late. */
	cut_udp(SPINAT_INSIDE, port, 2, parts);
	assert_outcome(bed, SPINAT_INSIDE, &parts[0], FAST_TAKEN);
	assert_int_equal(usleep(LASTING), 0);
	assert_outcome(bed, SPINAT_INSIDE, &parts[1], FAST_FRAGMENT);
	fast_stop(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FAST_BOTH(test_both_ways),
	    FAST_BOTH(test_echo_and_esp),
	    FAST_BOTH(test_out_of_order),
	    FAST_BOTH(test_others),
	    FAST_BOTH(test_rules),
	    FAST_BOTH(test_later_ones_pass_nothing),
	    FAST_BOTH(test_budgets),
	    FAST_BOTH(test_left_alone),
	};

	return cmocka_run_group_tests(tests, fast_make_namespace, NULL);
}
