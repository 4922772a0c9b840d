/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bounded memory of inbound SPIs that were refused for lack of budget, so
 * that a genuine one is known again at its second packet, in the midst of a
 * flood of forged ones.
 *
 * A line of eight slots by hash; a slot is a fingerprint of {public, remote,
 * SPI} and the low byte of the sequence number.  A line forgets its oldest
 * first. A flood of random SPIs thus ages a line by one slot for every lines'
 * worth of packets: with the default of 65,536 SPIs and 100,000 forged ones a
 * second, 99 in a hundred are remembered for a second, and seven in ten for
 * two.
 */
#ifndef SPINAT_IPSEC_SKETCH_H
#define SPINAT_IPSEC_SKETCH_H

#include "base/arena.h"

#define SKETCH_SLOTS 8u

struct sketch {
	uint32_t *slots; /* newest first in each line */
	uint32_t lines;  /* a power of two */
};

void sketch_init(struct sketch *sketch, struct arena *arena, uint32_t spis);

/** Notes an SPI by the hash of its key.  True: it was there, with a lower
 * sequence number (as far as its low byte tells). */
bool sketch_note(struct sketch *sketch, uint64_t hash, uint32_t sequence);

#endif
