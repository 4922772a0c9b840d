/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filters of our own at clsact, beside those of others, which tc makes and
 * lists: theirs are the same before and after, whatever is done to ours.
 */
#include "fast_fixture.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <unistd.h>

#include "fast/clsact.h"

#define DEVICE "inside0"

static void do_it(const char *command)
{
	if (system(command) != 0)
		fail_msg("\"%s\" failed", command);
}

/* What tc says of the device's qdiscs and filters. */
static void list(char *text, size_t room)
{
	FILE *out = popen("tc qdisc show dev " DEVICE " clsact 2>&1; "
			  "tc filter show dev " DEVICE " ingress 2>&1; "
			  "tc filter show dev " DEVICE " egress 2>&1",
	    "r");
	size_t length;

	assert_non_null(out);
	length = fread(text, 1, room - 1, out);
	text[length] = '\0';
	assert_int_equal(pclose(out), 0);
}

static unsigned count_in(const char *text, const char *what)
{
	unsigned count = 0;

	while ((text = strstr(text, what)) != NULL) {
		count++;
		text += strlen(what);
	}
	return count;
}

static unsigned listed(const char *what)
{
	char text[16384];

	list(text, sizeof(text));
	return count_in(text, what);
}

static int make_program(void)
{
	static const struct bpf_insn code[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = -1},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	int program;

	fast_need_namespace();
	program = bpf_prog_load(
	    BPF_PROG_TYPE_SCHED_CLS, "mine", "GPL", code, 2, NULL);
	if (program < 0 && errno == EPERM) {
		print_message("skipped: no BPF programs are allowed\n");
		skip();
	}
	assert_true(program >= 0);
	return program;
}

static int start_device(void **state)
{
	(void)state;
	return system("tc qdisc del dev " DEVICE " clsact 2>/dev/null; true");
}

static struct clsact_place place_at(bool leaving)
{
	return (struct clsact_place){if_nametoindex(DEVICE), leaving};
}

static void test_beside_others(void **state)
{
	const struct clsact_place in = place_at(false), out = place_at(true);
	const int program = make_program();
	char before[16384], after[16384];
	bool made = false;
	(void)state;

	do_it("tc qdisc add dev " DEVICE " clsact");
	do_it("tc filter add dev " DEVICE " ingress pref 5 u32 match u32 0 0 "
	      "flowid 1:1");
	do_it("tc filter add dev " DEVICE " egress pref 49000 u32 match u32 "
	      "0 0 flowid 1:1");
	/* At our very preference, by another handle. */
	do_it("tc filter add dev " DEVICE " ingress pref 21328 protocol all "
	      "handle 1 bpf bytecode '1,6 0 0 0' flowid 1:1");
	list(before, sizeof(before));
	assert_int_equal(clsact_is_ours(&in), 0);
	assert_int_equal(clsact_attach(&in, program, "one", &made), 0);
	assert_int_equal(clsact_attach(&out, program, "other", &made), 0);
	assert_false(made);
	assert_int_equal(clsact_is_ours(&in), 1);
	assert_int_equal(listed("spinat:one"), 1);
	assert_int_equal(listed("spinat:other"), 1);
	assert_int_equal(clsact_remove_qdisc(in.device), 0);
	assert_int_equal(listed("qdisc clsact"), 1);
	assert_int_equal(clsact_detach(&in), 0);
	assert_int_equal(clsact_detach(&out), 0);
	assert_int_equal(clsact_detach(&out), 0);
	assert_int_equal(clsact_remove_qdisc(in.device), 0);
	list(after, sizeof(after));
	assert_string_equal(before, after);
	assert_int_equal(close(program), 0);
}

static void test_own_qdisc(void **state)
{
	const struct clsact_place in = place_at(false);
	const int program = make_program();
	bool made = false;
	(void)state;

	assert_int_equal(listed("clsact"), 0);
	assert_int_equal(clsact_attach(&in, program, "one", &made), 0);
	assert_true(made);
	assert_int_equal(clsact_remove_qdisc(in.device), 0);
	assert_int_equal(listed("spinat:one"), 1);
	assert_int_equal(clsact_detach(&in), 0);
	assert_int_equal(clsact_remove_qdisc(in.device), 0);
	assert_int_equal(listed("clsact"), 0);
	assert_int_equal(clsact_detach(&in), 0);
	/* What cannot be attached leaves no qdisc. */
	made = false;
	assert_int_not_equal(clsact_attach(&in, -1, "one", &made), 0);
	assert_false(made);
	assert_int_equal(listed("clsact"), 0);
	assert_int_equal(close(program), 0);
}

