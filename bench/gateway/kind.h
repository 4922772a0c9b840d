/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kinds of packets by the names that the programs here are called with.
 */
#ifndef SPINAT_BENCH_GATEWAY_KIND_H
#define SPINAT_BENCH_GATEWAY_KIND_H

#include "bench/gateway/frame.h"
#include "bench/gateway/netns.h"

#define KINDS "udp|udp-apart|esp"

static inline void parse_kind(const char *text, struct frame_load *load)
{
	load->protocol = FRAME_UDP;
	load->apart = 0;
	if (strcmp(text, "esp") == 0)
		load->protocol = FRAME_ESP;
	else if (strcmp(text, "udp-apart") == 0)
		load->apart = 1;
	else if (strcmp(text, "udp") != 0)
		die("%s: not " KINDS, text);
}

#endif
