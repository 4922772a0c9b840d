/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Budgets of misses: from the configuration to what the programs are told
 * (fast/limits.h).
 */
#ifndef SPINAT_DAEMON_BUDGET_H
#define SPINAT_DAEMON_BUDGET_H

#include "conf/conf.h"
#include "fast/limits.h"

/** All but `has_tunnels` follows from a configuration whose addresses are
 * filled in. */
void budget_limits(
    struct fast_limits *limits, const struct conf *conf, bool has_tunnels);

#endif
