/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The setters of the option table's rows, but for the redirects' (redirect.h).
 * A setter reads setting->rest to its end and either sets all or nothing.
 *
 * A boolean's bare name means yes, as in natd.  Of an option said twice the
 * last counts, as in natd, except for the lists: alias_address and
 * inside_network add up, so does ike_ports by remote, redirects are rules of
 * their own.
 */
#ifndef SPINAT_CONF_SETTERS_H
#define SPINAT_CONF_SETTERS_H

#include "conf/setting.h"

/* By kind, into the row's `offset`. */
int setter_yes_no(struct setting *setting);
/** Within the row's `low` and `high`. */
int setter_number(struct setting *setting);
int setter_duration(struct setting *setting);
int setter_duration_or_off(struct setting *setting);
/** The rest of the line, so that a path may have spaces; at most `high` long.
 */
int setter_path(struct setting *setting);
int setter_interface(struct setting *setting);

/* Of one option each. */
int setter_config(struct setting *setting);
int setter_alias_address(struct setting *setting);
int setter_inside_network(struct setting *setting);
int setter_mode(struct setting *setting);
int setter_filtering(struct setting *setting);
int setter_ipsec_addresses(struct setting *setting);
int setter_ike_ports(struct setting *setting);
int setter_port_range(struct setting *setting);
/** Inbound SPIs are some of the flows: fewer flows, fewer of them, unless
 * max_spis says itself how many. */
int setter_max_flows(struct setting *setting);
int setter_backend(struct setting *setting);
int setter_fast_path(struct setting *setting);
int setter_firewall(struct setting *setting);
int setter_log_target(struct setting *setting);

#endif
