/* SPDX-License-Identifier: BSD-2-Clause */
/* IPsec of the gateway's own. */
#ifndef SPINAT_FIREWALL_TUNNELS_H
#define SPINAT_FIREWALL_TUNNELS_H

#include <stdbool.h>

/** Whether the kernel has policies that put what leaves into tunnels (XFRM, of
 * this network namespace).  Where it does not say, there are none. */
bool firewall_has_tunnels(void);

#endif
