/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An engine's changes kept as a journal keeps them (by id, the last one
 * counts), and engines made from that.
 */
#ifndef SPINAT_TESTS_JOURNAL_FIXTURE_H
#define SPINAT_TESTS_JOURNAL_FIXTURE_H

#include "nat_fixture.h"

#define KEPT 40000u

struct journal {
	struct spinat_memo memos[KEPT];
	unsigned count;
	unsigned handed_out; /* calls that gave something */
};

extern struct journal *journal;

/** Around each test: an empty journal. */
int journal_set_up(void **state);
int journal_tear_down(void **state);

void keep(const struct spinat_memo *memo);
/** Takes all changes; how many there were. */
unsigned take(struct nat *nat);
/** So many seconds pass meanwhile. */
void let_pass(double seconds);
/** A new engine made of the journal; how many records came back. */
struct nat *resume_with(
    const struct spinat_config *config, spinat_time now, unsigned *restored);
/** Stops the one, starts the other, `away` seconds later. */
struct nat *restart(struct nat *nat, double away);

#endif
