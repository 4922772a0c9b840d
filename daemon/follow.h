/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Following the public address of the outside interface (natd's dynamic).
 */
#ifndef SPINAT_DAEMON_FOLLOW_H
#define SPINAT_DAEMON_FOLLOW_H

#include <event2/event.h>

#include "conf/conf.h"

struct follow;

/** From now on a new address of conf->interface becomes the engine's and the
 * firewall's.  `conf` is kept up to date, and borrowed, as is the engine. */
int follow_open(struct follow **follow, struct event_base *base,
    struct conf *conf, struct spinat *engine, struct error *error);
void follow_close(struct follow *follow);

#endif
