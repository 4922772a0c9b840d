/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The index against a plain array: keys by record number.
 */
#include "common.h"

#include "flow/index.h"

/* A model: record r holds key[r], or is not in (0).  Hashes are made from keys
 * by SplitMix, as the engine's are by its own. */
struct bed {
	struct index index;
	void *memory;
	uint64_t *key;
};

static uint64_t hash_of(uint64_t key)
{
	return test_random(&key);
}

static bool same(const void *table, uint32_t record, const void *want)
{
	return ((const struct bed *)table)->key[record] ==
	    *(const uint64_t *)want;
}

static uint32_t find(const struct bed *bed, uint64_t key)
{
	return index_find(&bed->index, hash_of(key), same, bed, &key);
}

static void start(struct bed *bed, uint32_t entries, uint32_t records)
{
	struct arena count = {.base = NULL}, arena;

	index_init(&bed->index, &count, entries, records);
	bed->memory = test_memory(count.used);
	arena = (struct arena){.base = bed->memory};
	index_init(&bed->index, &arena, entries, records);
	assert_int_equal(arena.used, count.used);
	bed->key = test_memory(((size_t)records + 1) * sizeof *bed->key);
}

static void stop(struct bed *bed)
{
	free(bed->memory);
	free(bed->key);
}

/* All the entries that were promised go in, and come out again. */
static void fill(uint32_t entries, uint32_t records, uint64_t salt)
{
	struct bed bed;

	start(&bed, entries, records);
	for (uint32_t e = 0; e < entries; e++) {
		/* Several entries a record, as a flow has two keys. */
		const uint32_t record = 1 + e % records;
		const uint64_t key = salt + e;
		if (!index_insert(&bed.index, hash_of(key), record))
			fail_msg("no room for entry %u of %u (%u records)", e,
			    entries, records);
		bed.key[record] = key;
	}
	assert_int_equal(bed.index.used, entries);
	for (uint32_t r = 1; r <= records && r <= entries; r++)
		assert_int_equal(find(&bed, bed.key[r]), r);
	for (uint32_t e = 0; e < entries; e++)
		index_remove(&bed.index, hash_of(salt + e), 1 + e % records);
	assert_int_equal(bed.index.used, 0);
	for (uint32_t slot = 0; slot < bed.index.buckets * INDEX_BUCKET_SLOTS;
	     slot++)
		assert_int_equal(bed.index.slots[slot], 0);
	stop(&bed);
}

static void test_holds_what_it_promised(void **state)
{
	static const uint32_t sizes[] = {1, 2, 3, 7, 15, 16, 17, 25, 26, 64,
	    100, 255, 256, 257, 1000, 4096, 10000, 65535, 65536};
	(void)state;

	for (size_t s = 0; s < COUNT_OF(sizes); s++)
		for (uint64_t salt = 0; salt < 200000 / (sizes[s] + 500);
		     salt++) {
			fill(sizes[s], sizes[s], salt << 32);
			fill(2 * sizes[s], sizes[s], ~salt << 32);
		}
}

static void test_a_million(void **state)
{
	(void)state;
	fill(1u << 20, 1u << 20, 1);
	fill(2u << 20, (1u << 20) - 1, 2);
}

/* The more bits a record number takes the fewer are left for the tag, and the
 * fewer second buckets a first one has: 5 bits at the most records there are.
 */
static void test_short_tags(void **state)
{
	static const uint32_t masks[] = {(1u << 26) - 1, 1u << 26};
	(void)state;

	for (size_t m = 0; m < COUNT_OF(masks); m++)
		for (uint64_t salt = 0; salt < 6; salt++) {
			const uint32_t entries = salt < 4 ? 20000 : 400000;
			struct arena count = {.base = NULL}, arena;
			struct index index;
			void *memory;

			index_init(&index, &count, entries, masks[m]);
			memory = test_memory(count.used);
			arena = (struct arena){.base = memory};
			index_init(&index, &arena, entries, masks[m]);
			assert_true(index.number_mask >= masks[m]);
			for (uint32_t e = 0; e < entries; e++)
				assert_true(index_insert(&index,
				    hash_of(salt << 40 | e), masks[m] - e));
			for (uint32_t e = 0; e < entries; e++)
				index_remove(&index, hash_of(salt << 40 | e),
				    masks[m] - e);
			free(memory);
		}
}

