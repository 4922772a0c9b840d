/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * News of changed firewall rules: of nf_tables, and of iptables where that is
 * its face.  The older kind of iptables tells nobody.
 */
#ifndef SPINAT_FIREWALL_WATCH_H
#define SPINAT_FIREWALL_WATCH_H

#include <stdbool.h>

/** A descriptor that becomes readable when the rules of this network namespace
 * change; -errno.  The caller closes it. */
int firewall_watch(void);
/** Reads what is there, so that the descriptor waits for the next change.
 * Whether there was one: also if so many came that some were lost. */
bool firewall_watch_drain(int fd);

#endif
