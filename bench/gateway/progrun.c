/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a gateway's BPF program takes alone, by BPF_PROG_RUN, without wires:
 *
 *   bench-gateway-progrun xdp DEVICE FLOWS ROUNDS
 *   bench-gateway-progrun xdp|tc ID@DEVICE FLOWS ROUNDS
 *
 * run in the gateway's namespace, measures the program that is attached to
 * DEVICE for XDP, or the one with that number; packets are said to come from
 * DEVICE.  Each round runs an empty program and this one, on UDP of flows
 * drawn at random that spread.bpf.c writes, and the difference is printed:
 *
 *   nanoseconds N action A
 */
#include <linux/if_link.h>

#include "bench/gateway/netns.h"
#include "bench/gateway/skeletons.h"
#include "bench/measure.h"

#define REPEAT 100000
#define ROUNDS 64

struct run {
	int entry;    /* the program that writes packets */
	int measured; /* the array of the one it goes on to */
	int tc;
	unsigned device;
	unsigned action; /* what the last one returned */
};

/** Nanoseconds of a run with that program behind the first, as the kernel has
 * measured: a whole number.  From outside, the call takes some 20 ms more. */
static double run_once(struct run *run, int program)
{
	static unsigned char frame[FRAME_SHORT], out[256];
	const unsigned slot = 0;
	struct xdp_md xdp = {
	    .data_end = sizeof frame, .ingress_ifindex = run->device};
	struct __sk_buff skb = {
	    .ifindex = run->device, .ingress_ifindex = run->device};
	struct bpf_test_run_opts options = {
	    .sz = sizeof options,
	    .data_in = frame,
	    .data_size_in = sizeof frame,
	    .data_out = out,
	    .data_size_out = sizeof out,
	    .repeat = REPEAT,
	    .ctx_in = run->tc ? (void *)&skb : (void *)&xdp,
	    .ctx_size_in = run->tc ? sizeof skb : sizeof xdp,
	};
	int failed = bpf_map_update_elem(run->measured, &slot, &program, 0);

	if (failed != 0)
		die("the program cannot be called: %s", strerror(errno));
	failed = bpf_prog_test_run_opts(run->entry, &options);
	if (failed != 0)
		die("BPF_PROG_RUN: %s", strerror(-failed));
	run->action = options.retval;
	return options.duration;
}

static int program_of(const char *text, int tc, unsigned *device)
{
	const char *at = strchr(text, '@');
	__u32 id = at ? (__u32)strtoul(text, NULL, 10) : 0;
	int fd;

	*device = device_index(at ? at + 1 : text);
	if (at == NULL && (tc || bpf_xdp_query_id((int)*device, 0, &id) != 0))
		die("%s: which program?", text);
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		die("program %u: %s", id, strerror(errno));
	return fd;
}

int main(int argc, char **argv)
{
	struct spread_bpf *spread = spread_bpf__open_and_load();
	struct run run = {0};
	double times[ROUNDS];
	int program, rounds;

	if (argc != 5)
		die("bench-gateway-progrun: see the head of progrun.c");
	if (spread == NULL)
		die("spread: cannot load its programs: %s", strerror(errno));
	run.tc = strcmp(argv[1], "tc") == 0;
	program = program_of(argv[2], run.tc, &run.device);
	spread->bss->load.protocol = FRAME_UDP;
	spread->bss->load.flows = (__u32)strtoul(argv[3], NULL, 10);
	rounds = atoi(argv[4]);
	if (rounds < 1 || rounds > ROUNDS || spread->bss->load.flows == 0)
		die("bench-gateway-progrun: 1 to %d rounds", ROUNDS);
	run.entry = bpf_program__fd(
	    run.tc ? spread->progs.spread_tc : spread->progs.spread);
	run.measured = bpf_map__fd(
	    run.tc ? spread->maps.measured_tc : spread->maps.measured);
	for (int i = 0; i < rounds; i++) {
		const double empty = run_once(&run,
		    bpf_program__fd(run.tc ? spread->progs.nothing_tc
					   : spread->progs.nothing));

		times[i] = run_once(&run, program) - empty;
	}
	printf(
	    "nanoseconds %.0f action %u\n", median(times, rounds), run.action);
	return 0;
}
