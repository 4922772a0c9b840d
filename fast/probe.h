/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the running kernel has of what the fast path needs, found out by trying
 * each: what a distribution has added to an old kernel counts, and what an
 * administrator has taken away from a new one.
 */
#ifndef SPINAT_FAST_PROBE_H
#define SPINAT_FAST_PROBE_H

#include <stdbool.h>

#include "conf/error.h"

/** What may be one way or the other. */
struct fast_features {
	bool tc_links; /* else programs at tc are filters (fast/clsact.h) */
};

/** Asks the kernel; nothing of it stays.  The first thing that is lacking goes
 * to `error`: -EPERM or -EACCES, it is not allowed; -ENOSYS or -EOPNOTSUPP,
 * there is none. */
int fast_probe(struct fast_features *features, struct error *error);

/** What to add to the message of such a code: " (it wants CAP_BPF ...)", or "".
 */
const char *fast_who_may(int code);

#endif
