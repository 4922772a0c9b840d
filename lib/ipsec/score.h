/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose is this inbound SPI?  What speaks for one candidate, and how much.
 *
 * The score is the sum of rows; each row looks at one kind of evidence and
 * weighs it in decibans (base/deciban.h).  It is a pure function: `spinat
 * explain` prints the same rows, a unit test walks them one by one, and
 * docs/ipsec.md has the table with where each weight comes from.
 *
 * Scores compare candidates of one SPI; by themselves they mean nothing.
 */
#ifndef SPINAT_IPSEC_SCORE_H
#define SPINAT_IPSEC_SCORE_H

#include "ipsec/expect.h"
#include "ipsec/timing.h"
#include "ipsec/turns.h"

/** A first sequence number up to this is of an SA just made (RFC 4303 2.2). */
#define SEQUENCE_FRESH 64u

enum succession {
	SUCCESSION_NONE,   /* it receives with no other SPI, or those idle */
	SUCCESSION_SILENT, /* one fell silent as this one began */
	SUCCESSION_GOES_ON /* another goes on beside it */
};

/** All that is known of one candidate and one SPI. */
struct evidence {
	/* agreed: the hint that fits the SPI best, as its first packet came */
	enum expect_strength expected;
	spinat_time expect_age; /* >= 0 */
	bool fresh;   /* the SPI's first sequence was up to SEQUENCE_FRESH */
	bool relaxed; /* just restarted: what was agreed may be forgotten */
	/* sent: it has an outbound SPI that nothing is paired with yet */
	bool out_awaits;
	spinat_time
	    out_lag; /* ... that began so long before the SPI, or since */
	enum succession succession;
	/* correlated: what it sends after this SPI's packets and before them */
	struct timing answers, prompts;
	struct turns turns;
	uint32_t sent;          /* its packets since the SPI appeared */
	struct streams streams; /* the SPI's packets and its own */
	spinat_time quiet; /* since the SPI appeared, and its silence before */
	bool alone; /* no other candidate has sent since the SPI appeared */
	uint16_t echoes; /* answers of a size that had changed with the SPI's */
	bool cipher_differs;
	/* packets soon after one of the SPI's: its own, most of another's */
	uint32_t near, near_other;
	bool objected; /* it spoke up, protected, right after a copy */
	bool holds;    /* it is who the SPI is bound to */
};

enum score_row {
	SCORE_EXPECTED,
	SCORE_AWAITS,
	SCORE_ONSET,
	SCORE_SUCCESSION,
	SCORE_ANSWERS,
	SCORE_PROMPTS,
	SCORE_TURNS,
	SCORE_ALONE,
	SCORE_VOLUME,
	SCORE_ECHOES,
	SCORE_CIPHER,
	SCORE_OBJECTED,
	SCORE_HOLDS,
	SCORE_ROWS
};

/** The score; rows[], if not NULL, says how it comes about. */
deciban score(const struct evidence *evidence, deciban rows[SCORE_ROWS]);
/** What came of traffic, not of what was agreed: enough of it confirms. */
deciban score_of_traffic(const deciban rows[SCORE_ROWS]);
const char *score_row_name(enum score_row row);

/** By how much a score must exceed the next to be believed, of so many
 * candidates (any of which may score high by chance): odds of a hundred to one.
 */
deciban score_believed(unsigned candidates);
/** ... if traffic gave so much of it. */
#define SCORE_OF_TRAFFIC 10

#endif
