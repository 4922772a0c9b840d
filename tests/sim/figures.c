/* SPDX-License-Identifier: BSD-2-Clause */
#include "figures.h"

#include <assert.h>
#include <stdlib.h>

static void times_add(struct times *times, spinat_time value)
{
	if (times->count == times->room) {
		times->room = times->room == 0 ? 256 : times->room * 2;
		times->values =
		    realloc(times->values, times->room * sizeof *times->values);
		if (times->values == NULL)
			abort();
	}
	times->values[times->count++] = value;
	times->sorted = false;
}

static int compare(const void *a, const void *b)
{
	const spinat_time x = *(const spinat_time *)a,
			  y = *(const spinat_time *)b;

	return (x > y) - (x < y);
}

spinat_time times_quantile(struct times *times, double share)
{
	if (times->count == 0)
		return SPINAT_NEVER;
	if (!times->sorted)
		qsort(times->values, times->count, sizeof *times->values,
		    compare);
	times->sorted = true;
	return times->values[(size_t)(share * (double)(times->count - 1))];
}

void figures_add(struct figures *figures, const struct world *world)
{
	const struct totals one = oracle_totals(world);
	struct totals *all = &figures->totals;

	/* Nothing but counters. */
	static_assert(sizeof one % sizeof(uint64_t) == 0, "all uint64_t");
	for (size_t i = 0; i < sizeof one / sizeof(uint64_t); i++)
		((uint64_t *)all)[i] += ((const uint64_t *)&one)[i];
	figures->runs++;
	figures->failed += world->failures != 0;
	for (size_t i = 0; i < world->oracle.sa_count; i++) {
		const struct sa_record *record = &world->oracle.sas[i];

		if (record->arrived == 0)
			continue;
		if (record->confirmed != SPINAT_NEVER)
			times_add(&figures->confirmed,
			    record->confirmed - record->first);
		if (record->wrongly && record->wrong_since == SPINAT_NEVER)
			times_add(&figures->healed, record->healed_after);
		if (record->arrived >= 100 &&
		    (double)record->deliveries / (double)record->arrived >
			figures->most_deliveries)
			figures->most_deliveries = (double)record->deliveries /
			    (double)record->arrived;
	}
}

void figures_free(struct figures *figures)
{
	free(figures->confirmed.values);
	free(figures->healed.values);
	*figures = (struct figures){0};
}
