/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/expect.h"

static bool is_open(const struct expect *expect)
{
	return expect->strength != EXPECT_NONE;
}

void expect_reopen(struct expects *expects, struct expect expect)
{
	struct expect *place = &expects->slots[0];

	if (expect.strength == EXPECT_NONE)
		return;
	for (unsigned i = 0; i < EXPECT_SLOTS; i++) {
		struct expect *slot = &expects->slots[i];
		if (!is_open(slot)) {
			place = slot;
			break;
		}
		if (tick_is_after(place->opened, slot->opened))
			place = slot;
	}
	*place = expect;
}

void expect_open(
    struct expects *expects, enum expect_strength strength, tick now)
{
	expect_reopen(expects, (struct expect){now, (uint8_t)strength});
}

void expect_strengthen(struct expects *expects, tick opened, tick now)
{
	for (unsigned i = 0; i < EXPECT_SLOTS; i++) {
		struct expect *slot = &expects->slots[i];
		if (slot->strength == EXPECT_WEAK && slot->opened == opened) {
			*slot = (struct expect){now, EXPECT_STRONG};
			return;
		}
	}
	expect_open(expects, EXPECT_STRONG, now);
}

/* Of two, a strong one; of equals, the one opened later.  What was opened after
 * the SPI was seen says less of it than any other, but says it: the remote may
 * use an SPI before the exchange that agreed it is complete. */
static bool says_more(
    const struct expect *a, const struct expect *than, tick seen)
{
	const bool before = !tick_is_after(a->opened, seen);
	const bool than_before = !tick_is_after(than->opened, seen);

	if (before != than_before)
		return before;
	if (a->strength != than->strength)
		return a->strength > than->strength;
	return tick_is_after(a->opened, than->opened);
}

const struct expect *expect_best(const struct expects *expects, tick seen)
{
	const struct expect *best = NULL;

	for (unsigned i = 0; i < EXPECT_SLOTS; i++) {
		const struct expect *slot = &expects->slots[i];
		if (is_open(slot) &&
		    (best == NULL || says_more(slot, best, seen)))
			best = slot;
	}
	return best;
}

struct expect expect_close_best(struct expects *expects, tick seen)
{
	const struct expect *best = expect_best(expects, seen);
	struct expect closed = {0};

	if (best != NULL) {
		closed = *best;
		expects->slots[best - expects->slots].strength = EXPECT_NONE;
	}
	return closed;
}

void expect_forget(struct expects *expects)
{
	memset(expects, 0, sizeof *expects);
}
