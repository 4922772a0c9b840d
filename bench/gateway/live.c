/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The generator: BPF_PROG_RUN with live frames.  In one call the kernel makes
 * very many frames and puts them on the wire in batches; after each batch it
 * runs what is pending on this CPU, and that is the gateway and the sink.  One
 * CPU does all, in turn, so nothing waits and nothing overruns, and the time of
 * a packet is the sum of what everybody took for it.
 *
 * After a batch it also lets a process run that has become ready, if that one
 * goes before us.  So a gateway that is a process works off each batch before
 * the next one is made, provided that it has a real-time priority (and this
 * CPU).
 *
 * A packet socket takes six times as long for a packet, most of it for calling
 * the gateway for each one, which no device does; what it measures of a gateway
 * is dearer by a third.
 */
#include "bench/gateway/load.h"

#include <sched.h>

#include "bench/gateway/netns.h"
#include "bench/gateway/skeletons.h"
#include "bench/measure.h"

#define FIRST                                                                  \
	(1u << 14) /* frames of the first call, which tells how fast it is */
#define MOST (1u << 22) /* frames of a call, whose end nothing interrupts */

static struct load_bpf *program;
static uint32_t ingress;

void live_open(const char *device)
{
	ingress = device_index(device);
	program = load_bpf__open_and_load();
	if (program == NULL)
		die("generator: cannot load its program: %s", strerror(errno));
}

/** One call; adds what it sent, and how long that took, to the tally. */
static void call(
    const struct frame_load *load, uint64_t count, struct tally *tally)
{
	static uint8_t frame[FRAME_LONG];
	const struct frame_stamps *stamps = &program->bss->stamps;
	struct xdp_md context = {
	    .data_end = load->imix ? FRAME_LONG : FRAME_SHORT,
	    .ingress_ifindex = ingress,
	};
	struct bpf_test_run_opts options = {
	    .sz = sizeof options,
	    .data_in = frame,
	    .data_size_in = context.data_end,
	    .ctx_in = &context,
	    .ctx_size_in = sizeof context,
	    .repeat = (int)count,
	    .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
	    .batch_size = FRAME_BATCH,
	};
	int failed;

	program->bss->stamps = (struct frame_stamps){0};
	failed = bpf_prog_test_run_opts(
	    bpf_program__fd(program->progs.generate), &options);
	if (failed != 0)
		die("generator: %s", strerror(-failed));
	tally->sent += count;
	tally->seconds += (double)(stamps->last - stamps->first) * 1e-9;
	tally->timed += stamps->last_turn - stamps->first_turn;
}

/** How many frames the next call should have, if it is to end in time. */
static uint64_t next_call(struct span span, const struct tally *tally)
{
	const double left = span.seconds - tally->seconds;
	double fitting = FIRST;

	if (tally->timed > 0)
		fitting = left * (double)tally->timed / tally->seconds;
	if (fitting < FIRST)
		fitting = FIRST;
	if (fitting > MOST)
		fitting = MOST;
	if (span.packets - tally->sent < (uint64_t)fitting)
		return span.packets - tally->sent;
	return (uint64_t)fitting / FRAME_BATCH * FRAME_BATCH;
}

void live_run(
    const struct frame_load *load, struct span span, struct tally *tally)
{
	const uint64_t received = sink_received(), foreign = sink_foreign();

	program->bss->load = *load;
	program->bss->turn = 0;
	*tally = (struct tally){0};
	do
		call(load, next_call(span, tally), tally);
	while (tally->sent < span.packets && tally->seconds < span.seconds);
	sink_settle(received + tally->sent);
	tally->received = sink_received() - received;
	tally->foreign = sink_foreign() - foreign;
}

uint32_t live_sequence(const struct frame_load *load)
{
	return frame_highest(load, program->bss->counts);
}
