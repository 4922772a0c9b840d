/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's events as log lines.
 */
#ifndef SPINAT_DAEMON_EVENTS_H
#define SPINAT_DAEMON_EVENTS_H

#include "conf/conf.h"
#include "daemon/limit.h"

struct events {
	struct limit sessions; /* TCP, UDP ... : there may be very many */
	struct limit ipsec;
	struct limit refused;
	struct limit dropped;
};

/** Gives the mask for config.events: only what will be logged is called
 * back. */
uint32_t events_init(struct events *events, const struct conf *conf);
/** ops.event, with the struct events as its context. */
void events_log(struct events *events, const struct spinat_event *event);
/** The counters, in a few lines (SIGUSR1, and at a clean stop). */
void events_log_stats(const struct spinat_stats *stats);

#endif
