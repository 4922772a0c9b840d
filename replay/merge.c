/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Merging two captures.  One packet of each is read ahead; it is borrowed from
 * libpcap and stands until the next one of the same file is asked for.
 */
#include "replay/merge.h"

static void read_head(struct merge_side *side)
{
	if (side->capture == NULL) {
		side->status = 0;
		return;
	}
	side->status = capture_next(side->capture, &side->head, &side->error);
	if (side->status == 1)
		side->last = side->head.stamp;
}

void merge_init(
    struct merge *merge, struct capture *inside, struct capture *outside)
{
	struct capture *captures[2] = {
	    [SPINAT_INSIDE] = inside, [SPINAT_OUTSIDE] = outside};

	for (unsigned i = 0; i < 2; i++) {
		merge->sides[i] =
		    (struct merge_side){.capture = captures[i], .last = -1};
		read_head(&merge->sides[i]);
	}
}

/* The broken side that broke off first; NULL: neither is broken. */
static const struct merge_side *broken_side(const struct merge *merge)
{
	const struct merge_side *in = &merge->sides[SPINAT_INSIDE];
	const struct merge_side *out = &merge->sides[SPINAT_OUTSIDE];

	if (in->status < 0 && (out->status >= 0 || in->last <= out->last))
		return in;
	return out->status < 0 ? out : NULL;
}

int merge_peek(struct merge *merge, struct capture_packet *packet,
    enum spinat_side *side, struct error *error)
{
	const struct merge_side *in = &merge->sides[SPINAT_INSIDE];
	const struct merge_side *out = &merge->sides[SPINAT_OUTSIDE];
	const struct merge_side *broken = broken_side(merge);
	const struct merge_side *next = NULL;

	if (in->status == 1)
		next = in;
	if (out->status == 1 &&
	    (next == NULL || out->head.stamp < next->head.stamp))
		next = out;
	if (broken != NULL &&
	    (next == NULL || next->head.stamp > broken->last)) {
		*error = broken->error;
		return broken->status;
	}
	if (next == NULL)
		return 0;
	*packet = next->head;
	*side = next == in ? SPINAT_INSIDE : SPINAT_OUTSIDE;
	return 1;
}

void merge_take(struct merge *merge, enum spinat_side side)
{
	read_head(&merge->sides[side]);
}