static unsigned id_of(int program)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof info;

	assert_int_equal(bpf_obj_get_info_by_fd(program, &info, &size), 0);
	return info.id;
}

/* A daemon was killed, and another one takes its place. */
static void test_replaced(void **state)
{
	const struct clsact_place in = place_at(false);
	const int old = make_program(), new = make_program();
	char is_new[32];
	bool made = false, made_again = false;
	(void)state;

	assert_int_equal(clsact_attach(&in, old, "old", &made), 0);
	assert_int_equal(clsact_attach(&in, new, "new", &made_again), 0);
	assert_true(made && !made_again);
	assert_int_equal(listed("spinat:"), 1);
	assert_int_equal(listed("spinat:new"), 1);
	snprintf(is_new, sizeof is_new, " id %u ", id_of(new));
	assert_int_equal(listed(is_new), 1);
	assert_int_equal(close(old), 0);
	assert_int_equal(close(new), 0);
}

/* Our preference and handle, and somebody else's filter. */
static void assert_taken_by(const char *foreign, int program)
{
	const struct clsact_place in = place_at(false);
	char before[16384], after[16384];
	bool made = false;

	do_it("tc qdisc add dev " DEVICE " clsact");
	do_it(foreign);
	list(before, sizeof(before));
	assert_true(clsact_attach(&in, program, "one", &made) < 0);
	assert_false(made);
	assert_true(clsact_detach(&in) <= 0);
	assert_int_equal(clsact_clear(NULL, 0), 0);
	assert_int_equal(clsact_remove_qdisc(in.device), 0);
	list(after, sizeof(after));
	assert_string_equal(before, after);
	do_it("tc qdisc del dev " DEVICE " clsact");
}

static void test_place_of_another(void **state)
{
	const int program = make_program();
	(void)state;

	assert_int_equal(CLSACT_PREFERENCE, 21328);
	assert_int_equal(CLSACT_HANDLE, 0x5350);
	assert_taken_by("tc filter add dev " DEVICE " ingress pref 21328 "
			"protocol all handle 0x5350 bpf bytecode "
			"'1,6 0 0 0' flowid 1:1",
	    program);
	assert_taken_by("tc filter add dev " DEVICE " ingress pref 21328 "
			"protocol all u32 match u32 0 0 flowid 1:1",
	    program);
	assert_taken_by("tc filter add dev " DEVICE " ingress pref 21328 "
			"protocol ip u32 match u32 0 0 flowid 1:1",
	    program);
	assert_int_equal(close(program), 0);
}

/* It would take a filter for what leaves as one for what arrives. */
static void test_qdisc_ingress(void **state)
{
	const struct clsact_place out = place_at(true);
	const int program = make_program();
	bool made = false;
	(void)state;

	do_it("tc qdisc add dev " DEVICE " ingress");
	assert_int_equal(clsact_attach(&out, program, "one", &made), -EBUSY);
	assert_int_equal(listed("spinat:"), 0);
	assert_false(made);
	do_it("tc qdisc del dev " DEVICE " ingress");
	assert_int_equal(close(program), 0);
}

static void test_clear(void **state)
{
	const struct clsact_place in = place_at(false), out = place_at(true);
	const int program = make_program();
	bool made = false;
	(void)state;

	assert_int_equal(clsact_attach(&in, program, "one", &made), 0);
	assert_int_equal(clsact_attach(&out, program, "other", &made), 0);
	assert_int_equal(clsact_clear(&in, 1), 0);
	assert_int_equal(clsact_is_ours(&in), 1);
	assert_int_equal(clsact_is_ours(&out), 0);
	assert_int_equal(clsact_clear(NULL, 0), 0);
	assert_int_equal(clsact_is_ours(&in), 0);
	assert_int_equal(close(program), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_beside_others, start_device),
	    cmocka_unit_test_setup(test_own_qdisc, start_device),
	    cmocka_unit_test_setup(test_replaced, start_device),
	    cmocka_unit_test_setup(test_place_of_another, start_device),
	    cmocka_unit_test_setup(test_qdisc_ingress, start_device),
	    cmocka_unit_test_setup(test_clear, start_device),
	};

	return cmocka_run_group_tests(tests, fast_make_namespace, NULL);
}
