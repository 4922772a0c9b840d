/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs take, what they leave, and why: packet by packet, at XDP
 * and at tc.
 */
#include "fast_fixture.h"

#include <unistd.h>

#include "tests/unit/clients_fixture.h"

#define VERIFIED_MAX 100000u

static void udp_out(struct pkt *pkt)
{
	make_udp(pkt, INSIDE1, 4000, REMOTE1, 53, "query", 5);
}

/* A UDP flow that the rules passed both ways; its public port. */
static uint16_t open_udp(struct bed *bed)
{
	enum answer answer;
	uint16_t port;
	struct pkt pkt;

	udp_out(&pkt);
	assert_true(fast_cross(bed, SPINAT_INSIDE, &pkt, &answer));
	assert_int_equal(answer, LEFT);
	port = source_port(&pkt);
	make_udp(&pkt, REMOTE1, 53, PUBLIC, port, "answer", 6);
	assert_true(fast_cross(bed, SPINAT_OUTSIDE, &pkt, &answer));
	assert_int_equal(answer, LEFT);
	return port;
}

static void test_udp(void **state)
{
	struct bed *bed = start_fast();
	const uint16_t port = open_udp(bed);
	struct pkt pkt;
	(void)state;

	udp_out(&pkt);
	assert_taken(bed, SPINAT_INSIDE, &pkt);
	make_udp(&pkt, REMOTE1, 53, PUBLIC, port, "answer", 6);
	assert_taken(bed, SPINAT_OUTSIDE, &pkt);
	/* No checksum stays none. */
	udp_out(&pkt);
	put16(pkt.data + 26, 0);
	assert_taken(bed, SPINAT_INSIDE, &pkt);
	assert_int_equal(get16(pkt.data + 26), 0);
	/* Others are not theirs. */
	make_udp(&pkt, INSIDE1, 4001, REMOTE1, 53, "", 0);
	assert_left(bed, SPINAT_INSIDE, &pkt, FAST_NO_FLOW);
	make_udp(&pkt, INSIDE2, 4000, REMOTE1, 53, "", 0);
	assert_left(bed, SPINAT_INSIDE, &pkt, FAST_NO_FLOW);
	make_udp(&pkt, REMOTE2, 53, PUBLIC, port, "", 0);
	assert_left(bed, SPINAT_OUTSIDE, &pkt, FAST_NO_FLOW);
	make_udp(&pkt, REMOTE1, 53, PUBLIC, (uint16_t)(port + 1), "", 0);
	assert_left(bed, SPINAT_OUTSIDE, &pkt, FAST_NO_FLOW);
	fast_stop(bed);
}

/* A flow's packets are taken after one of that direction left, past all
 * rules; and again after one, when the rules may have changed. */
static void test_rules_come_first(void **state)
{
	struct bed *bed = start_fast();
	struct pkt pkt, translated;
	uint16_t port;
	(void)state;

	bed->nat->now = fast_now();
	udp_out(&pkt);
	nat_cross(bed->nat, SPINAT_INSIDE, &pkt);
	port = source_port(&pkt);
	translated = pkt;
	udp_out(&pkt);
	assert_left(bed, SPINAT_INSIDE, &pkt, FAST_RULES);
	fast_leaves(bed, SPINAT_OUTSIDE, &translated);
	udp_out(&pkt);
	assert_taken(bed, SPINAT_INSIDE, &pkt);
	/* The other direction has not passed anything. */
	make_udp(&pkt, REMOTE1, 53, PUBLIC, port, "answer", 6);
	assert_left(bed, SPINAT_OUTSIDE, &pkt, FAST_CLOSED);
	nat_cross(bed->nat, SPINAT_OUTSIDE, &pkt);
	translated = pkt;
	make_udp(&pkt, REMOTE1, 53, PUBLIC, port, "answer", 6);
	assert_left(bed, SPINAT_OUTSIDE, &pkt, FAST_RULES);
	fast_leaves(bed, SPINAT_INSIDE, &translated);
	make_udp(&pkt, REMOTE1, 53, PUBLIC, port, "answer", 6);
	assert_taken(bed, SPINAT_OUTSIDE, &pkt);
	fast_next_epoch(bed->fast);
	assert_left(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt), FAST_RULES);
	assert_int_equal(open_udp(bed), port);
	assert_taken(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt));
	fast_stop(bed);
}

