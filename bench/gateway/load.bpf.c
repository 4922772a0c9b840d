/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The generator inside the kernel.  BPF_PROG_RUN with live frames takes pages
 * from a pool, runs this program on each, and transmits them through the device
 * that it was told they came from.  A frame comes back into the pool as the
 * gateway left it, so all its headers are written every time.
 *
 * It looks at the clock once in a batch.  From outside the call the time cannot
 * be taken: making the pool, and unmaking it, which waits for a grace period of
 * RCU, take some 20 ms.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bench/gateway/frame.h"

struct frame_load load = {};
__u32 turn = 0;
__u32 random_state = 2463534242u;
/* ESP: how many packets each SA has had. */
__u32 counts[FRAME_SAS] = {};
/* Of the call that goes on: when its first and its last full batch began. */
struct frame_stamps stamps = {};

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	const __u32 now = turn++;
	const __u32 length = frame_length(&load, now);
	const __u32 flow = load.sequential
	    ? now % load.flows
	    : frame_random(&random_state, load.flows);
	__u8 *frame, *end;

	if (now % FRAME_BATCH == 0) {
		stamps.last = bpf_ktime_get_ns();
		stamps.last_turn = now;
		if (stamps.first == 0) {
			stamps.first = stamps.last;
			stamps.first_turn = now;
		}
	}
	if (load.imix &&
	    bpf_xdp_adjust_tail(ctx, (int)length - (int)FRAME_LONG) != 0)
		return XDP_ABORTED;
	frame = (__u8 *)(long)ctx->data;
	end = (__u8 *)(long)ctx->data_end;
	if (frame + FRAME_SHORT > end)
		return XDP_ABORTED;
	frame_fill(
	    frame, &load, flow, frame_sequence(&load, counts, flow), length);
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
