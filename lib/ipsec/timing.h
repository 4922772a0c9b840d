/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timing: does one stream of packets follow another?
 *
 * A host that can decrypt what an SPI carries often answers it, and a remote
 * answers what the host sent.  So the first packet of the second stream after a
 * packet of the first ends a trial, and the lag between them falls into a bin.
 * If the streams have nothing to do with each other, a lag under T is as
 * probable as it is that a moment is within T of a packet of the denser one
 * (`cover`).  How much better than that the lags are is what the timing weighs.
 *
 * Clocks deceive: two streams of the same period (pings, voice, TCP of the same
 * round trip), perhaps begun by the same event, keep their distance for a long
 * time, so that one coincidence explains all that follow, and they weigh as
 * much.  More weighs what no clock does: that the second stream keeps as near
 * to the first one when its intervals change by far more than the lag.
 */
#ifndef SPINAT_IPSEC_TIMING_H
#define SPINAT_IPSEC_TIMING_H

#include "base/deciban.h"

/* Lags of up to 250 us, 1, 4, 16, 64 and 256 ms. */
#define LAG_BINS 6u

/* Of several clocks at once, an interval resembles one of so many. */
#define KINDS_KEPT 4u

struct timing {
	spinat_time begun; /* the first stream's latest packet; 0: none */
	spinat_time last;  /* when the trial before ended */
	uint32_t kinds[KINDS_KEPT]; /* of intervals, us */
	uint8_t oldest;             /* of these */
	uint16_t trials;            /* that ended */
	uint16_t lags[LAG_BINS];    /* how many within which bin */
	/* how many had an interval that moved by far more than such a lag, and
	 * of these, how many the lag or less */
	uint16_t moved[LAG_BINS], held[LAG_BINS];
};

/** How much of the time was within each lag of a stream's packets: these may
 * come in bursts. */
struct cover {
	spinat_time begun, last; /* packets; 0: none yet */
	spinat_time within[LAG_BINS];
};

void cover_packet(struct cover *cover, spinat_time now);

/** A packet of the first stream. */
void timing_begin(struct timing *timing, spinat_time now);
/** A packet of the second. */
void timing_end(struct timing *timing, spinat_time now);

/** What two streams were like, for a time. */
struct streams {
	spinat_time span;
	/* of it, within each lag of a packet of one of them: the denser's */
	spinat_time within[LAG_BINS];
};

/** The same of two covers, from when the first began until now. */
struct streams streams_of(
    const struct cover *first, const struct cover *second, spinat_time now);

/** What the trials weigh: 0 to TIMING_MOST; from streams that may be clocks at
 * most TIMING_OF_CLOCKS. */
#define TIMING_MOST      40
#define TIMING_OF_CLOCKS 8
deciban timing_weigh(
    const struct timing *timing, const struct streams *streams);

/** How improbable a single coincidence as near as the farthest lag is, in a
 * time of `span` in which the streams were as they are.  0: there was no trial.
 */
deciban timing_coincidence(const struct timing *timing,
    const struct streams *streams, spinat_time span);

#endif
