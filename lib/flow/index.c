/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow/index.h"

/* Entries per hundred slots. */
#define LOAD_PERCENT 70

void index_init(struct index *index, struct arena *arena, uint32_t entries,
    uint32_t records)
{
	const uint64_t slots =
	    ((uint64_t)entries * 100 + LOAD_PERCENT - 1) / LOAD_PERCENT;
	/* Few buckets vary more in how full they are: some extra. */
	const uint64_t buckets = slots / INDEX_BUCKET_SLOTS + 2;

	memset(index, 0, sizeof *index);
	index->buckets = (uint32_t)buckets;
	while (index->number_mask < records)
		index->number_mask = index->number_mask << 1 | 1;
	index->slots = arena_take(
	    arena, buckets * INDEX_BUCKET_SLOTS, sizeof *index->slots);
}

static uint32_t *line_of(struct index *index, uint32_t bucket)
{
	return index->slots + (size_t)bucket * INDEX_BUCKET_SLOTS;
}

static void store(uint32_t *slot, uint32_t value)
{
	__atomic_store_n(slot, value, __ATOMIC_RELEASE);
}

static bool put(struct index *index, uint32_t bucket, uint32_t value)
{
	uint32_t *line = line_of(index, bucket);
	const uint32_t home = index_home(value & ~index->number_mask);

	for (unsigned i = 0; i < INDEX_BUCKET_SLOTS; i++) {
		uint32_t *slot = &line[(home + i) % INDEX_BUCKET_SLOTS];
		if (*slot == 0) {
			store(slot, value);
			return true;
		}
	}
	return false;
}

/* Moves one tenant of a full bucket to its other bucket and takes its slot.
 * The tenant is in both for a moment, never in none. */
static bool put_by_moving(struct index *index, uint32_t bucket, uint32_t value)
{
	uint32_t *line = line_of(index, bucket);

	for (unsigned i = 0; i < INDEX_BUCKET_SLOTS; i++) {
		const uint32_t tag = line[i] & ~index->number_mask;
		const uint32_t other = index_other(index, bucket, tag);
		if (other != bucket && put(index, other, line[i])) {
			store(&line[i], value);
			return true;
		}
	}
	return false;
}

bool index_insert(struct index *index, uint64_t hash, uint32_t record)
{
	const uint32_t tag = index_tag(index, hash);
	const uint32_t first = index_bucket(index, hash);
	const uint32_t second = index_other(index, first, tag);
	const uint32_t value = tag | record;

	if (!put(index, first, value) && !put(index, second, value) &&
	    !put_by_moving(index, first, value) &&
	    !put_by_moving(index, second, value))
		return false;
	index->used++;
	return true;
}

static uint32_t *slot_of(struct index *index, uint64_t hash, uint32_t record)
{
	const uint32_t tag = index_tag(index, hash);
	const uint32_t first = index_bucket(index, hash);
	uint32_t bucket = first;

	for (int choice = 0; choice < 2; choice++) {
		uint32_t *line = line_of(index, bucket);
		for (unsigned i = 0; i < INDEX_BUCKET_SLOTS; i++)
			if (line[i] == (tag | record))
				return &line[i];
		bucket = index_other(index, first, tag);
	}
	return NULL;
}

bool index_drop(struct index *index, uint64_t hash, uint32_t record)
{
	uint32_t *slot = slot_of(index, hash, record);

	if (slot == NULL)
		return false;
	store(slot, 0);
	index->used--;
	return true;
}

void index_remove(struct index *index, uint64_t hash, uint32_t record)
{
	const bool was_there = index_drop(index, hash, record);

	ENSURE(was_there);
}

void index_replace(
    struct index *index, uint64_t hash, uint32_t old, uint32_t new)
{
	uint32_t *slot = slot_of(index, hash, old);

	ENSURE(slot != NULL);
	store(slot, index_tag(index, hash) | new);
}

unsigned index_count(const struct index *index, uint64_t hash, uint32_t record)
{
	const uint32_t tag = index_tag(index, hash);
	const uint32_t first = index_bucket(index, hash);
	const uint32_t second = index_other(index, first, tag);
	unsigned count = 0;

	for (unsigned i = 0; i < INDEX_BUCKET_SLOTS; i++) {
		count += index_line(index, first)[i] == (tag | record);
		if (second != first)
			count += index_line(index, second)[i] == (tag | record);
	}
	return count;
}

uint32_t index_adopt(struct index *index, index_judge *judge, const void *of)
{
	uint32_t cleared = 0;

	index->used = 0;
	for (uint32_t bucket = 0; bucket < index->buckets; bucket++) {
		uint32_t *line = line_of(index, bucket);
		for (unsigned i = 0; i < INDEX_BUCKET_SLOTS; i++) {
			if (line[i] == 0)
				continue;
			if (judge(of, index, bucket, line[i])) {
				index->used++;
				continue;
			}
			store(&line[i], 0);
			cleared++;
		}
	}
	return cleared;
}
