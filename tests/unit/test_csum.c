/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksums: the incremental update against adding everything up again, by code
 * that works on bytes in network order.
 */
#include "common.h"

#include "base/csum.h"
#include "tests/wire.h"

/* RFC 1071, the plain way: big-endian words, carries added back each time. */
static uint16_t plain_sum(const uint8_t *data, size_t length)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < length; i++) {
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return (uint16_t)sum;
}

/* Words that carries like: often a corner, else anything. */
static uint16_t some_word(uint64_t *random)
{
	static const uint16_t corners[] = {
	    0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff};
	const uint32_t at = test_below(random, 2 * COUNT_OF(corners));

	return at < COUNT_OF(corners) ? corners[at]
				      : (uint16_t)test_random(random);
}

/* A block of ten words with its checksum in the last: change some others. */
static void test_apply_equals_recomputing(void **state)
{
	uint64_t random = 1;
	(void)state;

	for (int round = 0; round < 3000000; round++) {
		uint8_t block[20];
		uint64_t change = 0;
		be16 checksum;

		for (int word = 0; word < 9; word++)
			put16(block + 2 * word, some_word(&random));
		block[0] = 0x45; /* no header is all zero */
		put16(block + 18, plain_checksum(block, 18, 0));
		checksum = load_be16(block + 18);
		for (int changes = 0; changes < 3; changes++) {
			const size_t at = 2 + 2 * test_below(&random, 8);
			uint8_t new[2];

			put16(new, some_word(&random));
			change += csum_change16(
			    load_be16(block + at), load_be16(new));
			memcpy(block + at, new, 2);
		}
		store_be16(block + 18, csum_apply(checksum, csum_fold(change)));
		assert_int_equal(
		    get16(block + 18), plain_checksum(block, 18, 0));
	}
}

static void test_change32_is_two_words(void **state)
{
	uint64_t random = 2;
	(void)state;

	for (int round = 0; round < 1000000; round++) {
		uint8_t block[8];
		uint8_t new[4];
		be16 checksum;
		uint64_t change;

		put16(block, (uint16_t)(some_word(&random) | 1));
		for (int word = 1; word < 3; word++)
			put16(block + 2 * word, some_word(&random));
		put16(block + 6, plain_checksum(block, 6, 0));
		checksum = load_be16(block + 6);
		put16(new, some_word(&random));
		put16(new + 2, some_word(&random));
		change = csum_change32(load_be32(block + 2), load_be32(new));
		memcpy(block + 2, new, 4);
		store_be16(block + 6, csum_apply(checksum, csum_fold(change)));
		assert_int_equal(get16(block + 6), plain_checksum(block, 6, 0));
	}
}

/* RFC 1624 equation 3 as it is written there, for every checksum. */
static void test_equation_3(void **state)
{
	uint64_t random = 5;
	(void)state;

	for (uint32_t old = 0; old <= UINT16_MAX; old++) {
		const uint16_t deltas[] = {0, 1, 0xfffe, 0xffff, (uint16_t)old,
		    (uint16_t)~old, (uint16_t)(old + 1), some_word(&random)};

		for (size_t i = 0; i < sizeof deltas / sizeof *deltas; i++) {
			const uint32_t sum =
			    (uint16_t)~old + (uint32_t)deltas[i];
			const uint16_t want =
			    (uint16_t) ~((sum & 0xffff) + (sum >> 16));

			assert_int_equal(
			    csum_apply((be16){(uint16_t)old}, deltas[i]).raw,
			    want);
		}
	}
}

/* There and back again: what the delta's complement does. */
static void test_complement_is_the_way_back(void **state)
{
	uint64_t random = 3;
	(void)state;

	for (int round = 0; round < 1000000; round++) {
		const be16 old = {some_word(&random)},
			   new = {some_word(&random)};
		const uint16_t delta = csum_fold(csum_change16(old, new));
		const be16 checksum = {
		    (uint16_t)test_below(&random, 0xffff)}; /* not 0xffff */
		be16 back =
		    csum_apply(csum_apply(checksum, delta), (uint16_t)~delta);

		assert_int_equal(back.raw, checksum.raw);
	}
}

/* An unfinished sum stays the sum of what it covers. */
static void test_partial(void **state)
{
	uint64_t random = 4;
	(void)state;

	for (int round = 0; round < 1000000; round++) {
		uint8_t pseudo[12], sum[2], new[4];
		uint64_t change;

		for (int word = 0; word < 6; word++)
			put16(pseudo + 2 * word, some_word(&random));
		pseudo[8] = 0, pseudo[9] = 17;
		put16(sum, plain_sum(pseudo, sizeof pseudo));
		put16(new, some_word(&random));
		put16(new + 2, some_word(&random));
		change = csum_change32(load_be32(pseudo), load_be32(new));
		memcpy(pseudo, new, 4);
		store_be16(
		    sum, csum_apply_partial(load_be16(sum), csum_fold(change)));
		assert_int_equal(get16(sum), plain_sum(pseudo, sizeof pseudo));
		assert_int_not_equal(get16(sum), 0);
	}
}

/* RFC 1624 4: the update of RFC 1141 makes 0xffff here. */
static void test_corner_of_rfc1624(void **state)
{
	const be16 checksum = be16_from_host(0xdd2f);
	const uint64_t change =
	    csum_change16(be16_from_host(0x5555), be16_from_host(0x3285));
	(void)state;

	assert_int_equal(
	    be16_to_host(csum_apply(checksum, csum_fold(change))), 0);
}

static void test_fold(void **state)
{
	uint64_t random = 5;
	(void)state;

	assert_int_equal(csum_fold(0), 0);
	assert_int_equal(csum_fold(0xffff), 0xffff);
	assert_int_equal(csum_fold(0x10000), 1);
	assert_int_equal(csum_fold(0xffffffff), 0xffff);
	assert_int_equal(csum_fold(UINT64_MAX), 0xffff);
	for (int round = 0; round < 1000000; round++) {
		const uint64_t sum =
		    test_random(&random) >> test_below(&random, 64);
		const uint16_t folded = csum_fold(sum);

		assert_int_equal(folded % 0xffff, sum % 0xffff);
		assert_true((folded == 0) == (sum == 0));
	}
}

static void test_bytes(void **state)
{
	uint64_t random = 6;
	uint8_t data[131], sum[2];
	(void)state;

	for (size_t length = 0; length < sizeof data; length++) {
		for (size_t i = 0; i < length; i++)
			data[i] = (uint8_t)test_random(&random);
		store_be16(sum, (be16){csum_fold(csum_bytes(data, length))});
		assert_int_equal(
		    get16(sum) % 0xffff, plain_sum(data, length) % 0xffff);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_apply_equals_recomputing),
	    cmocka_unit_test(test_change32_is_two_words),
	    cmocka_unit_test(test_equation_3),
	    cmocka_unit_test(test_complement_is_the_way_back),
	    cmocka_unit_test(test_partial),
	    cmocka_unit_test(test_corner_of_rfc1624),
	    cmocka_unit_test(test_fold),
	    cmocka_unit_test(test_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
