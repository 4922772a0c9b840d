/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's verifier takes every program, with room to spare.  How much it
 * has to look at differs from one kernel to the next; it gives up at a million
 * instructions.
 */
#include "fast_fixture.h"

#include <bpf/bpf.h>

#define VERIFIED_MAX 500000u

static void test_room(void **state)
{
	struct spinat_config config;
	struct fast_program programs[FAST_PROGRAMS];
	struct bed *bed;
	(void)state;

	nat_config(&config);
	bed = fast_start(&config);
	fast_get_programs(bed->fast, programs);
	for (unsigned i = 0; i < FAST_PROGRAMS; i++) {
		const char *name = programs[i].name;
		struct bpf_prog_info info = {0};
		uint32_t size = sizeof info;

		assert_int_equal(
		    bpf_obj_get_info_by_fd(
			fast_program(bed->fast, name), &info, &size),
		    0);
		print_message("# %s: %u instructions, %u verified\n", name,
		    programs[i].instructions, info.verified_insns);
		assert_true(programs[i].instructions > 100);
		assert_in_range(info.verified_insns, 100, VERIFIED_MAX);
	}
	fast_stop(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FAST_BOTH(test_room),
	};

	return cmocka_run_group_tests(tests, fast_make_namespace, NULL);
}
