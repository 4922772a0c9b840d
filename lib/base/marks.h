/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set of record numbers: marked as often as one likes, taken once each, any
 * or a certain one.
 *
 * One bit a record, and one bit for each word that has any, so that taking one
 * looks at a bounded, small number of words.  It cannot overflow and needs no
 * memory but what it was given.
 */
#ifndef SPINAT_BASE_MARKS_H
#define SPINAT_BASE_MARKS_H

#include "base/arena.h"

struct marks {
	uint64_t *bits;    /* by record number */
	uint64_t *words;   /* which of bits[] are not zero */
	uint32_t size;     /* of words[] */
	uint32_t position; /* in words[]: taking goes round, so that all come */
	uint32_t count;    /* how many are marked */
};

/** For records 1 .. highest. */
void marks_init(struct marks *marks, struct arena *arena, uint32_t highest);
void marks_set(struct marks *marks, uint32_t number);
/** Marks all of 1 .. highest. */
void marks_set_all(struct marks *marks, uint32_t highest);
/** Takes one out; 0: none is marked. */
uint32_t marks_take(struct marks *marks);
/** Takes this one out; false: it is not marked. */
bool marks_drop(struct marks *marks, uint32_t number);

#endif
