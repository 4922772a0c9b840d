/* SPDX-License-Identifier: BSD-2-Clause */
/* What a fast path consists of. */
#ifndef SPINAT_FAST_PRIVATE_H
#define SPINAT_FAST_PRIVATE_H

#include <bpf/libbpf.h>

#include "fast/fast.h"
#include "fast/shared.h"

/** Maps that all programs share, by the names that fast/bpf/maps.h gives. */
enum fast_map {
	FAST_MAP_FLOWS,
	FAST_MAP_COUNTERS_INSIDE,
	FAST_MAP_COUNTERS_OUTSIDE,
	FAST_MAP_INDEX,
	FAST_MAP_SPIS,
	FAST_MAP_IDENTITIES,
	FAST_MAP_SETTINGS,
	FAST_MAP_COUNTS,
	FAST_MAPS
};

/** Programs at work: two that note, two that take. */
#define FAST_LINKS 4u

struct fast {
	int maps[FAST_MAPS]; /* -1: none */
	void *mapped[FAST_MAPS];
	size_t mapped_size[FAST_MAPS];
	struct bpf_object *objects[2]; /* by enum fast_hook */
	enum fast_hook hook;
	unsigned devices[2];
	int links[FAST_LINKS]; /* -1: none */
};

#endif
