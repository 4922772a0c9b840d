/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was changed beside the rules, so that a later process can undo it: one
 * small file per network namespace under /run/spinat.
 */
#ifndef SPINAT_FIREWALL_STATE_H
#define SPINAT_FIREWALL_STATE_H

#include <stdbool.h>

#include "conf/error.h"
#include "firewall/routes.h"
#include "spinat/spinat.h"

struct state {
	enum spinat_mode mode;
	struct spinat_prefix inside[SPINAT_MAX_INSIDE];
	unsigned inside_count;
	char reserved[1000]; /* ports that were added to the reserved ones */
	bool routed;         /* backend tun: routes were set, for these: */
	struct routes routes;
};

/** False: there is none, or it cannot be read; *state is then empty. */
bool state_load(struct state *state);
int state_save(const struct state *state, struct error *error);
void state_forget(void);

#endif
