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

/** Makes the tables for this configuration, or finds those of a daemon before;
 * all of `memory` is filled in but for SPINAT_REGION_ENGINE, and with tables
 * found the first half of the configuration's seed is theirs.  `conf` is kept:
 * a public address that changes in it is heeded. */
int fastpath_open(struct fastpath **fastpath, struct conf *conf,
    struct spinat_memory *memory, struct error *error);
/** The engine goes on with what is in tables that were found; its static rules
 * are there, and it was asked nothing yet. */
void fastpath_adopt(struct fastpath *fastpath, struct spinat *engine);
/** Loads the programs and lets them see packets; the way by which those come
 * that they leave must be open by now. */
int fastpath_start(struct fastpath *fastpath, struct spinat *engine,
    struct event_base *base, struct error *error);
/** Programs and tables shall outlive the daemon, for a while.  False: they
 * cannot, or are not to. */
bool fastpath_leave(struct fastpath *fastpath);
/** Nothing of it runs in the loop any more.  If it is over, all packets come to
 * the daemon from now on; else programs and tables outlive it. */
void fastpath_stop(struct fastpath *fastpath, bool is_over);
/** After the engine's last use.  NULL is allowed. */
void fastpath_close(struct fastpath *fastpath);
/** Whatever daemons left in this network namespace ends. */
int fastpath_detach(const struct conf *conf, struct error *error);

/** "XDP", "tc", or NULL: no program sees packets. */
const char *fastpath_hook(const struct fastpath *fastpath);
/** {"hook": "tc", "why": "eth0 ...", "inside": {"taken": {"packets": 1,
 * "bytes": 60}, "no-flow": ...}, "outside": {...}}; null: there is none. */
json_t *fastpath_report(const struct fastpath *fastpath);

#endif
