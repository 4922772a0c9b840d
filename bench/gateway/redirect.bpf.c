/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In the gateway's place, what only moves frames from one device to the other:
 * what a measurement with it takes is the generator's, the wires' and the
 * sink's time.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile __u32 inside_index = 0, outside_index = 0;

SEC("xdp")
int redirect(struct xdp_md *ctx)
{
	return (int)bpf_redirect(
	    ctx->ingress_ifindex == inside_index ? outside_index : inside_index,
	    0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
