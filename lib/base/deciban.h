/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Weights of evidence in decibans: ten times the decimal logarithm of a ratio
 * of odds (I. J. Good, "Probability and the Weighing of Evidence", 1950).
 * Evidence of independent kinds adds up; 10 is ten to one, 20 a hundred to one,
 * and 1 about the least that a person would notice.
 */
#ifndef SPINAT_BASE_DECIBAN_H
#define SPINAT_BASE_DECIBAN_H

#include "base/types.h"

typedef int deciban;

/** Binary logarithm with 16 bits of fraction, off by at most 0.01; value > 0.
 * Between powers of two it is a parabola: log2(1 + f) is near
 * f + 0.344 f (1 - f). */
static inline int log2_fixed(uint64_t value)
{
	const int whole = 63 - __builtin_clzll(value);
	const uint64_t fraction =
	    (whole >= 16 ? value >> (whole - 16) : value << (16 - whole)) &
	    0xffff;
	const uint64_t bend = (fraction * (0x10000 - fraction) >> 16) * 22544;

	return whole * 0x10000 + (int)(fraction + (bend >> 16));
}

/** Of a binary logarithm with 16 bits of fraction, rounded. */
static inline deciban deciban_of_octaves(int64_t octaves)
{
	/* 10 log10(2) = 3.0103 an octave. */
	const int64_t scaled = octaves * 3083;
	const int64_t half = 1 << 25;

	return (deciban)((scaled + (scaled >= 0 ? half : -half)) / (2 * half));
}

/** What so many observations weigh together, each `over` to `under`, both > 0;
 * rounded once, so that many of little weight are not lost. */
static inline deciban deciban_of_many(
    unsigned count, uint64_t over, uint64_t under)
{
	return deciban_of_octaves(
	    (int64_t)(log2_fixed(over) - log2_fixed(under)) * count);
}

/** How much `over` to `under` weighs; off by 0.6 at most, of which 0.5 is
 * rounding. */
static inline deciban deciban_of(uint64_t over, uint64_t under)
{
	return deciban_of_many(1, over, under);
}

#endif
