/* SPDX-License-Identifier: BSD-2-Clause */
#include "proto/identify.h"

#include "packet/rewrite.h"

/* A large packet, still to be segmented, goes on from its id for each segment.
 * Its checksum is unfinished, and segments are longer than this. */
#define SEGMENT_SHORT 512u

static unsigned segments(const struct view *view)
{
	return (view->packet->flags & SPINAT_PACKET_CSUM_PARTIAL) != 0
	    ? 1 + view->ip_length / SEGMENT_SHORT
	    : 1;
}

SLOW_PATH void identify_anew(struct spinat *engine, const struct view *view)
{
	be16 id = engine->identity;

	if (id.raw == 0)
		id = identity_draw(
		    &engine->identities, view->ip, segments(view));
	rewrite_identity(view->ip, id);
}
