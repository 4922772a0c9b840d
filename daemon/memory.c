/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory for the engine.
 *
 * A lookup among millions of flows touches one or two random lines; on 4 KiB
 * pages each of them also misses the TLB.  So: reserved huge pages first
 * (vm.nr_hugepages), else ordinary memory that the kernel is asked to back
 * with transparent ones.
 */
#include "daemon/memory.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define MEMORY_HUGE_PAGE ((size_t)2 << 20)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#endif

static void *map_anonymous(size_t size, int flags)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return base == MAP_FAILED ? NULL : base;
}

/** Maps one huge page too much and gives back what lies outside the
 * alignment. */
static void *map_aligned(size_t size)
{
	char *base = map_anonymous(size + MEMORY_HUGE_PAGE, 0);
	size_t head, tail;

	if (!base)
		return NULL;
	head = -(uintptr_t)base & (MEMORY_HUGE_PAGE - 1);
	tail = MEMORY_HUGE_PAGE - head;
	if (head)
		(void)munmap(base, head);
	(void)munmap(base + head + size, tail);
	return base + head;
}

int memory_map(struct memory *memory, size_t size, struct error *error)
{
	int cause;

	*memory = (struct memory){0};
	if (size == 0 || size > SIZE_MAX - 2 * MEMORY_HUGE_PAGE)
		return error_set(error, -EINVAL,
		    "the engine asks for %zu bytes of memory", size);
	memory->size = (size + MEMORY_HUGE_PAGE - 1) & ~(MEMORY_HUGE_PAGE - 1);

	memory->base = map_anonymous(memory->size, MAP_HUGETLB | MAP_HUGE_2MB);
	memory->pages = "reserved 2 MiB pages";
	if (!memory->base) {
		memory->base = map_aligned(memory->size);
		cause = errno;
		if (!memory->base)
			return error_set(error, -cause,
			    "no %zu MiB of memory for the flow tables: %s; "
			    "a lower max_flows needs less",
			    memory->size >> 20, strerror(cause));
		memory->pages =
		    madvise(memory->base, memory->size, MADV_HUGEPAGE) == 0
		    ? "2 MiB pages where the kernel finds any"
		    : "4 KiB pages (no huge pages here)";
	}
	/* No packet shall wait for a page to be found and cleared (a 2 MiB one
	 * takes 100 us): touch them all now.  Kernels before 5.14 do it later.
	 */
	(void)madvise(memory->base, memory->size, MADV_POPULATE_WRITE);
	/* iptables-restore and its like are no business of this memory: not
	 * having to share it makes their fork cheap, however many flows. */
	(void)madvise(memory->base, memory->size, MADV_DONTFORK);
	return 0;
}

void memory_unmap(struct memory *memory)
{
	if (memory->base)
		(void)munmap(memory->base, memory->size);
	*memory = (struct memory){0};
}
