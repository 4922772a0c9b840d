/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the benchmarks measure: seconds of a clock that nobody sets, and the
 * median of several rounds.
 */
#ifndef SPINAT_BENCH_MEASURE_H
#define SPINAT_BENCH_MEASURE_H

#include <stdlib.h>
#include <time.h>

static inline double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static inline int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/** Sorts them. */
static inline double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof *values, by_value);
	return values[count / 2];
}

#endif
