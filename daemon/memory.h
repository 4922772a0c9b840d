/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's memory: one zeroed mapping, aligned to 2 MiB, on huge pages
 * where the system has any.
 */
#ifndef SPINAT_DAEMON_MEMORY_H
#define SPINAT_DAEMON_MEMORY_H

#include <stddef.h>

#include "conf/error.h"

struct memory {
	void *base;
	size_t size;       /* rounded up to whole huge pages */
	const char *pages; /* static storage: on what pages it lies */
};

/** Maps at least `size` bytes.  The mapping is not seen by children. */
int memory_map(struct memory *memory, size_t size, struct error *error);
void memory_unmap(struct memory *memory);

#endif
