/* SPDX-License-Identifier: BSD-2-Clause */
/* What a fast path consists of. */
#ifndef SPINAT_FAST_PRIVATE_H
#define SPINAT_FAST_PRIVATE_H

#include <bpf/libbpf.h>

#include "fast/clsact.h"
#include "fast/fast.h"
#include "fast/pins.h"
#include "fast/probe.h"
#include "fast/shared.h"

/** Linux 6.6, which libbpf 1.1 does not know by name. */
#define FAST_TCX_INGRESS ((enum bpf_attach_type)46)
#define FAST_TCX_EGRESS  ((enum bpf_attach_type)47)

/** Maps that all programs share, by the names that fast/bpf/maps.h gives. */
enum fast_map {
	FAST_MAP_FLOWS,
	FAST_MAP_COUNTERS_INSIDE,
	FAST_MAP_COUNTERS_OUTSIDE,
	FAST_MAP_INDEX,
	FAST_MAP_SPIS,
	FAST_MAP_IDENTITIES,
	FAST_MAP_SETTINGS,
	FAST_MAP_HEADER, /* ours alone */
	FAST_MAP_COUNTS,
	FAST_MAPS
};

/** Of what the tables are, for the daemon that finds them. */
struct fast_header {
	uint64_t magic;         /* FAST_MAGIC: all the rest is filled in */
	uint32_t layout;        /* SPINAT_LAYOUT_VERSION */
	uint32_t programs;      /* FAST_LAYOUT_VERSION */
	uint8_t seed[16];       /* of the hashes */
	uint32_t is_in_use;     /* still set: whoever used them crashed */
	uint32_t devices[2];    /* that the programs are on, by side */
	uint32_t made_qdisc[2]; /* which had no clsact qdisc before */
};

#define FAST_MAGIC UINT64_C(0x317461666e697073) /* "spinfat1" */

/** Programs at work: two that note, two that take. */
#define FAST_LINKS 4u

struct fast {
	struct pins pins;
	int maps[FAST_MAPS]; /* -1: none */
	void *mapped[FAST_MAPS];
	size_t mapped_size[FAST_MAPS];
	struct bpf_object *objects[2]; /* by enum fast_hook */
	enum fast_hook hook;
	unsigned devices[2];
	struct fast_features features;
	enum fast_way way;     /* of the programs at tc */
	int links[FAST_LINKS]; /* -1: none */
	bool filters[FAST_LINKS];
};

static inline struct fast_header *fast_header_of(const struct fast *fast)
{
	return fast->mapped[FAST_MAP_HEADER];
}

/** The map's name, as fast/bpf/maps.h has it. */
const char *tables_name(int map);
/** Finds them, or makes them. */
int tables_open(struct fast *fast, const struct spinat_config *config,
    struct spinat_memory *memory, struct fast_found *found,
    struct error *error);
void tables_close(struct fast *fast);

/** What is attached stays so, if it is pinned. */
void links_close(struct fast *fast);

#endif