static struct flow_counter *only_counter(
    struct bed *bed, enum spinat_region counters)
{
	return (struct flow_counter *)bed->memory.base[counters] +
	    nat_only_flow(bed->nat).id;
}

/* As if its last packet had come so many ticks earlier. */
static void let_pass(struct bed *bed, enum spinat_region counters, tick span)
{
	struct flow_counter *counter = only_counter(bed, counters);

	fast_note_probe(counter, (tick)counter->packets_stamp - span);
}

/* The rules are asked again about every flow and direction: others are taken
 * meanwhile, but not for ever. */
static void test_probes(void **state)
{
	struct bed *bed = start_fast();
	struct pkt pkt, probe;
	(void)state;

	open_udp(bed);
	assert_taken(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt));
	let_pass(bed, SPINAT_REGION_COUNTERS_INSIDE, FAST_PROBE_TICKS);
	assert_left(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt), FAST_PROBE);
	probe = pkt;
	assert_int_equal(
	    fast_run(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt)), TAKEN);
	nat_cross(bed->nat, SPINAT_INSIDE, &probe);
	fast_leaves(bed, SPINAT_OUTSIDE, &probe);
	/* It came through: the next one has its turn a span later. */
	let_pass(bed, SPINAT_REGION_COUNTERS_INSIDE, FAST_PROBE_TICKS);
	assert_left(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt), FAST_PROBE);
	/* This one does not, and a span later nothing does. */
	let_pass(bed, SPINAT_REGION_COUNTERS_INSIDE, FAST_PROBE_TICKS);
	assert_left(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt), FAST_RULES);
	assert_left(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt), FAST_RULES);
	nat_cross(bed->nat, SPINAT_INSIDE, &pkt);
	fast_leaves(bed, SPINAT_OUTSIDE, &pkt);
	assert_taken(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt));
	fast_stop(bed);
}

/* Another CPU's clock was ahead, and said that a span has begun: that was its
 * probe, and is none here and again there. */
static void test_clock_is_late(void **state)
{
	struct bed *bed = start_fast();
	const struct flow_counter *counter;
	struct pkt pkt;
	uint32_t ahead;
	(void)state;

	open_udp(bed);
	let_pass(bed, SPINAT_REGION_COUNTERS_INSIDE, -FAST_PROBE_TICKS);
	counter = only_counter(bed, SPINAT_REGION_COUNTERS_INSIDE);
	ahead = (uint32_t)counter->packets_stamp & TICK_STAMP_MASK;
	assert_taken(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt));
	assert_taken(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt));
	assert_int_equal(counter->packets_stamp & TICK_STAMP_MASK, ahead);
	fast_stop(bed);
}

static void tcp_out(struct pkt *pkt, uint8_t flags)
{
	make_tcp(pkt, INSIDE1, 4000, REMOTE1, 80, flags, "data", 4);
}

/* While no daemon is there nobody would read a probe; and after a time nothing
 * is taken any more. */
static void test_alone(void **state)
{
	struct bed *bed = start_fast();
	struct pkt pkt;
	(void)state;

	open_udp(bed);
	bed->away = 10 * SPINAT_SECOND;
	fast_set_linger(bed->fast, 60 * SPINAT_SECOND);
	let_pass(bed, SPINAT_REGION_COUNTERS_INSIDE, FAST_PROBE_TICKS);
	assert_taken(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt));
	bed->away = 62 * SPINAT_SECOND;
	assert_left(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt), FAST_ALONE);
	fast_set_linger(bed->fast, 90 * SPINAT_SECOND);
	assert_taken(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt));
	/* It is back, and has probes again. */
	bed->away = 0;
	let_pass(bed, SPINAT_REGION_COUNTERS_INSIDE, FAST_PROBE_TICKS);
	assert_left(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt), FAST_PROBE);
	/* A good end: no more probes at once. */
	nat_cross(bed->nat, SPINAT_INSIDE, &pkt);
	fast_leaves(bed, SPINAT_OUTSIDE, &pkt);
	fast_leave(bed->fast);
	let_pass(bed, SPINAT_REGION_COUNTERS_INSIDE, FAST_PROBE_TICKS);
	assert_int_equal(
	    fast_run_alone(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt)), TAKEN);
	fast_stop(bed);
}