/* Inserts, removes and replaces at random near the full load. */
static void churn(uint32_t records, uint32_t rounds)
{
	struct bed bed;
	uint64_t random = records, next_key = 1;
	uint32_t in = 0;

	start(&bed, records, records);
	for (uint32_t round = 0; round < rounds; round++) {
		const uint32_t r = 1 + test_below(&random, records);
		const uint32_t other = 1 + test_below(&random, records);

		if (bed.key[r] == 0) {
			bed.key[r] = next_key++;
			assert_true(
			    index_insert(&bed.index, hash_of(bed.key[r]), r));
			in++;
		} else if (bed.key[other] == 0 && test_below(&random, 2)) {
			index_replace(
			    &bed.index, hash_of(bed.key[r]), r, other);
			bed.key[other] = bed.key[r];
			bed.key[r] = 0;
			assert_int_equal(find(&bed, bed.key[other]), other);
		} else if (test_below(&random, 8) == 0) {
			const uint64_t key = bed.key[r];
			index_remove(&bed.index, hash_of(key), r);
			bed.key[r] = 0;
			assert_int_equal(find(&bed, key), 0);
			in--;
		}
		assert_int_equal(bed.index.used, in);
		if (bed.key[other] != 0)
			assert_int_equal(find(&bed, bed.key[other]), other);
		assert_int_equal(find(&bed, next_key + round), 0);
	}
	for (uint32_t r = 1; r <= records; r++)
		if (bed.key[r] != 0)
			assert_int_equal(find(&bed, bed.key[r]), r);
	assert_true(records < 300 || in > records / 2);
	stop(&bed);
}

static void test_churn(void **state)
{
	static const uint32_t sizes[] = {1, 2, 5, 16, 40, 300, 5000, 100000};
	(void)state;

	for (size_t s = 0; s < COUNT_OF(sizes); s++)
		churn(sizes[s], sizes[s] < 1000 ? 30000 : 20 * sizes[s]);
}

/* The guess is a record that is there and whose tag fits, or none. */
static void test_guess(void **state)
{
	const uint32_t records = 10000;
	struct bed bed;
	uint32_t right = 0;
	(void)state;

	start(&bed, records, records);
	for (uint32_t r = 1; r <= records; r++) {
		bed.key[r] = r;
		assert_int_equal(
		    index_guess(&bed.index, hash_of(r)) <= records, 1);
		assert_true(index_insert(&bed.index, hash_of(r), r));
	}
	for (uint32_t r = 1; r <= records; r++)
		right += index_guess(&bed.index, hash_of(r)) == r;
	/* Most lie in their first bucket, and tags seldom agree. */
	assert_true(right > records * 85 / 100);
	stop(&bed);
}

/* Who looks at one slot only finds what came while that was free: all but as
 * many as the table was full, on the average. */
static void test_home(void **state)
{
	const uint32_t records = 10000;
	uint32_t home = 0;
	struct bed bed;
	(void)state;

	start(&bed, 2 * records, records);
	for (uint32_t r = 1; r <= records; r++)
		assert_true(index_insert(&bed.index, hash_of(r), r));
	for (uint32_t r = 1; r <= records; r++) {
		const uint32_t tag = index_tag(&bed.index, hash_of(r));
		const uint32_t bucket = index_bucket(&bed.index, hash_of(r));
		home += index_line(&bed.index, bucket)[index_home(tag)] ==
		    (tag | r);
	}
	/* The load is 0.35 in the end, 0.175 on the way. */
	assert_in_range(home, records * 80 / 100, records * 85 / 100);
	stop(&bed);
}

/* A tag is never zero, which is an empty slot's; the second bucket's second is
 * the first. */
static void test_tags_and_buckets(void **state)
{
	(void)state;
	for (uint32_t records = 1; records <= 1u << 26; records *= 4) {
		struct arena count = {.base = NULL};
		struct index index;
		index_init(&index, &count, records, records);
		assert_true(index.number_mask >= records);
		for (uint64_t n = 0; n < 2000; n++) {
			const uint64_t hash = n % 4 == 0 ? n << 32 : hash_of(n);
			const uint32_t tag = index_tag(&index, hash);
			const uint32_t first = index_bucket(&index, hash);
			const uint32_t second = index_other(&index, first, tag);
			assert_true(tag != 0);
			assert_int_equal(tag & index.number_mask, 0);
			assert_true(first < index.buckets);
			assert_true(second < index.buckets);
			assert_int_equal(
			    index_other(&index, second, tag), first);
		}
	}
}

/* Keys with one hash: two full buckets of them, then a refusal, no harm. */
static void test_equal_hashes_are_refused_in_the_end(void **state)
{
	struct bed bed;
	uint32_t in = 0;
	(void)state;

	start(&bed, 1000, 1000);
	while (in < 100 && index_insert(&bed.index, hash_of(9), in + 1))
		in++;
	assert_in_range(in, 16, 32);
	assert_int_equal(bed.index.used, in);
	for (uint32_t r = in; r > 0; r--)
		index_remove(&bed.index, hash_of(9), r);
	assert_int_equal(bed.index.used, 0);
	stop(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_holds_what_it_promised),
	    cmocka_unit_test(test_a_million),
	    cmocka_unit_test(test_short_tags),
	    cmocka_unit_test(test_churn),
	    cmocka_unit_test(test_guess),
	    cmocka_unit_test(test_home),
	    cmocka_unit_test(test_tags_and_buckets),
	    cmocka_unit_test(test_equal_hashes_are_refused_in_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
