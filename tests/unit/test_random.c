/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The generator: SipHash-2-4 over a counter, by the vectors of its authors
 * (key 00..0f), and draws that are uniform.
 */
#include "common.h"

#include "base/random.h"

/* The published vector for the 8-byte message 00 01 .. 07 (vectors.h of the
 * reference implementation, vectors_sip64[8]). */
static void test_official_vector(void **state)
{
	struct random random;
	uint8_t seed[16];
	(void)state;

	for (unsigned i = 0; i < sizeof seed; i++)
		seed[i] = (uint8_t)i;
	random_init(&random, seed);
	random.counter = UINT64_C(0x0706050403020100);
	assert_true(random_next(&random) == UINT64_C(0x93f5f5799a932462));
}

static void test_same_seed_same_choices(void **state)
{
	const uint8_t seed[16] = "0123456789abcde",
		      other[16] = "0123456789abcdf";
	struct random a, b, c;
	unsigned equal = 0;
	(void)state;

	random_init(&a, seed);
	random_init(&b, seed);
	random_init(&c, other);
	for (int i = 0; i < 1000; i++) {
		const uint64_t value = random_next(&a);
		assert_true(value == random_next(&b));
		equal += value == random_next(&c);
	}
	assert_int_equal(equal, 0);
}

/* Chi squared over the cells; its mean is cells - 1, its standard deviation
 * sqrt(2 (cells - 1)): five of them apart is no accident. */
static void test_below_is_uniform(void **state)
{
	static const uint32_t bounds[] = {1, 2, 3, 7, 100, 22768, 65536};
	const uint8_t seed[16] = {42};
	struct random random;
	(void)state;

	random_init(&random, seed);
	for (size_t b = 0; b < COUNT_OF(bounds); b++) {
		const uint32_t bound = bounds[b];
		const double expected = 40;
		unsigned *cells = test_memory(bound * sizeof *cells);
		double chi = 0, distance;

		for (uint32_t i = 0; i < 40 * bound; i++) {
			const uint32_t value = random_below(&random, bound);
			assert_true(value < bound);
			cells[value]++;
		}
		for (uint32_t i = 0; i < bound; i++)
			chi += (cells[i] - expected) * (cells[i] - expected) /
			    expected;
		distance = chi - (bound - 1);
		assert_true(distance * distance <= 25.0 * 2.0 * bound);
		free(cells);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_official_vector),
	    cmocka_unit_test(test_same_seed_same_choices),
	    cmocka_unit_test(test_below_is_uniform),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
