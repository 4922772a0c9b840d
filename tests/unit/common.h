/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every unit test needs: cmocka, a random generator that is not the one
 * under test, and zeroed memory aligned as the engine wants it.
 */
#ifndef SPINAT_TESTS_COMMON_H
#define SPINAT_TESTS_COMMON_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/** SplitMix64 (Steele, Lea, Flood 2014). */
static inline uint64_t test_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline uint32_t test_below(uint64_t *state, uint32_t bound)
{
	return (uint32_t)((test_random(state) >> 32) * bound >> 32);
}

/** Zeroed, aligned to 64 bytes; the caller frees it. */
static inline void *test_memory(size_t size)
{
	const size_t whole = (size + 63) & ~(size_t)63;
	void *memory = aligned_alloc(64, whole == 0 ? 64 : whole);

	assert_non_null(memory);
	memset(memory, 0, whole);
	return memory;
}

#endif
