/* SPDX-License-Identifier: BSD-2-Clause */
/* The least that can be done with a flood: to drop it as it arrives. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "tests/netns/flood.h"

SEC("xdp")
int drop(struct xdp_md *frame)
{
	const __u8 *data = (const __u8 *)(long)frame->data;

	return data + 34 <= (const __u8 *)(long)frame->data_end &&
		data[12] == 0x08 && data[13] == 0 && data[15] == FLOOD_TOS
	    ? XDP_DROP
	    : XDP_PASS;
}

char drop_license[] SEC("license") = "Dual BSD/GPL";
