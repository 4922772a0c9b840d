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
/** Says each rule of the administrator's that sends elsewhere what comes to
 * public ports that spinatd maps, as it stands now; the text is gone after the
 * call.  spinatd is not in its way, nor it in spinatd's, but for packets of
 * flows and redirects of spinatd's, which never meet it. */
typedef void firewall_say(void *context, const char *rule);
void firewall_find_dnat(
    const struct conf *conf, firewall_say *say, void *context);
/** A clean stop: takes feeding rules and guard away again. */
int firewall_remove(struct error *error);
/** spinatd --detach: the same, whatever an earlier daemon left behind. */
int firewall_detach(struct error *error);

#endif
