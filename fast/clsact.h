/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs at tc where the kernel has no links for them (before Linux 6.6):
 * filters of the clsact qdisc, with a preference, a handle and names of our
 * own.
 *
 * Filters stay when whoever made them dies, and go on with the tables they
 * hold.  What others have on a device, qdiscs and filters, is never touched.
 */
#ifndef SPINAT_FAST_CLSACT_H
#define SPINAT_FAST_CLSACT_H

#include <stdbool.h>

/** Filters of others run before ours by a lower preference, and what they end
 * is not seen by ours.  What is added without one comes after. */
#define CLSACT_PREFERENCE 0x5350u
#define CLSACT_HANDLE     0x5350u

/** Where a program sees packets. */
struct clsact_place {
	unsigned device; /* interface index */
	bool leaving;    /* else what arrives */
};

/** Attaches a program, which `name` tells to whoever lists filters.  A filter
 * of ours that is there is replaced in one step: no packet misses both.  A
 * qdisc is made where there is none, and `*made_qdisc` set.  -EEXIST or
 * -EINVAL: our handle or preference is another's; -EBUSY: the device has a
 * qdisc of the kind `ingress`; or what the kernel says. */
int clsact_attach(const struct clsact_place *place, int program,
    const char *name, bool *made_qdisc);
/** Removes the filter, if it is ours. */
int clsact_detach(const struct clsact_place *place);
/** Whether a filter of ours is there: 1 or 0; -EEXIST: our handle is another's;
 * or what the kernel says. */
int clsact_is_ours(const struct clsact_place *place);
/** Removes the qdisc of a device if it has no filter.  (One that is added in
 * between goes with it: the kernel has nothing that is one step.) */
int clsact_remove_qdisc(unsigned device);
/** Removes every filter of ours in this network namespace but those at `kept`:
 * what a daemon left that did not end cleanly. */
int clsact_clear(const struct clsact_place *kept, unsigned count);

#endif
