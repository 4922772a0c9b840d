/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns: who answers when it gets a packet, and not when it gets none?
 *
 * When copies can no longer be afforded, each packet goes to one candidate
 * drawn at random.  What a host sends soon after packets that it got, compared
 * with packets that it did not get, is then caused by them: a random choice has
 * nothing to do with anybody's clock (R. A. Fisher, 1935).
 */
#ifndef SPINAT_IPSEC_TURNS_H
#define SPINAT_IPSEC_TURNS_H

#include "base/deciban.h"

struct turns {
	spinat_time packet; /* the last one that awaits an answer; 0: none */
	bool served;        /* ... and whether it got that one */
	/* packets that it got or not, and those that it sent soon after */
	uint16_t packets[2], answers[2];
};

/** A packet came, and this candidate got it or not. */
void turns_packet(struct turns *turns, bool served, spinat_time now);
/** The candidate sent something. */
void turns_sent(struct turns *turns, spinat_time now);
/** Whether it left everything that it got unanswered, so many packets or more.
 */
static inline bool turns_is_silent(const struct turns *turns, unsigned packets)
{
	return turns->packets[1] >= packets && turns->answers[1] == 0;
}
/** 0 to TURNS_MOST. */
#define TURNS_MOST 40
deciban turns_weigh(const struct turns *turns);

#endif
