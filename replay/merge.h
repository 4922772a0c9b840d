/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two captures, one per side, as one stream in the order of their stamps.
 *
 * Equal stamps: the inside first, then the order in the file.  Either capture
 * may be absent (NULL): that side is silent.
 *
 * Damage: where one capture breaks off, the other is read on to the stamp of
 * the last good packet of the broken one and no further, so that what came out
 * is the whole truth up to that time.
 */
#ifndef SPINAT_REPLAY_MERGE_H
#define SPINAT_REPLAY_MERGE_H

#include "replay/capture.h"
#include "spinat/spinat.h"

struct merge {
	struct merge_side {
		struct capture *capture; /* borrowed; may be NULL */
		struct capture_packet head;
		int status;   /* 1 head holds, 0 ended, -errno damaged */
		int64_t last; /* stamp of the last good packet; -1 none */
		struct error error;
	} sides[2];
};

/** Reads the first packet of each. */
void merge_init(
    struct merge *merge, struct capture *inside, struct capture *outside);

/** Looks at the next packet and the side it is of: 1; 0 at the end of both;
 * -EBADMSG with `error` at the damage. */
int merge_peek(struct merge *merge, struct capture_packet *packet,
    enum spinat_side *side, struct error *error);

/** Takes the packet that merge_peek() gave. */
void merge_take(struct merge *merge, enum spinat_side side);

#endif
