/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timing: does one stream of packets follow another?
 *
 * A host that can decrypt what an SPI carries often answers it, and a remote
 * answers what the host sent.  So the first packet of the second stream after a
 * packet of the first ends a trial, and the lag between them falls into a bin.
 * If the streams have nothing to do with each other, a lag under T has at most
 * the probability of T times the rate of the denser stream.  How much better
 * than that the lags are is what the timing weighs.
 *
 * Clocks deceive: two streams of the same period (pings, voice), perhaps begun
 * by the same event, keep their distance for a long time, so that one
 * coincidence explains all that follow.  Hence trials count by how many
 * different intervals there are between them, and where these are few they
 * weigh little; unless the second stream shows that it follows the first one's
 * jitter and not a clock of its own: then the lag varies less than the interval
 * does.
 */
#ifndef SPINAT_IPSEC_TIMING_H
#define SPINAT_IPSEC_TIMING_H

#include "base/deciban.h"

/* Lags of up to 250 us, 1, 4, 16, 64 and 256 ms. */
#define LAG_BINS 6u

/* Intervals by size, two bins an octave of milliseconds. */
#define INTERVAL_BINS 32u
/* Of several clocks at once, a trial resembles one of the last so many. */
#define TRIALS_KEPT 4u

struct timing {
	spinat_time begun; /* the first stream's latest packet; 0: none */
	spinat_time last;  /* when the trial before ended */
	uint32_t kept_lags[TRIALS_KEPT], kept_intervals[TRIALS_KEPT]; /* us */
	uint32_t lag_moves, interval_moves; /* sums of their changes, us */
	uint16_t trials;                    /* that ended */
	uint16_t lags[LAG_BINS];            /* how many within which bin */
	uint8_t intervals[INTERVAL_BINS];
};

/** A packet of the first stream. */
void timing_begin(struct timing *timing, spinat_time now);
/** A packet of the second. */
void timing_end(struct timing *timing, spinat_time now);

/** What the trials weigh if the denser stream had `packets` in `span`: 0 to
 * TIMING_MOST; from streams that may be clocks at most TIMING_OF_CLOCKS. */
#define TIMING_MOST      40
#define TIMING_OF_CLOCKS 10
deciban timing_weigh(
    const struct timing *timing, uint32_t packets, spinat_time span);

/** How improbable a single coincidence as near as the farthest lag is: for a
 * stream that had `packets` in `span`.  0: there was no trial. */
deciban timing_coincidence(
    const struct timing *timing, uint32_t packets, spinat_time span);

#endif
