/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * natd's redirects, and redirect_ipsec: setters of the option table.
 */
#ifndef SPINAT_CONF_REDIRECT_H
#define SPINAT_CONF_REDIRECT_H

#include "conf/setting.h"

int redirect_set_port(struct setting *setting);
int redirect_set_proto(struct setting *setting);
int redirect_set_address(struct setting *setting);
int redirect_set_ipsec(struct setting *setting);

/** A rule for people: "tcp 203.0.113.5:8080 -> 192.168.1.10:80". */
struct redirect_text {
	char text[160];
};
struct redirect_text redirect_format(const struct spinat_redirect *rule);

#endif
