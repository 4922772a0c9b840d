/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a hash to record numbers: an open-addressed table of cache-line buckets.
 *
 * A bucket is 16 slots of 32 bits: the high bits are a tag out of the hash, the
 * low ones a record number (how many of each follows from the number of
 * records).  Zero is an empty slot; record numbers count from 1.  A key has
 * two buckets; the second is worked out from the first and the tag alone, so a
 * slot can be moved without looking at its record.  Everything goes into the
 * first bucket while that has room, so most look-ups touch one line, and into
 * the same slot of it, which the tag tells, while that is free: who cannot
 * compare many at once looks at one slot, mostly.  When both buckets are full,
 * one of their 32 tenants is moved to its other bucket: at the load this is
 * built for (70 %) that always succeeds.
 *
 * The index never grows, never rehashes and knows no keys: whoever looks up
 * compares the records it is given.  Each change is one aligned store, which
 * comes after everything that was stored before it (release): who finds a
 * record's number there, finds the record filled in.
 */
#ifndef SPINAT_FLOW_INDEX_H
#define SPINAT_FLOW_INDEX_H

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/arena.h"

#define INDEX_BUCKET_SLOTS 16u

struct index {
	uint32_t *slots;
	uint32_t buckets;
	uint32_t number_mask; /* the bits of a slot that are a record number */
	uint32_t used;
};

/** Room for `entries` of records numbered 1 .. `records`. */
void index_init(struct index *index, struct arena *arena, uint32_t entries,
    uint32_t records);
/** False: no room (not seen below the entries asked for). */
SPINAT_MUST_CHECK bool index_insert(
    struct index *index, uint64_t hash, uint32_t record);
void index_remove(struct index *index, uint64_t hash, uint32_t record);
/** Lets the slot of `old` point at `new`; the key, hence the hash, is equal. */
void index_replace(
    struct index *index, uint64_t hash, uint32_t old, uint32_t new);
/** As index_remove(), of what may not be there: false. */
bool index_drop(struct index *index, uint64_t hash, uint32_t record);
/** How many slots of a hash's two buckets name this record with its tag. */
unsigned index_count(const struct index *index, uint64_t hash, uint32_t record);

/** Whether a slot is where, and what, one of a key of its record would be. */
typedef bool index_judge(
    const void *of, const struct index *index, uint32_t bucket, uint32_t slot);
/** Takes over slots that are there already: clears those that are none, and
 * says how many these were. */
uint32_t index_adopt(struct index *index, index_judge *judge, const void *of);

static inline uint32_t index_bucket(const struct index *index, uint64_t hash)
{
	return (uint32_t)((hash >> 32) * index->buckets >> 32);
}

/** The tag bits, never zero, in their place within a slot. */
static inline uint32_t index_tag(const struct index *index, uint64_t hash)
{
	const uint32_t tag = (uint32_t)hash & ~index->number_mask;

	return tag != 0 ? tag : index->number_mask + 1;
}

/** The slot of either bucket that a tag is put into if it is free. */
static inline uint32_t index_home(uint32_t tag)
{
	static_assert(INDEX_BUCKET_SLOTS == 1u << (32 - 28), "four bits");
	return tag >> 28;
}

/** The other bucket of a slot: its own inverse. */
static inline uint32_t index_other(
    const struct index *index, uint32_t bucket, uint32_t tag)
{
	const uint32_t mixed = tag * UINT32_C(0x9e3779b1) ^ tag >> 7;
	const uint32_t sum = (uint32_t)((uint64_t)mixed * index->buckets >> 32);

	return sum >= bucket ? sum - bucket : sum + index->buckets - bucket;
}

/** Whether what has this hash may have that slot in that bucket. */
static inline bool index_fits(
    const struct index *index, uint64_t hash, uint32_t bucket, uint32_t slot)
{
	const uint32_t tag = index_tag(index, hash);
	const uint32_t first = index_bucket(index, hash);

	return (slot & ~index->number_mask) == tag &&
	    (bucket == first || bucket == index_other(index, first, tag));
}

