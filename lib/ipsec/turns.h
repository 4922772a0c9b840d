/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns: who answers when it gets a packet, and not when it gets none?
 *
 * When copies can no longer be afforded, each packet goes to one candidate
 * drawn by lot.  What a host sends after packets that it got, compared with
 * packets that it did not get, is then caused by them: a lot has nothing to do
 * with anybody's clock (R. A. Fisher, 1935).
 *
 * So of each packet that a host sends it is asked whether the host got any of
 * those that came shortly before, and since it last sent.  If it has nothing to
 * do with them, the probability of that is what the lots had, no more and no
 * less, however the packets cluster and whatever else the host sends.  If it
 * owns the SPI, the lots that it won decide when it sends.
 */
#ifndef SPINAT_IPSEC_TURNS_H
#define SPINAT_IPSEC_TURNS_H

#include "base/deciban.h"

/** A probability of one; all are in units of its inverse. */
#define TURNS_ONE 0x10000u

struct turns {
	spinat_time packet; /* the latest since it last sent; 0: none */
	/* how probable it is that it got none of those that it may answer */
	uint32_t missed;
	bool served; /* whether it got one */
	/* got some and had time to answer: how often, and how often it did */
	uint16_t asked, answered;
	spinat_time round; /* since when it is being asked; 0: it is not */
	/* binary logarithms of likelihood ratios, 16 bits of fraction: most,
	 * half, or some of what it sends are answers, against none */
	int32_t most, half, some;
};

/** A packet came; this candidate was to get it with a probability of `chance`,
 * above zero (a copy is certain: TURNS_ONE), and did or did not. */
void turns_packet(
    struct turns *turns, uint32_t chance, bool served, spinat_time now);
/** The candidate sent something. */
void turns_sent(struct turns *turns, spinat_time now);
/** Whether it was asked so many times or more, and hardly ever answered. */
static inline bool turns_is_silent(const struct turns *turns, unsigned asked)
{
	return turns->asked >= asked && turns->answered * 8u < turns->asked;
}
/** -TURNS_MOST to TURNS_MOST. */
#define TURNS_MOST 40
deciban turns_weigh(const struct turns *turns);

#endif