static void test_tcp(void **state)
{
	struct bed *bed = start_fast();
	enum answer answer;
	struct pkt pkt;
	uint16_t port;
	(void)state;

	tcp_out(&pkt, SYN);
	assert_true(fast_cross(bed, SPINAT_INSIDE, &pkt, &answer));
	port = source_port(&pkt);
	tcp_out(&pkt, ACK);
	assert_left(bed, SPINAT_INSIDE, &pkt, FAST_CLOSED);
	make_tcp(&pkt, REMOTE1, 80, PUBLIC, port, SYN | ACK, "", 0);
	assert_true(fast_cross(bed, SPINAT_OUTSIDE, &pkt, &answer));
	tcp_out(&pkt, ACK);
	assert_true(fast_cross(bed, SPINAT_INSIDE, &pkt, &answer));
	make_tcp(&pkt, REMOTE1, 80, PUBLIC, port, ACK, "page", 4);
	assert_true(fast_cross(bed, SPINAT_OUTSIDE, &pkt, &answer));
	assert_int_equal(answer, LEFT);

	assert_taken(bed, SPINAT_INSIDE, (tcp_out(&pkt, ACK), &pkt));
	assert_taken(bed, SPINAT_INSIDE, (tcp_out(&pkt, ACK | PSH), &pkt));
	make_tcp(&pkt, REMOTE1, 80, PUBLIC, port, ACK, "page", 4);
	assert_taken(bed, SPINAT_OUTSIDE, &pkt);
	for (unsigned flags = 1; flags < 8; flags++) {
		tcp_out(&pkt, (uint8_t)(ACK | flags));
		assert_left(bed, SPINAT_INSIDE, &pkt, FAST_TCP_FLAGS);
	}
	/* One that was reset is the engine's, until data restores it. */
	make_tcp(&pkt, REMOTE1, 80, PUBLIC, port, RST, "", 0);
	assert_left(bed, SPINAT_OUTSIDE, &pkt, FAST_TCP_FLAGS);
	nat_cross(bed->nat, SPINAT_OUTSIDE, &pkt);
	assert_left(
	    bed, SPINAT_INSIDE, (tcp_out(&pkt, ACK), &pkt), FAST_CLOSED);
	nat_cross(bed->nat, SPINAT_INSIDE, &pkt);
	assert_taken(bed, SPINAT_INSIDE, (tcp_out(&pkt, ACK), &pkt));
	fast_stop(bed);
}

static void test_echo(void **state)
{
	struct bed *bed = start_fast();
	enum answer answer;
	struct pkt pkt;
	uint16_t id;
	(void)state;

	make_echo(&pkt, 8, INSIDE1, REMOTE1, 77, 1);
	assert_true(fast_cross(bed, SPINAT_INSIDE, &pkt, &answer));
	id = echo_id(&pkt);
	make_echo(&pkt, 0, REMOTE1, PUBLIC, id, 1);
	assert_true(fast_cross(bed, SPINAT_OUTSIDE, &pkt, &answer));
	make_echo(&pkt, 8, INSIDE1, REMOTE1, 77, 2);
	assert_taken(bed, SPINAT_INSIDE, &pkt);
	make_echo(&pkt, 0, REMOTE1, PUBLIC, id, 2);
	assert_taken(bed, SPINAT_OUTSIDE, &pkt);
	/* Errors, and other queries. */
	udp_out(&pkt);
	make_icmp_error(&pkt, 3, 4, REMOTE1, PUBLIC, 1300, pkt.data, 28);
	assert_left(bed, SPINAT_OUTSIDE, &pkt, FAST_PROTOCOL);
	make_echo(&pkt, 13, INSIDE1, REMOTE1, 77, 2);
	assert_left(bed, SPINAT_INSIDE, &pkt, FAST_PROTOCOL);
	fast_stop(bed);
}

