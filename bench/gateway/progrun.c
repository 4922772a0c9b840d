/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a gateway's BPF program takes alone, by BPF_PROG_RUN, without wires:
 *
 *   bench-gateway-progrun xdp DEVICE KIND FLOWS SEQUENCE ROUNDS CPU[,CPU]
 *   bench-gateway-progrun xdp|tc ID@DEVICE ...
 *
 * run in the gateway's namespace, measures the program that is attached to
 * DEVICE for XDP, or the one with that number; packets are said to come from
 * DEVICE.  KIND is as in kind.h; ESP's numbers go on after SEQUENCE.  Each
 * round runs an empty program and this one, on packets of flows drawn at random
 * that spread.bpf.c writes, and prints what the second takes more; medians over
 * the rounds:
 *
 *   nanoseconds N packets P sequence S
 *
 * With two CPUs, how many million packets a second it carries on the first, and
 * on both, each with flows of its own; and how many times what one carries both
 * carry with flows of their own, with all flows on both, and as an empty
 * program, which is what the machine can give:
 *
 *   one N two N own N same N empty N packets P
 *
 * Own flows are dealt out in turn, so that neighbours in a table are of
 * different CPUs, as a device that deals flows out by a hash has it.
 */
#include <linux/if_link.h>
#include <linux/pkt_cls.h>

#include "bench/gateway/kind.h"
#include "bench/gateway/netns.h"
#include "bench/gateway/pass.h"
#include "bench/gateway/skeletons.h"
#include "bench/measure.h"

#define ROUNDS 64
#define TRIES  3 /* one may be a probe of the rules, which is let pass */

struct target {
	bool tc;
	int program;
	unsigned device;
	unsigned cpus[PASS_CPUS], count;
};

static void find_program(struct target *target, const char *text)
{
	const char *at = strchr(text, '@');
	__u32 id = at ? (__u32)strtoul(text, NULL, 10) : 0;

	target->device = device_index(at ? at + 1 : text);
	if (at == NULL &&
	    (target->tc || bpf_xdp_query_id((int)target->device, 0, &id) != 0))
		die("%s: which program?", text);
	target->program = bpf_prog_get_fd_by_id(id);
	if (target->program < 0)
		die("program %u: %s", id, strerror(errno));
}

static void parse_cpus(struct target *target, const char *text)
{
	char *end;

	do {
		if (target->count == PASS_CPUS)
			die("at most %u CPUs", PASS_CPUS);
		target->cpus[target->count++] =
		    (unsigned)strtoul(text, &end, 10);
		text = end + 1;
	} while (*end == ',');
}

static void demand_action(const struct target *target)
{
	const uint32_t wanted =
	    target->tc ? (uint32_t)TC_ACT_REDIRECT : (uint32_t)XDP_REDIRECT;

	for (int i = 0; i < TRIES; i++)
		if (pass_action(target->program, target->cpus[0]) == wanted)
			return;
	die("it does not send packets on");
}

/* Nanoseconds that the program takes, on each of the first `count` CPUs. */
static void run(const struct target *target, unsigned count,
    enum pass_flows flows, const double *empty, double *took)
{
	pass_run(target->program, target->cpus, count, flows, took);
	for (unsigned i = 0; i < count; i++)
		took[i] -= empty[i];
}

static double rate(const double *took, unsigned count)
{
	double sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum += 1 / took[i];
	return sum;
}

static void measure_one(const struct target *target, int rounds)
{
	double times[ROUNDS];

	for (int i = 0; i < rounds; i++) {
		double empty;

		pass_run(-1, target->cpus, 1, PASS_SAME, &empty);
		run(target, 1, PASS_SAME, &empty, &times[i]);
	}
	printf("nanoseconds %.2f packets %llu sequence %u\n",
	    median(times, rounds), (unsigned long long)pass_packets(),
	    pass_sequence());
}

static void measure_all(const struct target *target, int rounds)
{
	double one[ROUNDS], two[ROUNDS], own[ROUNDS], same[ROUNDS],
	    empty[ROUNDS];

	for (int i = 0; i < rounds; i++) {
		double alone, single, none[PASS_CPUS], took[PASS_CPUS];

		pass_run(-1, target->cpus, 1, PASS_OWN, &alone);
		run(target, 1, PASS_OWN, &alone, &single);
		pass_run(-1, target->cpus, target->count, PASS_OWN, none);
		empty[i] = alone * rate(none, target->count);
		one[i] = 1e3 / single;
		run(target, target->count, PASS_OWN, none, took);
		two[i] = 1e3 * rate(took, target->count);
		own[i] = two[i] / one[i];
		run(target, target->count, PASS_SAME, none, took);
		same[i] = single * rate(took, target->count);
	}
	printf("one %.3f two %.3f own %.3f same %.3f empty %.3f packets %llu\n",
	    median(one, rounds), median(two, rounds), median(own, rounds),
	    median(same, rounds), median(empty, rounds),
	    (unsigned long long)pass_packets());
}

int main(int argc, char **argv)
{
	struct frame_load load = {0};
	struct target target = {0};
	int rounds;

	if (argc != 8)
		die("bench-gateway-progrun: see the head of progrun.c");
	target.tc = strcmp(argv[1], "tc") == 0;
	find_program(&target, argv[2]);
	parse_kind(argv[3], &load);
	load.flows = (__u32)strtoul(argv[4], NULL, 10);
	load.sequence = (__u32)strtoul(argv[5], NULL, 10);
	rounds = atoi(argv[6]);
	parse_cpus(&target, argv[7]);
	if (rounds < 1 || rounds > ROUNDS || load.flows < target.count)
		die("1 to %d rounds, and a flow for each CPU", ROUNDS);
	if (load.protocol == FRAME_ESP &&
	    (load.flows > FRAME_SAS || target.count > 1))
		die("ESP: one CPU, and at most %u SAs", FRAME_SAS);
	pass_open(&load, target.tc, target.device);
	demand_action(&target);
	if (target.count == 1)
		measure_one(&target, rounds);
	else
		measure_all(&target, rounds);
	return 0;
}
