/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One pass: a thread on each CPU calls BPF_PROG_RUN, which goes on until a
 * signal; when all have begun, a window of time is opened in which the program
 * itself looks at the clock.  So all run during all that is measured, and what
 * the calls take before and after (some 20 ms) is not in it.
 */
#include "bench/gateway/pass.h"

#include <pthread.h>
#include <signal.h>

#include "bench/gateway/netns.h"
#include "bench/gateway/skeletons.h"
#include "bench/measure.h"

#define WINDOW   20000000u /* ns */
#define PATIENCE 5.0       /* seconds until all have begun */

struct worker {
	pthread_t thread;
	unsigned cpu;
};

static struct spread_bpf *spread;
static bool is_tc;
static unsigned ingress;
static uint64_t packets;
/* Of the threads that measure; the one that ends them goes before them. */
static int policy;
static struct sched_param priority;

static void ignore(int number)
{
	(void)number;
}

static void set_priority(int above)
{
	const struct sched_param param = {
	    .sched_priority = priority.sched_priority + above};

	if (policy != SCHED_OTHER &&
	    pthread_setschedparam(pthread_self(), policy, &param) != 0)
		die("a real-time priority cannot be changed");
}

void pass_open(const struct frame_load *load, bool tc, unsigned device)
{
	const struct sigaction action = {.sa_handler = ignore};

	spread = spread_bpf__open_and_load();
	if (spread == NULL)
		die("spread: cannot load its programs: %s", strerror(errno));
	spread->bss->load = *load;
	is_tc = tc;
	ingress = device;
	(void)sigaction(SIGUSR1, &action, NULL);
	(void)pthread_getschedparam(pthread_self(), &policy, &priority);
	set_priority(1);
}

/* 0, or what it failed with. */
static int call(uint32_t repeat, uint32_t *action)
{
	unsigned char frame[FRAME_SHORT] = {0}, out[256];
	struct xdp_md xdp = {
	    .data_end = sizeof frame, .ingress_ifindex = ingress};
	struct __sk_buff skb = {.ifindex = ingress, .ingress_ifindex = ingress};
	struct bpf_test_run_opts options = {
	    .sz = sizeof options,
	    .data_in = frame,
	    .data_size_in = sizeof frame,
	    .data_out = out,
	    .data_size_out = sizeof out,
	    .repeat = (int)repeat,
	    .ctx_in = is_tc ? (void *)&skb : (void *)&xdp,
	    .ctx_size_in = is_tc ? sizeof skb : sizeof xdp,
	};
	const int failed = bpf_prog_test_run_opts(
	    bpf_program__fd(
		is_tc ? spread->progs.spread_tc : spread->progs.spread),
	    &options);

	*action = options.retval;
	return failed;
}

static void go_to(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set) != 0)
		die("CPU %u: %s", cpu, strerror(errno));
}

static void *work(void *context)
{
	const struct worker *worker = context;
	uint32_t action;
	int failed;

	go_to(worker->cpu);
	set_priority(0);
	failed = call(INT32_MAX, &action);
	if (failed != -EINTR)
		die("BPF_PROG_RUN: %s", strerror(-failed));
	return NULL;
}

static void put_behind(int program)
{
	const uint32_t slot = 0;
	const int map = bpf_map__fd(
	    is_tc ? spread->maps.measured_tc : spread->maps.measured);
	const int nothing = bpf_program__fd(
	    is_tc ? spread->progs.nothing_tc : spread->progs.nothing);

	if (bpf_map_update_elem(
		map, &slot, program < 0 ? &nothing : &program, 0) != 0)
		die("the program cannot be called: %s", strerror(errno));
}

static struct spread_cpu *state_of(unsigned cpu)
{
	return &spread->bss->cpus[cpu & (SPREAD_CPUS - 1)];
}

static void wait_for_all(const struct worker *workers, unsigned count)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	const double since = seconds();

	for (unsigned i = 0; i < count; i++)
		while (__atomic_load_n(&state_of(workers[i].cpu)->turn,
			   __ATOMIC_RELAXED) == 0) {
			if (seconds() - since > PATIENCE)
				die("CPU %u does not begin", workers[i].cpu);
			(void)nanosleep(&pause, NULL);
		}
}

static void measure_window(void)
{
	const struct timespec whole = {.tv_nsec = WINDOW};
	struct spread_window *window = &spread->bss->window;
	const uint64_t begin = (uint64_t)(seconds() * 1e9);

	window->end = begin + WINDOW;
	__atomic_store_n(&window->begin, begin, __ATOMIC_RELEASE);
	(void)nanosleep(&whole, NULL);
}

static void end(struct worker *workers, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (pthread_kill(workers[i].thread, SIGUSR1) != 0 ||
		    pthread_join(workers[i].thread, NULL) != 0)
			die("a thread does not end: %s", strerror(errno));
	}
}

static double time_of(unsigned cpu)
{
	const struct frame_stamps *stamps = &state_of(cpu)->stamps;

	if (stamps->last == stamps->first)
		die("CPU %u did not run", cpu);
	return (double)(stamps->last - stamps->first) /
	    (stamps->last_turn - stamps->first_turn);
}

void pass_run(int program, const unsigned *cpus, unsigned count,
    enum pass_flows flows, double *nanoseconds)
{
	const unsigned step = flows == PASS_OWN ? count : 1;
	struct worker workers[PASS_CPUS];

	put_behind(program);
	spread->bss->window = (struct spread_window){UINT64_MAX, 0};
	for (unsigned i = 0; i < count; i++) {
		workers[i].cpu = cpus[i];
		*state_of(cpus[i]) = (struct spread_cpu){
		    .flows = spread->bss->load.flows / step,
		    .step = step,
		    .first = flows == PASS_OWN ? i : 0,
		    .random = 2463534242u + i * 2654435769u,
		};
		if (pthread_create(
			&workers[i].thread, NULL, work, &workers[i]) != 0)
			die("no thread: %s", strerror(errno));
	}
	wait_for_all(workers, count);
	measure_window();
	end(workers, count);
	for (unsigned i = 0; i < count; i++) {
		nanoseconds[i] = time_of(cpus[i]);
		packets += program < 0 ? 0 : state_of(cpus[i])->turn;
	}
}

uint32_t pass_action(int program, unsigned cpu)
{
	uint32_t action;
	int failed;

	put_behind(program);
	go_to(cpu);
	*state_of(cpu) =
	    (struct spread_cpu){.flows = 1, .step = 1, .random = 1};
	failed = call(1, &action);
	if (failed != 0)
		die("BPF_PROG_RUN: %s", strerror(-failed));
	packets++;
	return action;
}

uint64_t pass_packets(void)
{
	return packets;
}

uint32_t pass_sequence(void)
{
	return frame_highest(&spread->bss->load, spread->bss->counts);
}
