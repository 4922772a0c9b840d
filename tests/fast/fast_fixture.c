/* SPDX-License-Identifier: BSD-2-Clause */
#include "fast_fixture.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

static enum fast_hook tested; /* by the test that runs */
/* What its engine's clock is ahead of the kernel's. */
static spinat_time clock_begin;
static struct bed *started; /* by it, and not stopped */
static char reason[256];    /* why there is nothing to test with */

#define DEVICE_INSIDE  "inside0"
#define DEVICE_OUTSIDE "outside0"

/* ----------------------------------------------------- the namespace */

static const char *const commands[] = {
    "ip link set lo up",
    "ip link add " DEVICE_INSIDE " address 02:00:00:00:00:01 type veth peer "
    "name peer0",
    "ip link add " DEVICE_OUTSIDE " address 02:00:00:00:00:02 type veth peer "
    "name peer1",
    "ip link set peer0 up",
    "ip link set peer1 up",
    "ip link set " DEVICE_INSIDE " up",
    "ip link set " DEVICE_OUTSIDE " up",
    "ip address add 10.0.0.254/8 dev " DEVICE_INSIDE,
    "ip address add 203.0.113.1/24 dev " DEVICE_OUTSIDE,
    "ip route add default via 203.0.113.254",
    "ip neighbour add 203.0.113.254 lladdr 02:00:00:00:01:01 "
    "dev " DEVICE_OUTSIDE " nud permanent",
    "for n in 1 2 3 4 5 6 7 8; do ip neighbour add 10.0.0.$n lladdr "
    "02:00:00:00:02:0$n dev " DEVICE_INSIDE " nud permanent; done",
    "echo 1 > /proc/sys/net/ipv4/ip_forward",
};

int fast_make_namespace(void **state)
{
	cpu_set_t first;
	(void)state;

	/* The programs keep something for each CPU. */
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	assert_int_equal(sched_setaffinity(0, sizeof first, &first), 0);
	if (unshare(CLONE_NEWNET) != 0) {
		snprintf(reason, sizeof(reason), "no network namespace: %s",
		    strerror(errno));
		return 0;
	}
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		if (system(commands[i]) != 0) {
			snprintf(reason, sizeof(reason), "\"%s\" failed",
			    commands[i]);
			return 0;
		}
	return 0;
}

/* --------------------------------------------------------------- a bed */

/* (Programs that the verifier refuses are EACCES.) */
static void need(int code, const struct error *error)
{
	if (code != -EPERM && code != -ENOSYS && code != -EOPNOTSUPP) {
		if (code != 0)
			fail_msg("%s", error->text);
		return;
	}
	print_message("skipped: %s\n", error->text);
	skip();
}

static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};

static spinat_time kernel_now(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC_COARSE, &now), 0);
	return (spinat_time)now.tv_sec * SPINAT_SECOND + now.tv_nsec;
}

spinat_time fast_now(void)
{
	return clock_begin + kernel_now();
}

/* The clock begins where a span of probes does (fast/shared.h), and late enough
 * to be set back by FAST_HEAD_START right after the machine has started. */
static void set_clock(void)
{
	const spinat_time span = (spinat_time)FAST_PROBE_TICKS << TICK_SHIFT;

	clock_begin = 2 * FAST_HEAD_START;
	clock_begin += span - fast_now() % span;
}

int fast_at_xdp(void **state)
{
	(void)state;
	tested = FAST_XDP;
	set_clock();
	return 0;
}

int fast_at_tc(void **state)
{
	(void)state;
	tested = FAST_TC;
	set_clock();
	return 0;
}

void fast_need_namespace(void)
{
	if (reason[0] != '\0') {
		print_message("skipped: %s\n", reason);
		skip();
	}
}

struct bed *fast_start(const struct spinat_config *config)
{
	struct bed *bed;
	struct fast_found found;
	struct error error;