/* An outbound and an inbound SPI of a tunnel that is certain. */
static void test_esp(void **state)
{
	struct bed *bed = start_fast();
	enum answer answer;
	struct pkt pkt;
	(void)state;

	bring_up(bed->nat, 2);
	make_esp(&pkt, INSIDE1, REMOTE1, ~0x1001u, 1000);
	assert_true(fast_cross(bed, SPINAT_INSIDE, &pkt, &answer));
	make_esp(&pkt, REMOTE1, PUBLIC, 0x1001, 1000);
	assert_true(fast_cross(bed, SPINAT_OUTSIDE, &pkt, &answer));
	for (uint32_t sequence = 1001; sequence < 1004; sequence++) {
		make_esp(&pkt, INSIDE1, REMOTE1, ~0x1001u, sequence);
		assert_taken(bed, SPINAT_INSIDE, &pkt);
		make_esp(&pkt, REMOTE1, PUBLIC, 0x1001, sequence);
		assert_taken(bed, SPINAT_OUTSIDE, &pkt);
		assert_int_equal(flow_of(bed->nat, 0x1001).sequence, sequence);
	}
	/* A gap is none of our business; what comes late, or twice, may be
	 * another SA's. */
	make_esp(&pkt, REMOTE1, PUBLIC, 0x1001, 2000);
	assert_taken(bed, SPINAT_OUTSIDE, &pkt);
	make_esp(&pkt, REMOTE1, PUBLIC, 0x1001, 2000);
	assert_left(bed, SPINAT_OUTSIDE, &pkt, FAST_LATE);
	make_esp(&pkt, REMOTE1, PUBLIC, 0x1001, 1999);
	assert_left(bed, SPINAT_OUTSIDE, &pkt, FAST_LATE);
	make_esp(&pkt, REMOTE1, PUBLIC, 0x1001, 1);
	assert_left(bed, SPINAT_OUTSIDE, &pkt, FAST_LATE);
	assert_int_equal(flow_of(bed->nat, 0x1001).sequence, 2000);
	/* The other client's is not passed by any rule yet; nobody's is not
	 * known; and of what is in doubt the engine sees everything. */
	make_esp(&pkt, REMOTE1, PUBLIC, 0x1002, 1000);
	assert_left(bed, SPINAT_OUTSIDE, &pkt, FAST_RULES);
	make_esp(&pkt, REMOTE1, PUBLIC, 0x2000, 1);
	assert_left(bed, SPINAT_OUTSIDE, &pkt, FAST_NO_FLOW);
	exchange(bed->nat, B, CHILD, 2);
	esp_in(bed->nat, 0x2000, 1);
	make_esp(&pkt, REMOTE1, PUBLIC, 0x2000, 2);
	assert_left(bed, SPINAT_OUTSIDE, &pkt, FAST_CLOSED);
	make_esp(&pkt, INSIDE1, REMOTE1, ~0x1001u, 2000);
	assert_left(bed, SPINAT_INSIDE, &pkt, FAST_CLOSED);
	make_esp(&pkt, REMOTE1, PUBLIC, 0x1001, 2001);
	assert_taken(bed, SPINAT_OUTSIDE, &pkt);
	fast_stop(bed);
}

/* A UDP checksum of zero would say that there is none (RFC 768). */
static void test_zero_checksum(void **state)
{
	struct bed *bed = start_fast();
	unsigned zeros = 0;
	struct pkt pkt;
	(void)state;

	open_udp(bed);
	for (uint32_t i = 0; i < 65536 && zeros == 0; i++) {
		uint8_t data[2];

		put16(data, i);
		make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, data, 2);
		assert_taken(bed, SPINAT_INSIDE, &pkt);
		zeros += get16(pkt.data + 26) == 0xffff;
	}
	assert_int_equal(zeros, 1);
	fast_stop(bed);
}

/* Changes the routes, or what they stand on; next hops are remembered for one
 * tick. */
static void change(const char *command)
{
	assert_int_equal(system(command), 0);
	assert_int_equal(usleep(2u << TICK_SHIFT >> 10), 0);
}

