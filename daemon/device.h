/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An interface, as far as the fast path's place on it depends on it.
 */
#ifndef SPINAT_DAEMON_DEVICE_H
#define SPINAT_DAEMON_DEVICE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "conf/error.h"

/** What a driver can do at XDP: NETDEV_XDP_ACT_* of <linux/netdev.h>. */
#define DEVICE_XDP_BASIC    UINT64_C(0x1) /* run a program natively */
#define DEVICE_XDP_REDIRECT UINT64_C(0x2) /* ... that gives frames away */
#define DEVICE_XDP_XMIT     UINT64_C(0x4) /* send what another one gives */

struct device {
	char name[IFNAMSIZ];
	char kind[16];    /* "veth", "vlan" ..., else of which bus: "pci" */
	bool is_hardware; /* what it receives comes off a cable */
	uint64_t xdp;     /* DEVICE_XDP_* */
	bool is_untold;   /* that is not known: before Linux 6.3 */
	uint32_t mtu;
	bool merges; /* makes large packets of small ones: GRO or LRO */
	bool untags; /* takes VLAN tags off, and keeps them beside the frame */
};

/** Asks the kernel.  -ENODEV: there is none of that name. */
int device_read(struct device *device, const char *name, struct error *error);

#endif
