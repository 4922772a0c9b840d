/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Budgets of misses: what draws on them, what is dropped when they are used up,
 * and what never is.
 */
#include "fast_fixture.h"

#include <arpa/inet.h>
#include <unistd.h>

#define NONE       UINT32_MAX /* 4.3 s a packet: the first uses a budget up */
#define IN_RANGE   (PORT_LOW + 7)
#define OUT_OF_IT  (PORT_HIGH + 1)
#define OTHER_NET  IP(10, 200, 0, 9) /* behind another router, inside */
#define UNKNOWN    IP(198, 51, 100, 77)
#define BYSTANDER  IP(198, 51, 100, 78)
#define OWN_INSIDE IP(10, 0, 0, 254)

static struct fast_limits limits_of(uint32_t cost_source, uint32_t cost_all)
{
	return (struct fast_limits){
	    .cost_source = cost_source,
	    .cost_all = cost_all,
	    .port_low = PORT_LOW,
	    .port_high = PORT_HIGH,
	    .icmp_types = 1u << 0 | 1u << 3 | 1u << 11,
	    .is_full = true,
	    .public_count = 1,
	    .publics = {wire32(PUBLIC)},
	    .inside_count = 1,
	    .inside = {{wire32(IP(10, 0, 0, 0)), wire32(IP(255, 0, 0, 0))}},
	};
}

static struct bed *start_with(uint32_t cost_source, uint32_t cost_all)
{
	const struct fast_limits limits = limits_of(cost_source, cost_all);
	struct spinat_config config;
	struct bed *bed;

	nat_config(&config);
	bed = fast_start(&config);
	fast_set_limits(bed->fast, &limits);
	return bed;
}

/* A packet that opens a flow at best, from a host of a side. */
static void make_miss(
    struct pkt *pkt, enum spinat_side side, uint32_t from, unsigned number)
{
	make_udp(pkt, from, (uint16_t)(1024 + number),
	    side == SPINAT_INSIDE ? REMOTE1 : PUBLIC, IN_RANGE, "x", 1);
}

static enum answer send_miss(
    struct bed *bed, enum spinat_side side, uint32_t from)
{
	struct pkt pkt;

	make_miss(&pkt, side, from, 1);
	return fast_run(bed, side, &pkt);
}

/* Of packets of one source, one after the other, how many are not dropped. */
static unsigned count_left(struct bed *bed, enum spinat_side side,
    uint32_t from, enum fast_outcome outcome)
{
	for (unsigned i = 0; i < 10000; i++) {
		struct pkt pkt;

		make_miss(&pkt, side, from, i);
		if (fast_run(bed, side, &pkt) != DROPPED)
			continue;
		assert_int_equal(fast_count_of(bed, side, outcome), 1);
		assert_int_equal(fast_count_of(bed, side, FAST_NO_FLOW), i);
		return i;
	}
	fail_msg("none was dropped");
	return 0;
}

/* A second's at once, some more while they are sent, and more when they have
 * come back; another source has its own, and so has the other direction. */
static void test_of_a_source(void **state)
{
	struct bed *bed = start_with(SPINAT_SECOND / 100, 0);
	unsigned left;
	(void)state;

	left = count_left(bed, SPINAT_INSIDE, INSIDE1, FAST_OVER_SOURCE);
	assert_in_range(left, 100, 150);
	assert_int_equal(send_miss(bed, SPINAT_INSIDE, INSIDE2), LEFT);
	assert_int_equal(send_miss(bed, SPINAT_OUTSIDE, INSIDE1), LEFT);
	assert_int_equal(usleep(50000), 0);
	assert_int_equal(send_miss(bed, SPINAT_INSIDE, INSIDE1), LEFT);
	assert_int_equal(fast_count_of(bed, SPINAT_INSIDE, FAST_OVER_ALL), 0);
	fast_stop(bed);
}

