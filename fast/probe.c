/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fast path needs of the kernel, asked one by one, so that whoever
 * lacks something is told what.
 */
#include "fast/private.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>

/* Every network namespace has it, with this number. */
#define LOOPBACK 1

static const char *release(struct utsname *system)
{
	return uname(system) == 0 ? system->release : "unknown";
}

static int probe_maps(struct error *error)
{
	const struct bpf_map_create_opts options = {
	    .sz = sizeof(options), .map_flags = BPF_F_MMAPABLE};
	const int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "probe",
	    sizeof(uint32_t), sizeof(uint64_t), 1, &options);
	const int cause = errno;
	struct utsname system;

	if (map >= 0) {
		(void)close(map);
		return 0;
	}
	if (cause == EPERM || cause == EACCES)
		return error_set(error, -cause,
		    "the kernel gives no BPF map: %s (it wants CAP_BPF and "
		    "CAP_PERFMON)",
		    strerror(cause));
	if (cause == ENOSYS)
		return error_set(
		    error, -cause, "this kernel is built without BPF");
	return error_set(error, -cause,
	    "the kernel gives no BPF map that can be mapped, as Linux 5.5 and "
	    "later do: %s (this is %s)",
	    strerror(cause), release(&system));
}

static int probe_links(struct error *error)
{
	uint32_t count = 0;
	struct utsname system;

	if (bpf_prog_query(LOOPBACK, FAST_TCX_INGRESS, 0, NULL, NULL, &count) ==
		0 ||
	    errno != EINVAL)
		return 0;
	return error_set(error, -EOPNOTSUPP,
	    "this kernel has no BPF links at tc, as Linux 6.6 and later do "
	    "(this is %s)",
	    release(&system));
}

static int probe_grace(struct error *error)
{
	const long commands =
	    syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	if (commands >= 0 && (commands & MEMBARRIER_CMD_GLOBAL) != 0)
		return 0;
	return error_set(error, -EOPNOTSUPP,
	    "this kernel does not tell when a grace period is over: it has no "
	    "membarrier(MEMBARRIER_CMD_GLOBAL) (none has where a CPU runs "
	    "without ticks, nohz_full)");
}

int fast_probe(struct error *error)
{
	int code = probe_maps(error);

	if (code == 0)
		code = probe_links(error);
	if (code == 0)
		code = probe_grace(error);
	return code;
}
