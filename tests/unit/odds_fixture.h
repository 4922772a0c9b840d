/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intervals drawn at random, and how often weights of such streams reach what:
 * of those that know nothing of each other, no more than the weights say.
 */
#ifndef SPINAT_TESTS_ODDS_FIXTURE_H
#define SPINAT_TESTS_ODDS_FIXTURE_H

#include "common.h"

#include "base/deciban.h"
#include "spinat/spinat.h"

#define MS    (SPINAT_SECOND / 1000)
#define SEEDS 3000u

/** The next interval of a Poisson stream. */
spinat_time poisson(uint64_t *random, double a_second);
spinat_time between(uint64_t *random, spinat_time least, spinat_time most);

/** How many of so many weights reach 10, 20, 30 decibans. */
struct tally {
	unsigned all, reach[3];
	deciban most;
};

void count(struct tally *tally, deciban weight);
/** What was counted, as a comment of TAP. */
void show(const char *what, const struct tally *tally);
/** Odds of a hundred to one are wrong once in a hundred, however long one
 * looks: that is what a weight of 20 claims. */
void assert_honest(const struct tally *tally);

#endif