/* However many sources there are: a tenth of a second's. */
static void test_of_all(void **state)
{
	struct bed *bed = start_with(SPINAT_SECOND / 100, SPINAT_SECOND / 1000);
	unsigned left = 0;
	(void)state;

	while (send_miss(bed, SPINAT_OUTSIDE, UNKNOWN + left) == LEFT)
		left++;
	assert_in_range(left, 100, 400);
	assert_int_equal(fast_count_of(bed, SPINAT_OUTSIDE, FAST_OVER_ALL), 1);
	assert_int_equal(
	    fast_count_of(bed, SPINAT_OUTSIDE, FAST_OVER_SOURCE), 0);
	assert_int_equal(send_miss(bed, SPINAT_INSIDE, INSIDE1), LEFT);
	assert_int_equal(usleep(50000), 0);
	assert_int_equal(send_miss(bed, SPINAT_OUTSIDE, UNKNOWN), LEFT);
	fast_stop(bed);
}

/* Sources that share a budget by chance are few. */
static void test_sources_are_told_apart(void **state)
{
	struct bed *bed = start_with(NONE, 0);
	unsigned dropped = 0;
	(void)state;

	for (uint32_t i = 0; i < 256; i++)
		dropped +=
		    send_miss(bed, SPINAT_OUTSIDE, UNKNOWN + i) == DROPPED;
	/* 256 in 4096: 8 pairs are expected. */
	assert_true(dropped < 30);
	fast_stop(bed);
}

/* --------------------------------------------------- what draws on them */

/* From inside or outside; the number of the kind goes up until there is none.
 */
static bool make_kind(
    struct pkt *pkt, enum spinat_side side, uint32_t from, unsigned kind)
{
	const uint32_t to = side == SPINAT_INSIDE ? REMOTE1 : PUBLIC;
	const uint32_t other = side == SPINAT_INSIDE ? from : REMOTE1;
	struct pkt quoted, parts[2];

	switch (kind) {
	case 0:
		make_udp(pkt, from, 4000, to, IN_RANGE, "x", 1);
		return true;
	case 1:
		make_tcp(pkt, from, 4000, to, IN_RANGE, ACK, "x", 1);
		return true;
	case 2:
		make_tcp(pkt, from, 4000, to, IN_RANGE, SYN, "", 0);
		return true;
	case 3:
		make_tcp(pkt, from, 4000, to, IN_RANGE, RST, "", 0);
		return true;
	case 4:
		make_udp(pkt, from, 500, to, 500, "12345678", 8);
		return true;
	case 5:
	case 6:
		make_udp(
		    &quoted, from, 4000, to, IN_RANGE, "0123456789abcdef", 16);
		assert_int_equal(make_fragments(&quoted, 16, parts, 2), 2);
		*pkt = parts[kind - 5];
		return true;
	case 7:
		make_esp(pkt, from, to, 0x7777, 1);
		return true;
	case 8:
		make_ip(pkt, PROTO_GRE, from, to, "12345678", 8);
		return true;
	case 9: /* shorter than any header of a transport */
		make_ip(pkt, PROTO_GRE, from, to, "1234", 4);
		return true;
	case 10:
		make_echo(pkt, 0, from, to, 7, 1);
		return true;
	case 11:
		make_udp(&quoted, to, 77, other, 77, "12345678", 8);
		make_icmp_error(pkt, 3, 4, from, to, 1300, quoted.data, 28);
		return true;
	case 12:
		make_udp(pkt, from, 4000, to, IN_RANGE, "12345678", 8);
		memmove(pkt->data + 24, pkt->data + 20, pkt->length - 20);
		memset(pkt->data + 20, 1, 4);
		pkt->data[0] = 0x46;
		pkt->length += 4;
		put16(pkt->data + 2, pkt->length);
		fix_sums(pkt);
		return true;
	default:
		return false;
	}
}

static void use_up(struct bed *bed, enum spinat_side side, uint32_t from)
{
	(void)send_miss(bed, side, from);
	assert_int_equal(send_miss(bed, side, from), DROPPED);
}

/* Each kind of a miss is dropped where the budget is used up, and not where it
 * is not, and uses it up. */
static void draw_on(struct bed *bed, enum spinat_side side, unsigned kind)
{
	/* Each its own bystander: whose budget it uses up. */
	const uint32_t from = side == SPINAT_INSIDE ? INSIDE1 : UNKNOWN;
	const uint32_t bystander =
	    side == SPINAT_INSIDE ? IP(10, 0, 1, 1) + kind : BYSTANDER + kind;
	struct pkt pkt;

	assert_true(make_kind(&pkt, side, from, kind));
	use_up(bed, side, from);
	assert_int_equal(fast_run(bed, side, &pkt), DROPPED);
	assert_true(make_kind(&pkt, side, bystander, kind));
	assert_int_equal(fast_run(bed, side, &pkt), LEFT);
	assert_int_equal(send_miss(bed, side, bystander), DROPPED);
}

