/* SPDX-License-Identifier: BSD-2-Clause */
/* The IPv4 addresses of a network interface, and news of their change. */
#ifndef SPINAT_FIREWALL_INTERFACE_H
#define SPINAT_FIREWALL_INTERFACE_H

#include <stdbool.h>

#include "spinat/spinat.h"

/** Fills in up to `max` addresses and their networks, either of which may be
 * NULL; returns how many, 0 when it has none, -ENODEV when there is no such
 * interface. */
int interface_addresses(const char *name, spinat_be32 *addresses,
    struct spinat_prefix *nets, unsigned max);

/** Whether an interface of this network namespace has the address. */
bool interface_is_local(spinat_be32 address);

/** A descriptor that becomes readable when an IPv4 address or a link of this
 * network namespace changes; -errno.  The caller closes it. */
int interface_watch(void);
/** Reads what is there, so that the descriptor waits for the next change. */
void interface_watch_drain(int fd);

#endif