/* What only the kernel or the engine can do with it. */
static void test_left_alone(void **state)
{
	struct bed *bed = start_fast();
	struct pkt pkt;
	const uint16_t port = open_udp(bed);
	(void)state;

	udp_out(&pkt);
	pkt.data[8] = 1;
	fix_sums(&pkt);
	assert_left(bed, SPINAT_INSIDE, &pkt, FAST_TTL);
	pkt.data[8] = 2;
	fix_sums(&pkt);
	assert_taken(bed, SPINAT_INSIDE, &pkt);

	udp_out(&pkt);
	memmove(pkt.data + 24, pkt.data + 20, pkt.length - 20);
	memset(pkt.data + 20, 1, 4); /* four no-operations */
	pkt.data[0] = 0x46;
	pkt.length += 4;
	put16(pkt.data + 2, pkt.length);
	fix_sums(&pkt);
	assert_left(bed, SPINAT_INSIDE, &pkt, FAST_OPTIONS);

	udp_out(&pkt); /* longer than it is */
	put16(pkt.data + 2, pkt.length + 1);
	fix_sums(&pkt);
	assert_left(bed, SPINAT_INSIDE, &pkt, FAST_MALFORMED);
	make_udp(&pkt, INSIDE1, 500, REMOTE1, 500, "12345678", 8);
	assert_left(bed, SPINAT_INSIDE, &pkt, FAST_IKE);
	make_udp(&pkt, REMOTE1, 4500, PUBLIC, 500, "12345678", 8);
	assert_left(bed, SPINAT_OUTSIDE, &pkt, FAST_IKE);
	make_ip(&pkt, PROTO_GRE, INSIDE1, REMOTE1, "12345678", 8);
	assert_left(bed, SPINAT_INSIDE, &pkt, FAST_PROTOCOL);

	/* No next hop; another interface; nobody to forward to. */
	change("ip neighbour del 203.0.113.254 dev outside0");
	assert_left(
	    bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt), FAST_NO_NEIGHBOUR);
	change("ip neighbour add 203.0.113.254 lladdr "
	       "02:00:00:00:01:01 dev outside0 nud permanent");
	assert_taken(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt));
	change("ip route add 198.51.100.1 via 10.0.0.1");
	assert_left(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt), FAST_NO_ROUTE);
	change("ip route del 198.51.100.1 via 10.0.0.1");
	change("ip route add blackhole 198.51.100.1");
	assert_left(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt), FAST_NO_ROUTE);
	change("ip route del blackhole 198.51.100.1");
	make_udp(&pkt, REMOTE1, 53, PUBLIC, port, "answer", 6);
	assert_taken(bed, SPINAT_OUTSIDE, &pkt);
	fast_stop(bed);
}

/* Larger than the next interface's: the kernel says so to the sender. */
static void test_too_big(void **state)
{
	struct bed *bed = start_fast();
	static char data[1400];
	struct pkt pkt;
	(void)state;

	open_udp(bed);
	change("ip link set outside0 mtu 1280");
	make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, data, 1252);
	assert_taken(bed, SPINAT_INSIDE, &pkt);
	make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, data, 1253);
	assert_left(bed, SPINAT_INSIDE, &pkt, FAST_TOO_BIG);
	/* A large one at tc is cut into small ones as it leaves. */
	if (bed->hook == FAST_TC) {
		make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, data, 1400);
		assert_int_equal(
		    fast_run_large(bed, SPINAT_INSIDE, &pkt, 1252), TAKEN);
		make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, data, 1400);
		assert_int_equal(
		    fast_run_large(bed, SPINAT_INSIDE, &pkt, 1253), LEFT);
	}
	change("ip link set outside0 mtu 1500");
	fast_stop(bed);
}

/* An epoch that wraps never is zero, which is none. */
static void test_epochs_wrap(void **state)
{
	struct bed *bed = start_fast();
	struct pkt pkt;
	(void)state;

	for (int i = 0; i < 600; i++) {
		open_udp(bed);
		assert_taken(bed, SPINAT_INSIDE, (udp_out(&pkt), &pkt));
		fast_next_epoch(bed->fast);
	}
	fast_stop(bed);
}

/* How large they are, which is printed.  The verifier gives up at a million
 * instructions on all ways together: that shall be far. */
static void test_sizes(void **state)
{
	struct bed *bed = start_fast();
	struct fast_program programs[FAST_PROGRAMS];
	(void)state;

	fast_get_programs(bed->fast, programs);
	for (unsigned i = 0; i < FAST_PROGRAMS; i++) {
		print_message("# %s: %u instructions, %u verified\n",
		    programs[i].name, programs[i].instructions,
		    programs[i].verified);
		assert_int_not_equal(programs[i].instructions, 0);
		assert_in_range(programs[i].verified, 1, VERIFIED_MAX);
	}
	fast_stop(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FAST_BOTH(test_udp),
	    FAST_BOTH(test_rules_come_first),
	    FAST_BOTH(test_probes),
	    FAST_BOTH(test_clock_is_late),
	    FAST_BOTH(test_alone),
	    FAST_BOTH(test_tcp),
	    FAST_BOTH(test_echo),
	    FAST_BOTH(test_esp),
	    FAST_BOTH(test_zero_checksum),
	    FAST_BOTH(test_left_alone),
	    FAST_BOTH(test_too_big),
	    FAST_BOTH(test_epochs_wrap),
	    FAST_BOTH(test_sizes),
	};

	return cmocka_run_group_tests(tests, fast_make_namespace, NULL);
}