	fast_need_namespace();
	bed = test_memory(sizeof *bed);
	bed->hook = tested;
	bed->devices[SPINAT_INSIDE] = if_nametoindex(DEVICE_INSIDE);
	bed->devices[SPINAT_OUTSIDE] = if_nametoindex(DEVICE_OUTSIDE);
	need(fast_open(&bed->fast, config, NULL, &bed->memory, &found, &error),
	    &error);
	assert_int_equal(spinat_region_sizes(config, bed->memory.size), 0);
	bed->memory.base[SPINAT_REGION_ENGINE] =
	    test_memory(bed->memory.size[SPINAT_REGION_ENGINE]);
	bed->nat =
	    nat_start_in(config, &bed->memory, fast_now() - FAST_HEAD_START);
	need(fast_load(bed->fast, bed->nat->engine, tested, bed->devices,
		 clock_begin, &error),
	    &error);
	need(fast_attach(bed->fast, FAST_BY_LINKS, &error), &error);
	fast_set_linger(bed->fast, 3600 * SPINAT_SECOND);
	fast_beat(bed->fast, fast_now());
	fast_next_epoch(bed->fast);
	started = bed;
	return bed;
}

struct bed *start_fast(void)
{
	struct spinat_config config;

	nat_config(&config);
	return fast_start(&config);
}

void fast_stop(struct bed *bed)
{
	nat_stop(bed->nat);
	free(bed->memory.base[SPINAT_REGION_ENGINE]);
	fast_close(bed->fast);
	free(bed);
	started = NULL;
}

int fast_stop_failed(void **state)
{
	(void)state;
	if (started != NULL)
		fast_stop(started);
	return 0;
}

/* ------------------------------------------------------------- running */

#define FRAME_ROOM (ETH_HLEN + PACKET_ROOM)

static size_t make_frame(
    const struct bed *bed, const struct pkt *pkt, unsigned side, uint8_t *frame)
{
	(void)bed;
	memset(frame, 0xee, FRAME_ROOM);
	memcpy(frame, macs[side], 6);
	put16(frame + 12, ETH_P_IP);
	memcpy(frame + ETH_HLEN, pkt->data, pkt->length);
	return ETH_HLEN + pkt->length;
}

static const char *program_of(enum fast_hook hook, enum spinat_side side)
{
	if (hook == FAST_XDP)
		return side == SPINAT_INSIDE ? "fast_xdp_inside"
					     : "fast_xdp_outside";
	return side == SPINAT_INSIDE ? "fast_tc_inside" : "fast_tc_outside";
}

/* Runs it on a frame, and gives back what became of that. */
static uint32_t run(struct bed *bed, const char *name, bool xdp, unsigned side,
    const uint8_t *frame, size_t length, uint8_t *result, uint32_t segment)
{
	struct xdp_md meta = {.data_end = (uint32_t)length,
	    .ingress_ifindex = bed->devices[side]};
	struct __sk_buff skb = {.ifindex = bed->devices[side],
	    .gso_size = segment,
	    .gso_segs = segment == 0 ? 0 : 2};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame,
	    .data_size_in = (uint32_t)length, .data_out = result,
	    .data_size_out = FRAME_ROOM,
	    .ctx_in = xdp ? (void *)&meta : (void *)&skb,
	    .ctx_size_in = xdp ? sizeof meta : sizeof skb, .repeat = 1);
	const int program = fast_program(bed->fast, name);

	assert_true(program >= 0);
	assert_int_equal(bpf_prog_test_run_opts(program, &options), 0);
	assert_int_equal(options.data_size_out, length);
	return options.retval;
}

/* The next hops that the namespace names. */
static void assert_next_hop(const uint8_t *frame, enum spinat_side side)
{
	static const uint8_t router[6] = {2, 0, 0, 0, 1, 1};
	uint8_t host[6] = {2, 0, 0, 0, 2, frame[ETH_HLEN + 19]};

	assert_memory_equal(frame, side == SPINAT_INSIDE ? router : host, 6);
	assert_memory_equal(frame + 6, macs[!side], 6);
}

void fast_leaves(struct bed *bed, enum spinat_side wire, struct pkt *pkt)
{
	uint8_t frame[FRAME_ROOM], result[FRAME_ROOM];
	const size_t length = make_frame(bed, pkt, wire, frame);

	assert_int_equal(run(bed,
			     wire == SPINAT_INSIDE ? "fast_note_inside"
						   : "fast_note_outside",
			     false, wire, frame, length, result, 0),
	    UINT32_MAX);
	assert_memory_equal(result, frame, length);
}

