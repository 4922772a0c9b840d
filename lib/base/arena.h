/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory that the caller handed in, dealt out once at creation in pieces
 * aligned to cache lines.  With base == NULL it only adds up the sizes, so that
 * spinat_memory_size() and spinat_create() cannot disagree.
 */
#ifndef SPINAT_BASE_ARENA_H
#define SPINAT_BASE_ARENA_H

#include "base/types.h"

#define CACHE_LINE 64u

struct arena {
	uint8_t *base; /* NULL: count only */
	size_t used;
};

/** The next piece, or NULL when only counting. */
static inline void *arena_take(struct arena *arena, size_t count, size_t size)
{
	void *piece = arena->base != NULL ? arena->base + arena->used : NULL;

	arena->used +=
	    (count * size + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
	return piece;
}

#endif
