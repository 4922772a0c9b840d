/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EXPECT: hints that an inside host and a remote made, or may have made, an
 * IPsec SA, so that an inbound SPI never seen before may be its own.
 *
 * A hint opens weakly when an exchange that could make an SA is under way and
 * grows strong when it is complete (ipsec/exchange.h).  It is closed by the
 * SPI that is paired with it, superseded when there are too many, and forgotten
 * with the last IKE SA of its association.  It is a hint and never a count: a
 * CREATE_CHILD_SA may rekey the IKE SA, an IKE_AUTH may be childless, a Quick
 * Mode may carry several SAs.  So it weighs (ipsec/score.h) and decides
 * nothing.
 */
#ifndef SPINAT_IPSEC_EXPECT_H
#define SPINAT_IPSEC_EXPECT_H

#include "base/tick.h"

#define EXPECT_SLOTS 4u

enum expect_strength { EXPECT_NONE, EXPECT_WEAK, EXPECT_STRONG };

struct expect {
	tick opened;
	uint8_t strength; /* enum expect_strength */
};

struct expects {
	struct expect slots[EXPECT_SLOTS];
};

/** A new hint, in place of the oldest if there is no room. */
void expect_open(
    struct expects *expects, enum expect_strength strength, tick now);
/** The weak one opened then grew strong; made anew if it was superseded. */
void expect_strengthen(struct expects *expects, tick opened, tick now);
/** The hint that says most of an SPI first seen at `seen`: opened last before
 * it, a strong one rather than a weak one; NULL: none. */
const struct expect *expect_best(const struct expects *expects, tick seen);
/** What expect_best() finds is paired: it hints at nothing more.  Returns it
 * (strength NONE: there was none). */
struct expect expect_close_best(struct expects *expects, tick seen);
/** One that was closed is in question again. */
void expect_reopen(struct expects *expects, struct expect expect);
void expect_forget(struct expects *expects);

#endif