static inline const uint32_t *index_line(
    const struct index *index, uint32_t bucket)
{
	return index->slots + (size_t)bucket * INDEX_BUCKET_SLOTS;
}

/** One bit for each slot of the bucket that holds this tag. */
static inline uint32_t index_match(
    const struct index *index, uint32_t bucket, uint32_t tag)
{
	const uint32_t *line = index_line(index, bucket);
	uint32_t bits = 0;
#ifdef __SSE2__
	const __m128i mask = _mm_set1_epi32((int)~index->number_mask);
	const __m128i want = _mm_set1_epi32((int)tag);
	__m128i equal[4];

	for (int i = 0; i < 4; i++) {
		const __m128i four = _mm_load_si128(
		    (const __m128i *)(const void *)(line + 4 * i));
		equal[i] = _mm_cmpeq_epi32(_mm_and_si128(four, mask), want);
	}
	bits = (uint32_t)_mm_movemask_epi8(
	    _mm_packs_epi16(_mm_packs_epi32(equal[0], equal[1]),
		_mm_packs_epi32(equal[2], equal[3])));
#else
	for (unsigned i = 0; i < INDEX_BUCKET_SLOTS; i++)
		bits |= (uint32_t)((line[i] & ~index->number_mask) == tag) << i;
#endif
	return bits;
}

/** The record of the first slot in a set of them, which is not empty. */
static inline uint32_t index_first(
    const struct index *index, uint32_t bucket, uint32_t bits)
{
	const unsigned slot = (unsigned)__builtin_ctz(bits);

	return index_line(index, bucket)[slot] & index->number_mask;
}

/** Whether a record is the one looked for. */
typedef bool index_same(const void *table, uint32_t record, const void *key);

/** The first record whose tag fits and that `same` accepts; 0: none. */
static inline __attribute__((always_inline)) uint32_t index_find(
    const struct index *index, uint64_t hash, index_same *same,
    const void *table, const void *key)
{
	const uint32_t tag = index_tag(index, hash);
	const uint32_t first = index_bucket(index, hash);
	uint32_t bucket = first;

	for (int choice = 0; choice < 2; choice++) {
		uint32_t bits = index_match(index, bucket, tag);
		for (; bits != 0; bits &= bits - 1) {
			const uint32_t record =
			    index_first(index, bucket, bits);
			if (same(table, record, key))
				return record;
		}
		bucket = index_other(index, first, tag);
	}
	return 0;
}

static inline void index_prefetch(const struct index *index, uint64_t hash)
{
	__builtin_prefetch(index_line(index, index_bucket(index, hash)));
}

/** For a look-up that will most likely fail, and so look at both. */
static inline void index_prefetch_other(
    const struct index *index, uint64_t hash)
{
	__builtin_prefetch(index_line(index,
	    index_other(
		index, index_bucket(index, hash), index_tag(index, hash))));
}

/** A guess without looking at a record: the first slot of a bucket whose tag
 * fits.  False: there is none, and the guess is 0. */
static inline bool index_guess_in(
    const struct index *index, uint32_t bucket, uint64_t hash, uint32_t *guess)
{
	const uint32_t bits =
	    index_match(index, bucket, index_tag(index, hash));

	*guess = LIKELY(bits != 0) ? index_first(index, bucket, bits) : 0;
	return bits != 0;
}

/** In the bucket that the key is put into first. */
static inline uint32_t index_guess(const struct index *index, uint64_t hash)
{
	uint32_t guess;

	index_guess_in(index, index_bucket(index, hash), hash, &guess);
	return guess;
}

/** In the other one. */
static inline uint32_t index_guess_other(
    const struct index *index, uint64_t hash)
{
	const uint32_t other = index_other(
	    index, index_bucket(index, hash), index_tag(index, hash));
	uint32_t guess;

	index_guess_in(index, other, hash, &guess);
	return guess;
}

#endif
