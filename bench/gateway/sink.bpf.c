/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sink: counts and drops the packets of a load, which it knows by the
 * addresses they go to, and returns to its sender what is for the echo port.
 * All else (ARP, TCP) goes on to the host.
 *
 * The counts are in memory that the generator maps, so that reading them costs
 * it nothing.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bench/gateway/frame.h"
#include "bench/gateway/sink.h"

#define ECHO_PORT 7u

/** Which source address the packets of a load have; 0: any.  In wire order. */
const volatile __u32 public_address = 0;

struct sink_count counts[SINK_CPUS] = {};

/* Back where it came from, by XDP_REDIRECT: with XDP_TX a veth loses, without a
 * word, what its peer has no XDP program for. */
static int echo(struct xdp_md *ctx, __u8 *frame)
{
	__u16 *mac = (__u16 *)frame;
	__u32 *addresses = (__u32 *)(frame + 26);
	__u16 *ports = (__u16 *)(frame + 34);
	const __u32 address = addresses[0];
	const __u16 port = ports[0];

#pragma unroll
	for (int i = 0; i < 3; i++) {
		const __u16 half = mac[i];
		mac[i] = mac[i + 3];
		mac[i + 3] = half;
	}
	addresses[0] = addresses[1];
	addresses[1] = address;
	ports[0] = ports[1];
	ports[1] = port;
	return (int)bpf_redirect(ctx->ingress_ifindex, 0);
}

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	__u8 *frame = (__u8 *)(long)ctx->data;
	const __u32 cpu = bpf_get_smp_processor_id() & (SINK_CPUS - 1);
	__u32 source, destination;

	if (frame + 42 > (__u8 *)(long)ctx->data_end ||
	    *(__u16 *)(frame + 12) != __builtin_bswap16(0x0800) ||
	    frame[14] != 0x45)
		return XDP_PASS;
	source = *(__u32 *)(frame + 26);
	destination = __builtin_bswap32(*(__u32 *)(frame + 30));
	if ((destination & FRAME_REMOTES_MASK) == FRAME_REMOTES) {
		counts[cpu].packets++;
		if (public_address != 0 && source != public_address)
			counts[cpu].foreign++;
		return XDP_DROP;
	}
	if (frame[23] == FRAME_UDP &&
	    *(__u16 *)(frame + 36) == __builtin_bswap16(ECHO_PORT))
		return echo(ctx, frame);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
