/* SPDX-License-Identifier: BSD-2-Clause */
#include "fast/probe.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "fast/private.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

const char *fast_who_may(int code)
{
	return code == -EPERM || code == -EACCES
	    ? " (it wants CAP_BPF and CAP_PERFMON)"
	    : "";
}

/* 0, if what it opened was opened; errno is of the call. */
static int close_probe(int fd)
{
	if (fd < 0)
		return -errno;
	(void)close(fd);
	return 0;
}

static int try_map(void)
{
	const struct bpf_map_create_opts options = {.sz = sizeof(options)};

	return close_probe(
	    bpf_map_create(BPF_MAP_TYPE_ARRAY, "probe", 4, 8, 1, &options));
}

static int try_shared_map(void)
{
	const struct bpf_map_create_opts options = {
	    .sz = sizeof(options), .map_flags = BPF_F_MMAPABLE};

	return close_probe(
	    bpf_map_create(BPF_MAP_TYPE_ARRAY, "probe", 4, 8, 1, &options));
}

static int try_program(
    enum bpf_prog_type type, const struct bpf_insn *code, size_t length)
{
	return close_probe(
	    bpf_prog_load(type, "probe", "GPL", code, length, NULL));
}

static int try_clock(enum bpf_prog_type type)
{
	static const struct bpf_insn code[] = {
	    {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ktime_get_coarse_ns},
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
	    {.code = BPF_JMP | BPF_EXIT},
	};

	return try_program(type, code, COUNT_OF(code));
}

static int try_clock_at_tc(void)
{
	return try_clock(BPF_PROG_TYPE_SCHED_CLS);
}

static int try_clock_at_xdp(void)
{
	return try_clock(BPF_PROG_TYPE_XDP);
}

/* IP ids are drawn so (lib/packet/identity.h). */
static int try_atomics(void)
{
	static const struct bpf_insn code[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
	    {.code = BPF_STX | BPF_MEM | BPF_DW,
		.dst_reg = BPF_REG_10,
		.src_reg = BPF_REG_0,
		.off = -8},
	    {.code = BPF_STX | BPF_ATOMIC | BPF_DW,
		.dst_reg = BPF_REG_10,
		.src_reg = BPF_REG_0,
		.off = -8,
		.imm = BPF_ADD | BPF_FETCH},
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
	    {.code = BPF_JMP | BPF_EXIT},
	};

	return try_program(BPF_PROG_TYPE_SCHED_CLS, code, COUNT_OF(code));
}

static int try_grace(void)
{
	const long commands =
	    syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	if (commands < 0)
		return -errno;
	return (commands & MEMBARRIER_CMD_GLOBAL) != 0 ? 0 : -EOPNOTSUPP;
}

static const struct {
	int (*try)(void);
	const char *what, *since; /* Linux */
} probes[] = {
    {try_map, "BPF maps", "3.19"},
    {try_shared_map, "BPF maps that can be mapped (BPF_F_MMAPABLE)", "5.5"},
    {try_clock_at_tc, "coarse clock for BPF programs at tc", "5.11"},
    {try_clock_at_xdp, "coarse clock for BPF programs at XDP", "5.11"},
    {try_atomics, "BPF_FETCH in atomic BPF instructions", "5.12"},
    {try_grace, "membarrier(MEMBARRIER_CMD_GLOBAL), without nohz_full", "4.16"},
};

/* No device has the index 0.  A kernel that knows such links looks for it. */
static bool has_tc_links(void)
{
	uint32_t count = 0;

	return bpf_prog_query(0, FAST_TCX_INGRESS, 0, NULL, NULL, &count) !=
	    0 &&
	    errno == ENODEV;
}

int fast_probe(struct fast_features *features, struct error *error)
{
	for (size_t i = 0; i < COUNT_OF(probes); i++) {
		const int code = probes[i].try();

		if (code == -EPERM || code == -EACCES)
			return error_set(error, code,
			    "the kernel does not allow %s: %s%s",
			    probes[i].what, strerror(-code),
			    fast_who_may(code));
		if (code == -EINVAL || code == -ENOSYS || code == -EOPNOTSUPP)
			return error_set(error,
			    code == -EINVAL ? -EOPNOTSUPP : code,
			    "the kernel has no %s (in Linux since %s)",
			    probes[i].what, probes[i].since);
		if (code != 0)
			return error_set(error, code, "%s: %s", probes[i].what,
			    strerror(-code));
	}
	features->tc_links = has_tc_links();
	return 0;
}
