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

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "bench/gateway/netns.h"
#include "bench/gateway/skeletons.h"
#include "bench/measure.h"

#define FIRST                                                                  \
	(1u << 14) /* frames of the first call, which tells how fast it is */
#define MOST (1u << 22) /* frames of a call, whose end nothing interrupts */

#define PATIENCE 5.0 /* seconds until the one beside has begun */

struct live {
	struct load_bpf *program;
	uint32_t ingress;
	/* If it works beside another one: */
	pthread_t thread;
	unsigned cpu;
};

struct live *live_open(const char *device)
{
	struct live *live = calloc(1, sizeof *live);

	if (live == NULL)
		die("generator: no memory");
	live->ingress = device_index(device);
	live->program = load_bpf__open_and_load();
	if (live->program == NULL)
		die("generator: cannot load its program: %s", strerror(errno));
	return live;
}

/** BPF_PROG_RUN, of so many frames at most; 0 or a negative error: -EINTR if a
 * signal ended it. */
static int run(struct live *live, const struct frame_load *load, uint64_t count)
{
	unsigned char frame[FRAME_LONG] = {0};
	struct xdp_md context = {
	    .data_end = load->imix ? FRAME_LONG : FRAME_SHORT,
	    .ingress_ifindex = live->ingress,
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

	return bpf_prog_test_run_opts(
	    bpf_program__fd(live->program->progs.generate), &options);
}

/** One call; adds what it sent, and how long that took, to the tally. */
static void call(struct live *live, const struct frame_load *load,
    uint64_t count, struct tally *tally)
{
	const struct frame_stamps *stamps = &live->program->bss->stamps;
	int failed;

	live->program->bss->stamps = (struct frame_stamps){0};
	failed = run(live, load, count);
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

static void set_load(struct live *live, const struct frame_load *load)
{
	live->program->bss->load = *load;
	live->program->bss->turn = 0;
}

void live_run(struct live *live, const struct frame_load *load,
    struct span span, struct tally *tally)
{
	set_load(live, load);
	*tally = (struct tally){0};
	do
		call(live, load, next_call(span, tally), tally);
	while (tally->sent < span.packets && tally->seconds < span.seconds);
}

uint32_t live_sequence(const struct live *live, const struct frame_load *load)
{
	return frame_highest(load, live->program->bss->counts);
}

/* ------------------------------------------------- beside another one */

static void ignore(int number)
{
	(void)number;
}

static void *work(void *context)
{
	struct live *live = context;
	const struct frame_load load = live->program->bss->load;
	cpu_set_t set;
	int failed;

	CPU_ZERO(&set);
	CPU_SET(live->cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set) != 0)
		die("CPU %u: %s", live->cpu, strerror(errno));
	failed = run(live, &load, INT32_MAX);
	if (failed != -EINTR)
		die("generator: %s", strerror(-failed));
	return NULL;
}

void live_begin(struct live *live, const struct frame_load *load, unsigned cpu)
{
	const struct sigaction action = {.sa_handler = ignore};
	const struct timespec pause = {.tv_nsec = 1000000};
	const double since = seconds();

	set_load(live, load);
	live->cpu = cpu;
	(void)sigaction(SIGUSR1, &action, NULL);
	if (pthread_create(&live->thread, NULL, work, live) != 0)
		die("generator: no thread");
	while (
	    __atomic_load_n(&live->program->bss->turn, __ATOMIC_RELAXED) == 0) {
		if (seconds() - since > PATIENCE)
			die("generator: CPU %u does not begin", cpu);
		(void)nanosleep(&pause, NULL);
	}
}

uint64_t live_end(struct live *live)
{
	if (pthread_kill(live->thread, SIGUSR1) != 0 ||
	    pthread_join(live->thread, NULL) != 0)
		die("generator: CPU %u does not end", live->cpu);
	return live->program->bss->turn;
}