static void test_kinds(void **state)
{
	struct bed *bed = start_with(NONE, 0);
	unsigned kinds = 0;
	struct pkt pkt;
	(void)state;

	for (; make_kind(&pkt, SPINAT_INSIDE, INSIDE1, kinds); kinds++) {
		draw_on(bed, SPINAT_INSIDE, kinds);
		draw_on(bed, SPINAT_OUTSIDE, kinds);
	}
	assert_int_equal(kinds, 13);
	fast_stop(bed);
}

/* ------------------------------------------------------ what never does */

static void assert_spared(
    struct bed *bed, enum spinat_side side, uint32_t from, struct pkt *pkt)
{
	use_up(bed, side, from);
	assert_int_not_equal(fast_run(bed, side, pkt), DROPPED);
}

/* Of a flow that there is nothing is dropped, whatever has to be done with
 * it. */
static void test_known_flows(void **state)
{
	struct bed *bed = start_with(NONE, NONE);
	struct pkt pkt, quoted, parts[2];
	enum answer answer;
	uint16_t port;
	(void)state;

	make_tcp(&pkt, INSIDE1, 4000, REMOTE1, 80, SYN, "", 0);
	nat_cross(bed->nat, SPINAT_INSIDE, &pkt);
	port = source_port(&pkt);
	/* Not established; of its opening and its end. */
	make_tcp(&pkt, REMOTE1, 80, PUBLIC, port, ACK, "", 0);
	assert_spared(bed, SPINAT_OUTSIDE, REMOTE1, &pkt);
	make_tcp(&pkt, REMOTE1, 80, PUBLIC, port, SYN | ACK, "", 0);
	assert_spared(bed, SPINAT_OUTSIDE, REMOTE1, &pkt);
	make_tcp(&pkt, INSIDE1, 4000, REMOTE1, 80, RST, "", 0);
	assert_spared(bed, SPINAT_INSIDE, INSIDE1, &pkt);
	/* An error that quotes it, each way. */
	make_tcp(&quoted, PUBLIC, port, REMOTE1, 80, ACK, "", 0);
	make_icmp_error(
	    &pkt, 3, 4, REMOTE2, PUBLIC, 1300, quoted.data, quoted.length);
	assert_spared(bed, SPINAT_OUTSIDE, REMOTE2, &pkt);
	make_tcp(&quoted, REMOTE1, 80, INSIDE1, 4000, ACK, "", 0);
	make_icmp_error(
	    &pkt, 3, 4, INSIDE2, REMOTE1, 1300, quoted.data, quoted.length);
	assert_spared(bed, SPINAT_INSIDE, INSIDE2, &pkt);
	/* A datagram's first fragment; another protocol's. */
	make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, "0123456789abcdef", 16);
	quoted = pkt;
	assert_true(fast_cross(bed, SPINAT_INSIDE, &pkt, &answer));
	assert_int_equal(make_fragments(&quoted, 16, parts, 2), 2);
	assert_spared(bed, SPINAT_INSIDE, INSIDE1, &parts[0]);
	make_ip(&pkt, PROTO_GRE, INSIDE1, REMOTE1, "12345678", 8);
	nat_cross(bed->nat, SPINAT_INSIDE, &pkt);
	make_ip(&pkt, PROTO_GRE, INSIDE1, REMOTE1, "12345678", 8);
	assert_spared(bed, SPINAT_INSIDE, INSIDE1, &pkt);
	/* What was passed before is taken, and asked for now and then; last
	 * hops are left. */
	make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, "x", 1);
	assert_spared(bed, SPINAT_INSIDE, INSIDE1, &pkt);
	fast_next_epoch(bed->fast);
	make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, "x", 1);
	assert_spared(bed, SPINAT_INSIDE, INSIDE1, &pkt);
	assert_true(fast_count_of(bed, SPINAT_INSIDE, FAST_RULES) > 0);
	fast_stop(bed);
}

