/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firewall rules that feed spinatd, in chains of their own, and the guard
 * that outlives it.
 */
#ifndef SPINAT_FIREWALL_FIREWALL_H
#define SPINAT_FIREWALL_FIREWALL_H

#include "conf/conf.h"

/** Checks what stands in the way (a masquerade that covers the inside net in
 * mode full ...), then installs feeding rules and guard in one transaction. */
int firewall_install(const struct conf *conf, struct error *error);
/** A clean stop: takes feeding rules and guard away again. */
int firewall_remove(struct error *error);
/** spinatd --detach: the same, whatever an earlier daemon left behind. */
int firewall_detach(struct error *error);

#endif