static enum answer answer_of(enum fast_hook hook, uint32_t code)
{
	const bool xdp = hook == FAST_XDP;

	if (code == (xdp ? (uint32_t)XDP_PASS : UINT32_MAX))
		return LEFT;
	if (code == (xdp ? (uint32_t)XDP_DROP : (uint32_t)TC_ACT_SHOT))
		return DROPPED;
	assert_int_equal(
	    code, xdp ? (uint32_t)XDP_REDIRECT : (uint32_t)TC_ACT_REDIRECT);
	return TAKEN;
}

static enum answer run_large(
    struct bed *bed, enum spinat_side side, struct pkt *pkt, uint32_t segment)
{
	uint8_t frame[FRAME_ROOM], result[FRAME_ROOM];
	const size_t length = make_frame(bed, pkt, side, frame);
	const enum answer answer = answer_of(bed->hook,
	    run(bed, program_of(bed->hook, side), bed->hook == FAST_XDP, side,
		frame, length, result, segment));

	if (answer != TAKEN) {
		assert_memory_equal(result, frame, length);
		return answer;
	}
	assert_next_hop(result, side);
	memcpy(pkt->data, result + ETH_HLEN, pkt->length);
	return TAKEN;
}

enum answer fast_run_alone(
    struct bed *bed, enum spinat_side side, struct pkt *pkt)
{
	return run_large(bed, side, pkt, 0);
}

enum answer fast_run_large(
    struct bed *bed, enum spinat_side side, struct pkt *pkt, uint32_t segment)
{
	enum answer answer;

	bed->nat->now = fast_now();
	fast_beat(bed->fast, bed->nat->now - bed->away);
	answer = run_large(bed, side, pkt, segment);

	if (answer == TAKEN && bed->hook == FAST_TC)
		fast_leaves(bed, (enum spinat_side) !side, pkt);
	return answer;
}

enum answer fast_run(struct bed *bed, enum spinat_side side, struct pkt *pkt)
{
	return fast_run_large(bed, side, pkt, 0);
}

bool fast_cross(struct bed *bed, enum spinat_side side, struct pkt *pkt,
    enum answer *answer)
{
	*answer = fast_run(bed, side, pkt);
	if (*answer == TAKEN)
		return true;
	if (nat_send(bed->nat, side, pkt) != SPINAT_TRANSLATED)
		return false;
	fast_leaves(bed, (enum spinat_side)pkt->to, pkt);
	return true;
}

uint64_t fast_count_of(
    const struct bed *bed, enum spinat_side side, enum fast_outcome outcome)
{
	struct fast_sums sums[FAST_OUTCOMES];

	assert_int_equal(fast_get_sums(bed->fast, side, sums), 0);
	return sums[outcome].packets;
}

/* ------------------------------------------------------- what is said */

void assert_left(struct bed *bed, enum spinat_side side, struct pkt *pkt,
    enum fast_outcome outcome)
{
	const uint64_t before = fast_count_of(bed, side, outcome);

	assert_int_equal(fast_run(bed, side, pkt), LEFT);
	if (fast_count_of(bed, side, outcome) != before + 1)
		fail_msg("it was not \"%s\"", fast_outcome_name(outcome));
}

void fast_age(struct pkt *pkt)
{
	pkt->data[8]--;
	fix_sums(pkt);
}

void assert_taken(struct bed *bed, enum spinat_side side, struct pkt *pkt)
{
	const uint64_t before = fast_count_of(bed, side, FAST_TAKEN);
	struct pkt same = *pkt;

	assert_int_equal(fast_run(bed, side, pkt), TAKEN);
	assert_int_equal(fast_count_of(bed, side, FAST_TAKEN), before + 1);
	nat_cross(bed->nat, side, &same);
	/* Both draw ids from one sequence. */
	if (side == SPINAT_INSIDE && same.length > 576) {
		assert_int_equal(
		    get16(same.data + 4), get16(pkt->data + 4) + 1);
		memcpy(same.data + 4, pkt->data + 4, 2);
	}
	fast_age(&same);
	assert_memory_equal(pkt->data, same.data, same.length);
	assert_true(sums_are_right(pkt->data, pkt->length, 0));
}
