/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a kernel lacks is named.  The kernel is this one; a seccomp filter
 * answers a system call in its place.
 */
#include "tests/unit/common.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fast/probe.h"

static void answer(long call, unsigned with)
{
	struct sock_filter code[] = {
	    BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | with),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {COUNT_OF(code), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		_exit(2);
}

/* In a process of its own, which the filter stays with. */
static void assert_named(long call, unsigned with, int wanted, const char *what)
{
	const pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		struct fast_features features;
		struct error error = {""};
		int code;

		answer(call, with);
		code = fast_probe(&features, &error);
		print_message("# %s\n", error.text);
		_exit(code != wanted || strstr(error.text, what) == NULL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2) {
		print_message("skipped: no seccomp filters\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void need_all(void)
{
	struct fast_features features;
	struct error error;
	const int code = fast_probe(&features, &error);

	if (code == -EPERM || code == -ENOSYS || code == -EOPNOTSUPP) {
		print_message("skipped: %s\n", error.text);
		skip();
	}
	if (code != 0)
		fail_msg("%s", error.text);
	print_message("# programs at tc by %s\n",
	    features.tc_links ? "links" : "clsact filters");
}

static void test_all_there(void **state)
{
	(void)state;
	need_all();
}

static void test_bpf(void **state)
{
	(void)state;
	need_all();
	assert_named(SYS_bpf, ENOSYS, -ENOSYS, "has no BPF maps");
	assert_named(SYS_bpf, EPERM, -EPERM, "CAP_BPF and CAP_PERFMON");
	assert_named(SYS_bpf, ENOMEM, -ENOMEM, "BPF maps: ");
}

static void test_membarrier(void **state)
{
	(void)state;
	need_all();
	assert_named(SYS_membarrier, ENOSYS, -ENOSYS, "has no membarrier");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_there),
	    cmocka_unit_test(test_bpf),
	    cmocka_unit_test(test_membarrier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
