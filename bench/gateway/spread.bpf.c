/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For measuring a program by BPF_PROG_RUN, which gives it the same packet over
 * and over: this one writes a packet of some flow and goes on to the program
 * that is measured.  What `nothing` takes in its place is taken off.
 *
 * It may run on several CPUs at once, each with flows of its own or with the
 * same ones; they share nothing here but what is only read.  (ESP's sequence
 * numbers they would: it is for one CPU.)
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bench/gateway/spread.h"

struct frame_load load = {};
struct spread_window window = {};
struct spread_cpu cpus[SPREAD_CPUS] = {};
/* ESP: how many packets each SA has had. */
__u32 counts[FRAME_SAS] = {};

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} measured SEC(".maps"), measured_tc SEC(".maps");

static __always_inline void look_at_clock(struct spread_cpu *cpu)
{
	struct frame_stamps *stamps = &cpu->stamps;
	const __u64 now = bpf_ktime_get_ns();

	if (now < window.begin || now >= window.end)
		return;
	stamps->last = now;
	stamps->last_turn = cpu->turn;
	if (stamps->first == 0) {
		stamps->first = now;
		stamps->first_turn = cpu->turn;
	}
}

static __always_inline int write_packet(__u8 *frame, __u8 *end)
{
	struct spread_cpu *cpu =
	    &cpus[bpf_get_smp_processor_id() & (SPREAD_CPUS - 1)];
	const __u32 flow =
	    cpu->first + cpu->step * frame_random(&cpu->random, cpu->flows);

	if (cpu->turn % FRAME_BATCH == 0)
		look_at_clock(cpu);
	cpu->turn++;
	if (frame + FRAME_SHORT > end)
		return -1;
	frame_fill(frame, &load, flow, frame_sequence(&load, counts, flow),
	    FRAME_SHORT);
	return 0;
}

SEC("xdp")
int spread(struct xdp_md *ctx)
{
	if (write_packet(
		(__u8 *)(long)ctx->data, (__u8 *)(long)ctx->data_end) == 0)
		bpf_tail_call(ctx, &measured, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int nothing(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

SEC("tc")
int spread_tc(struct __sk_buff *ctx)
{
	if (write_packet(
		(__u8 *)(long)ctx->data, (__u8 *)(long)ctx->data_end) == 0)
		bpf_tail_call(ctx, &measured_tc, 0);
	return TC_ACT_SHOT;
}

SEC("tc")
int nothing_tc(struct __sk_buff *ctx)
{
	(void)ctx;
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
