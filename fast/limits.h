/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs let through to the daemon of packets that no flow is known
 * for (docs/fast-path.md, "Budgets").
 */
#ifndef SPINAT_FAST_LIMITS_H
#define SPINAT_FAST_LIMITS_H

#include "spinat/spinat.h"

/** How long a budget that nothing was taken of lasts for, ns: so much may come
 * at once.  That of all fits the netfilter queue many times. */
#define FAST_BURST_SOURCE SPINAT_SECOND
#define FAST_BURST_ALL    (SPINAT_SECOND / 10)

struct fast_limits {
	/** Of each direction: what a packet costs of the budget of its source,
	 * and of that of all, ns; 0: there is no such budget. */
	uint32_t cost_source, cost_all;
	/** What the firewall's rules queue of packets to a public address: TCP
	 * and UDP ports in host order, low to high, beside port 500, and types
	 * of ICMP, a bit each. */
	uint32_t port_low, port_high;
	uint32_t icmp_types;
	/** Whether all that leaves with an inside source is queued (mode full),
	 * or what belongs to IPsec. */
	bool is_full;
	/** The gateway has IPsec of its own: neither what goes into its tunnels
	 * nor what comes out of them can be told from a miss here. */
	bool has_tunnels;
	uint32_t public_count, inside_count;
	spinat_be32 publics[SPINAT_MAX_PUBLIC];
	struct {
		spinat_be32 address, mask;
	} inside[SPINAT_MAX_INSIDE];
};

#endif
