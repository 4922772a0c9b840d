/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sink as the load program sees it: its program on the device, and its
 * counts in shared memory.
 */
#include "bench/gateway/load.h"

#include <time.h>

#include "bench/gateway/netns.h"
#include "bench/gateway/skeletons.h"
#include "bench/gateway/sink.h"
#include "bench/measure.h"

#define PATIENCE 0.25 /* seconds without a packet: the rest is lost */

static struct sink_bpf *program;
static unsigned cpus;

void sink_open(const char *device, uint32_t public_address)
{
	program = sink_bpf__open();
	if (program == NULL)
		die("sink: %s", strerror(errno));
	program->rodata->public_address = public_address;
	cpus = (unsigned)libbpf_num_possible_cpus();
	if (cpus > SINK_CPUS)
		cpus = SINK_CPUS;
	if (sink_bpf__load(program) != 0)
		die("sink: cannot load its program: %s", strerror(errno));
	program->links.sink = bpf_program__attach_xdp(
	    program->progs.sink, (int)device_index(device));
	if (program->links.sink == NULL)
		die("sink: %s: %s", device, strerror(errno));
}

uint64_t sink_received(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < cpus; i++)
		sum += __atomic_load_n(
		    &program->bss->counts[i].packets, __ATOMIC_RELAXED);
	return sum;
}

uint64_t sink_foreign(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < cpus; i++)
		sum += __atomic_load_n(
		    &program->bss->counts[i].foreign, __ATOMIC_RELAXED);
	return sum;
}

void sink_settle(uint64_t expected)
{
	const struct timespec pause = {.tv_nsec = 200000};
	double since = seconds();
	uint64_t before = sink_received();

	while (before < expected && seconds() - since < PATIENCE) {
		uint64_t now;

		(void)nanosleep(&pause, NULL);
		now = sink_received();
		if (now != before)
			since = seconds();
		before = now;
	}
}
