/* SPDX-License-Identifier: BSD-2-Clause */
#include "odds_fixture.h"

#include <math.h>

static double uniform(uint64_t *random)
{
	return ((double)(test_random(random) >> 11) + 0.5) / 9007199254740992.0;
}

spinat_time poisson(uint64_t *random, double a_second)
{
	return (spinat_time)(-log(uniform(random)) / a_second * 1e9) + 1;
}

spinat_time between(uint64_t *random, spinat_time least, spinat_time most)
{
	return least + (spinat_time)(uniform(random) * (double)(most - least));
}

void count(struct tally *tally, deciban weight)
{
	tally->all++;
	for (int i = 0; i < 3; i++)
		tally->reach[i] += weight >= 10 * (i + 1);
	if (weight > tally->most)
		tally->most = weight;
}

void show(const char *what, const struct tally *tally)
{
	print_message("# %s: of %u, %u reach 10, %u reach 20, %u reach 30 "
		      "decibans; the most is %d\n",
	    what, tally->all, tally->reach[0], tally->reach[1], tally->reach[2],
	    tally->most);
}

void assert_honest(const struct tally *tally)
{
	assert_true(tally->reach[0] * 10 <= tally->all);
	assert_true(tally->reach[1] * 100 <= tally->all);
	assert_true(tally->reach[2] * 1000 <= tally->all);
}
