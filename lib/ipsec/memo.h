/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What outlives a restart: IKE SAs and SPIs as records that can be written down
 * and made again.
 *
 * A record is known outside by its number, not by what it says, so a change is
 * a mark on that number and nothing else; what is handed out is what the record
 * is by then, or that it is gone.  Nothing can be lost for want of room, and
 * what changes often is handed out once.
 *
 * Packets of an established SPI mark nothing.  Their stamps and counters are
 * caught up with by a slow walk over the associations, which takes place when
 * somebody asks for changes: every MEMO_REFRESH at most, a few at a time.
 */
#ifndef SPINAT_IPSEC_MEMO_H
#define SPINAT_IPSEC_MEMO_H

#include "base/marks.h"
#include "base/tick.h"

/** How far what was handed out may lag behind an active record. */
#define MEMO_REFRESH (30 * SPINAT_SECOND)
/** For so long after a restore the highest sequence numbers are no more than
 * lower bounds, and what was seen last may have been later. */
#define MEMO_SETTLE (60 * SPINAT_SECOND)

struct memos {
	struct marks flows, ikes; /* by the record's number */
	uint32_t walk; /* the association that is looked at next; 0: at rest */
	bool walk_all; /* also what was not active */
	tick walked;   /* when the last walk began */
	tick since;    /* active: seen since then */
	bool has_restored;
	tick restored; /* the last time that something was put back */
	/* Claims on shared SPIs that were put back whose hosts are not. */
	uint32_t awaited;
};

void memos_init(struct memos *memos, struct arena *arena, uint32_t max_flows,
    uint32_t max_ike, tick now);

/* "Should be called after ..." */

/** ... a flow of ESP was made, changed its state or ended. */
void memo_flow_changed(struct spinat *engine, uint32_t number);
/** ... an IKE SA was made, changed anything but stamps and counters, or ended.
 */
void memo_ike_changed(struct spinat *engine, uint32_t number);

/** What there is to write down of a flow. */
void memo_of_flow(
    const struct spinat *engine, uint32_t number, struct spinat_memo *memo);

/** Whether sequence numbers and stamps may still be from before a restart. */
bool memo_is_settling(const struct spinat *engine);

#endif
