/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The routes that feed the tun back end.
 *
 *   rule    from the inside interface: our table
 *   table   inside networks: throw (on to the main table)
 *           default: spinat-in
 *           default, if that is gone: blackhole
 *   main    each public address: spinat-out, from the dummy address
 *   address the dummy address, on spinat-in
 *   proxy   ARP for each public address on the outside interface
 *
 * The dummy address is whom the kernel's own ICMP errors about what was
 * translated already ("fragmentation needed") come from.  They are sent to the
 * public address, are translated, and come in by spinat-in with a source that
 * is the gateway's own.  The kernel takes that, however strict `rp_filter` is
 * elsewhere, where the address is of the very device and `accept_local` is set.
 */
#ifndef SPINAT_FIREWALL_ROUTES_H
#define SPINAT_FIREWALL_ROUTES_H

#include <net/if.h>

#include "conf/conf.h"

#define ROUTES_DEVICE_INSIDE  "spinat-in"
#define ROUTES_DEVICE_OUTSIDE "spinat-out"
#define ROUTES_TABLE          5350        /* also the rule's priority */
#define ROUTES_DUMMY          0xc0000008u /* 192.0.0.8 (RFC 7600) */

struct routes {
	char inside_interface[IFNAMSIZ], interface[IFNAMSIZ];
	struct spinat_prefix inside[SPINAT_MAX_INSIDE];
	unsigned inside_count;
	spinat_be32 public_addresses[SPINAT_MAX_PUBLIC];
	unsigned public_count;
};

void routes_of_conf(struct routes *routes, const struct conf *conf);
/** Replaces what is left of an earlier daemon; the devices must be up. */
int routes_install(const struct routes *routes, struct error *error);
/** Whatever of it is there. */
int routes_remove(const struct routes *routes, struct error *error);

#endif
