/* SPDX-License-Identifier: BSD-2-Clause */
#include "journal_fixture.h"

struct journal *journal;

int journal_set_up(void **state)
{
	(void)state;
	journal = test_memory(sizeof *journal);
	return 0;
}

int journal_tear_down(void **state)
{
	(void)state;
	free(journal);
	return 0;
}

void keep(const struct spinat_memo *memo)
{
	unsigned at = 0;

	while (at < journal->count && journal->memos[at].id != memo->id)
		at++;
	if (memo->gone) {
		if (at < journal->count)
			journal->memos[at] = journal->memos[--journal->count];
		return;
	}
	assert_in_range(at, 0, KEPT - 1);
	journal->memos[at] = *memo;
	if (at == journal->count)
		journal->count++;
}

unsigned take(struct nat *nat)
{
	struct spinat_memo memo;
	enum spinat_walk step;
	unsigned taken = 0;

	while ((step = spinat_next_change(nat->engine, nat->now, &memo)) !=
	    SPINAT_WALK_END)
		if (step == SPINAT_WALK_FOUND) {
			keep(&memo);
			taken++;
		}
	return taken;
}

static spinat_time idle_of(const struct spinat_memo *memo)
{
	return memo->idle[0] < memo->idle[1] ? memo->idle[0] : memo->idle[1];
}

static int by_idle(const void *left, const void *right)
{
	const spinat_time a = idle_of(left), b = idle_of(right);

	return (a > b) - (a < b);
}

void let_pass(double seconds)
{
	const spinat_time span = (spinat_time)(seconds * 1e9);

	for (unsigned i = 0; i < journal->count; i++) {
		struct spinat_memo *memo = &journal->memos[i];
		memo->age += span;
		for (int side = 0; side < 2; side++)
			if (memo->idle[side] != SPINAT_NEVER)
				memo->idle[side] += span;
	}
}

struct nat *resume_with(
    const struct spinat_config *config, spinat_time now, unsigned *restored)
{
	struct nat *nat = nat_start_at(config, now);

	qsort(
	    journal->memos, journal->count, sizeof journal->memos[0], by_idle);
	*restored = 0;
	for (unsigned i = 0; i < journal->count; i++)
		*restored += spinat_restore(nat->engine, nat->now,
				 &journal->memos[i]) == 0;
	return nat;
}

struct nat *restart(struct nat *nat, double away)
{
	struct spinat_config config = nat->config;
	unsigned restored;

	take(nat);
	nat_stop(nat);
	let_pass(away);
	nat_config(&config);
	config.seed[0] = 99; /* another one, as a daemon draws it */
	/* As if booted a short while ago. */
	nat = resume_with(&config, 5 * SPINAT_SECOND, &restored);
	assert_int_equal(restored, journal->count);
	return nat;
}
