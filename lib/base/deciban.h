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

/** Binary logarithm with 8 bits of fraction, off by at most 0.09 (linear
 * between powers of two); value > 0. */
static inline int log2_fixed(uint64_t value)
{
	const int whole = 63 - __builtin_clzll(value);
	const uint64_t fraction =
	    whole >= 8 ? value >> (whole - 8) : value << (8 - whole);

	return whole * 256 + (int)(fraction & 255);
}

/** How much `over` to `under` weighs, both > 0; off by half a deciban at most.
 */
static inline deciban deciban_of(uint64_t over, uint64_t under)
{
	/* 10 log10(2) = 3.0103 an octave. */
	const int scaled = (log2_fixed(over) - log2_fixed(under)) * 3083;

	return (scaled + (scaled >= 0 ? 1 << 17 : -(1 << 17))) / (1 << 18);
}

#endif
