/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast path as the daemon keeps it: the tables, the programs, grace periods
 * and an eye on the firewall's rules.
 */
#ifndef SPINAT_DAEMON_FASTPATH_H
#define SPINAT_DAEMON_FASTPATH_H

#include <event2/event.h>
#include <jansson.h>

#include "conf/conf.h"

struct fastpath;

/** Makes the tables for this configuration; all of `memory` is filled in but
 * for SPINAT_REGION_ENGINE. */
int fastpath_open(struct fastpath **fastpath, const struct conf *conf,
    struct spinat_memory *memory, struct error *error);
/** Loads the programs and lets them see packets; the way by which those come
 * that they leave must be open by now. */
int fastpath_start(struct fastpath *fastpath, const struct conf *conf,
    struct spinat *engine, struct event_base *base, struct error *error);
/** From now on all packets come to the daemon. */
void fastpath_stop(struct fastpath *fastpath);
/** After the engine's last use.  NULL is allowed. */
void fastpath_close(struct fastpath *fastpath);

/** "XDP", "tc", or NULL: no program sees packets. */
const char *fastpath_hook(const struct fastpath *fastpath);
/** {"hook": "tc", "inside": {"taken": {"packets": 1, "bytes": 60},
 * "no-flow": ...}, "outside": {...}}; null: there is none. */
json_t *fastpath_report(const struct fastpath *fastpath);

#endif
