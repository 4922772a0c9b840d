/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For measuring a program by BPF_PROG_RUN, which gives it the same packet over
 * and over: this one writes a packet of some flow and goes on to the program
 * that is measured.  What `nothing` takes in its place is taken off.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bench/gateway/frame.h"

struct frame_load load = {};
__u32 turn = 0;
__u32 random_state = 2463534242u;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} measured SEC(".maps"), measured_tc SEC(".maps");

static __always_inline int write_packet(__u8 *frame, __u8 *end)
{
	const __u32 now = turn++;
	const __u32 flow = load.sequential
	    ? now % load.flows
	    : frame_random(&random_state, load.flows);

	if (frame + FRAME_SHORT > end)
		return -1;
	frame_fill(frame, &load, flow, 0, FRAME_SHORT);
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
