/* SPDX-License-Identifier: BSD-2-Clause */
/* Talking to nf_tables through libnftables. */
#ifndef SPINAT_FIREWALL_NFT_H
#define SPINAT_FIREWALL_NFT_H

#include <stdbool.h>

#include "conf/error.h"

/** Runs nft commands in one transaction. */
int nft_apply(const char *commands, struct error *error);
/** What `nft list ruleset` says of IPv4, alone or with IPv6; malloc()ed, NULL
 * where there is no nf_tables or no memory. */
char *nft_list(void);
/** Whether the kernel has nf_tables, and in it the queue expression. */
bool nft_available(void);
bool nft_can_queue(void);

#endif