static int listen_at(int type, uint32_t address, uint16_t port)
{
	const int one = 1;
	const struct sockaddr_in own = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(address)};
	const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
	assert_int_equal(
	    bind(fd, (const struct sockaddr *)&own, sizeof own), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* What the rules would not queue is the gateway's, or the kernel's. */
static void test_not_queued(void **state)
{
	static const struct {
		enum spinat_side side;
		uint32_t from, to;
		uint16_t port;
	} udp[] = {
	    {SPINAT_INSIDE, INSIDE1, OWN_INSIDE, 53},
	    {SPINAT_INSIDE, INSIDE1, IP(224, 0, 0, 251), 5353},
	    {SPINAT_INSIDE, INSIDE1, IP(255, 255, 255, 255), 67},
	    {SPINAT_INSIDE, INSIDE1, IP(10, 255, 255, 255), 137},
	    {SPINAT_INSIDE, INSIDE1, OTHER_NET, IN_RANGE},
	    {SPINAT_INSIDE, INSIDE1, PUBLIC, OUT_OF_IT},
	    {SPINAT_INSIDE, IP(192, 0, 2, 9), REMOTE1, IN_RANGE},
	    {SPINAT_OUTSIDE, UNKNOWN, PUBLIC, OUT_OF_IT},
	    {SPINAT_OUTSIDE, UNKNOWN, IP(192, 0, 2, 9), IN_RANGE},
	    {SPINAT_OUTSIDE, UNKNOWN, INSIDE1, IN_RANGE},
	};
	struct bed *bed = start_with(NONE, NONE);
	struct pkt pkt;
	(void)state;

	for (unsigned i = 0; i < COUNT_OF(udp); i++) {
		make_udp(
		    &pkt, udp[i].from, 4000, udp[i].to, udp[i].port, "x", 1);
		assert_spared(bed, udp[i].side,
		    udp[i].side == SPINAT_INSIDE ? INSIDE1 : UNKNOWN, &pkt);
	}
	make_echo(&pkt, 8, UNKNOWN, PUBLIC, 7, 1);
	assert_spared(bed, SPINAT_OUTSIDE, UNKNOWN, &pkt);
	/* A hairpin is. */
	make_udp(&pkt, INSIDE1, 4000, PUBLIC, IN_RANGE, "x", 1);
	use_up(bed, SPINAT_INSIDE, INSIDE1);
	assert_int_equal(fast_run(bed, SPINAT_INSIDE, &pkt), DROPPED);
	fast_stop(bed);
}

/* Of what would be queued, the gateway's sockets have theirs. */
static void test_sockets(void **state)
{
	struct bed *bed = start_with(NONE, NONE);
	const int udp = listen_at(SOCK_DGRAM, INADDR_ANY, IN_RANGE);
	const int tcp = listen_at(SOCK_STREAM, PUBLIC, IN_RANGE + 1);
	const int ike = listen_at(SOCK_DGRAM, PUBLIC, 500);
	struct pkt pkt;
	(void)state;

	/* What is passed for a socket's sake uses nothing up. */
	make_udp(&pkt, UNKNOWN, 4000, PUBLIC, IN_RANGE + 1, "x", 1);
	assert_int_equal(fast_run(bed, SPINAT_OUTSIDE, &pkt), LEFT);
	assert_int_equal(fast_run(bed, SPINAT_OUTSIDE, &pkt), DROPPED);
	make_udp(&pkt, UNKNOWN, 4000, PUBLIC, IN_RANGE, "x", 1);
	assert_int_equal(fast_run(bed, SPINAT_OUTSIDE, &pkt), LEFT);
	make_tcp(&pkt, UNKNOWN, 4000, PUBLIC, IN_RANGE + 1, SYN, "", 0);
	assert_int_equal(fast_run(bed, SPINAT_OUTSIDE, &pkt), LEFT);
	make_tcp(&pkt, UNKNOWN, 4000, PUBLIC, IN_RANGE, SYN, "", 0);
	assert_int_equal(fast_run(bed, SPINAT_OUTSIDE, &pkt), DROPPED);
	/* Whose IKE is, no socket tells. */
	make_udp(&pkt, UNKNOWN, 500, PUBLIC, 500, "12345678", 8);
	assert_int_equal(fast_run(bed, SPINAT_OUTSIDE, &pkt), DROPPED);
	/* To remotes, whatever the gateway's ports. */
	make_udp(&pkt, INSIDE1, 4000, REMOTE1, IN_RANGE, "x", 1);
	assert_int_equal(fast_run(bed, SPINAT_INSIDE, &pkt), LEFT);
	assert_int_equal(fast_run(bed, SPINAT_INSIDE, &pkt), DROPPED);
	(void)close(udp);
	(void)close(tcp);
	(void)close(ike);
	fast_stop(bed);
}

/* ESP and what goes into tunnels may be the gateway's own. */
static void test_tunnels(void **state)
{
	struct bed *bed = start_with(NONE, NONE);
	struct fast_limits limits = limits_of(NONE, NONE);
	struct pkt pkt;
	(void)state;

	limits.has_tunnels = true;
	fast_set_limits(bed->fast, &limits);
	use_up(bed, SPINAT_OUTSIDE, UNKNOWN);
	make_esp(&pkt, UNKNOWN, PUBLIC, 0x7777, 1);
	assert_int_equal(fast_run(bed, SPINAT_OUTSIDE, &pkt), LEFT);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(send_miss(bed, SPINAT_INSIDE, INSIDE1), LEFT);
	fast_stop(bed);
}

/* In mode ipsec-only the kernel has all sessions, and the daemon IPsec. */
static void test_ipsec_only(void **state)
{
	struct bed *bed = start_with(NONE, NONE);
	struct fast_limits limits = limits_of(NONE, NONE);
	struct pkt pkt;
	(void)state;

	limits.is_full = false;
	limits.port_low = UINT16_MAX + 1;
	limits.port_high = 0;
	limits.icmp_types = 1u << 3;
	fast_set_limits(bed->fast, &limits);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(send_miss(bed, SPINAT_INSIDE, INSIDE1), LEFT);
		assert_int_equal(send_miss(bed, SPINAT_OUTSIDE, UNKNOWN), LEFT);
	}
	make_udp(&pkt, INSIDE1, 500, REMOTE1, 500, "12345678", 8);
	assert_int_equal(fast_run(bed, SPINAT_INSIDE, &pkt), LEFT);
	assert_int_equal(fast_run(bed, SPINAT_INSIDE, &pkt), DROPPED);
	make_esp(&pkt, INSIDE1, REMOTE1, 0x7777, 1);
	assert_int_equal(fast_run(bed, SPINAT_INSIDE, &pkt), DROPPED);
	make_echo(&pkt, 8, INSIDE1, REMOTE1, 7, 1);
	assert_int_equal(fast_run(bed, SPINAT_INSIDE, &pkt), LEFT);
	make_ip(&pkt, PROTO_GRE, INSIDE1, REMOTE1, "12345678", 8);
	assert_int_equal(fast_run(bed, SPINAT_INSIDE, &pkt), LEFT);
	make_esp(&pkt, UNKNOWN, PUBLIC, 0x7777, 1);
	assert_int_equal(fast_run(bed, SPINAT_OUTSIDE, &pkt), LEFT);
	assert_int_equal(fast_run(bed, SPINAT_OUTSIDE, &pkt), DROPPED);
	fast_stop(bed);
}

/* Without limits there are none. */
static void test_no_budget(void **state)
{
	struct bed *bed = start_with(0, 0);
	(void)state;

	for (unsigned i = 0; i < 2000; i++)
		assert_int_equal(send_miss(bed, SPINAT_INSIDE, INSIDE1), LEFT);
	fast_stop(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FAST_BOTH(test_of_a_source),
	    FAST_BOTH(test_of_all),
	    FAST_BOTH(test_sources_are_told_apart),
	    FAST_BOTH(test_kinds),
	    FAST_BOTH(test_known_flows),
	    FAST_BOTH(test_not_queued),
	    FAST_BOTH(test_sockets),
	    FAST_BOTH(test_tunnels),
	    FAST_BOTH(test_ipsec_only),
	    FAST_BOTH(test_no_budget),
	};

	return cmocka_run_group_tests(tests, fast_make_namespace, NULL);
}
