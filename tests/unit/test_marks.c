/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Marks against an array of flags.
 */
#include "common.h"

#include "base/marks.h"

/* Sizes at which a level has one word more. */
static const uint32_t sizes[] = {1, 63, 64, 4095, 4096, 4097, 70000};

static void *lay_out(struct marks *marks, uint32_t highest)
{
	struct arena arena = {.base = NULL};
	void *memory;

	marks_init(marks, &arena, highest);
	memory = test_memory(arena.used);
	arena = (struct arena){.base = memory};
	marks_init(marks, &arena, highest);
	return memory;
}

static void test_against_a_model(void **state)
{
	uint64_t random = 1;
	(void)state;

	for (size_t s = 0; s < COUNT_OF(sizes); s++) {
		const uint32_t highest = sizes[s];
		bool *marked = test_memory(highest + 1);
		struct marks marks;
		void *memory = lay_out(&marks, highest);
		uint32_t count = 0, number;

		for (int step = 0; step < 20000; step++) {
			const unsigned what = test_below(&random, 100);

			if (what < 20) {
				number = 1 + test_below(&random, highest);
				assert_int_equal(
				    marks_drop(&marks, number), marked[number]);
				count -= marked[number];
				marked[number] = false;
			} else if (what < 70) {
				number = 1 + test_below(&random, highest);
				count += !marked[number];
				marked[number] = true;
				marks_set(&marks, number);
			} else {
				number = marks_take(&marks);
				assert_in_range(number, count != 0, highest);
				assert_true(number == 0 || marked[number]);
				marked[number] = false;
				count -= number != 0;
			}
			assert_int_equal(marks.count, count);
		}
		while ((number = marks_take(&marks)) != 0) {
			assert_true(marked[number]);
			marked[number] = false;
		}
		for (uint32_t i = 1; i <= highest; i++)
			assert_false(marked[i]);
		free(marked);
		free(memory);
	}
}

/* Every record there is at once: none is lost. */
static void test_all(void **state)
{
	(void)state;
	for (size_t s = 0; s < COUNT_OF(sizes); s++) {
		struct marks marks;
		void *memory = lay_out(&marks, sizes[s]);
		uint64_t sum = 0;

		marks_set_all(&marks, sizes[s]);
		assert_int_equal(marks.count, sizes[s]);
		for (uint32_t i = 1; i <= sizes[s]; i++)
			sum += marks_take(&marks);
		assert_int_equal(marks_take(&marks), 0);
		assert_true(sum == (uint64_t)sizes[s] * (sizes[s] + 1) / 2);
		free(memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_against_a_model),
	    cmocka_unit_test(test_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
