/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables: BPF maps, mapped into our memory and named in the BPF file
 * system, so that they outlive us.
 *
 * What another daemon left is taken over if it is all there and of just the
 * kind that we would make.
 */
#include "fast/private.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "flow/index.h"
#include "packet/identity.h"

static const struct {
	const char *name; /* as in fast/bpf/maps.h */
	enum bpf_map_type type;
	unsigned value; /* bytes */
	int region;     /* whose memory it is; -1: none */
} kinds[FAST_MAPS] = {
    [FAST_MAP_FLOWS] = {"flows", BPF_MAP_TYPE_ARRAY, sizeof(struct flow),
	SPINAT_REGION_FLOWS},
    [FAST_MAP_COUNTERS_INSIDE] = {"counters_inside", BPF_MAP_TYPE_ARRAY,
	sizeof(struct flow_counter), SPINAT_REGION_COUNTERS_INSIDE},
    [FAST_MAP_COUNTERS_OUTSIDE] = {"counters_outside", BPF_MAP_TYPE_ARRAY,
	sizeof(struct flow_counter), SPINAT_REGION_COUNTERS_OUTSIDE},
    [FAST_MAP_INDEX] = {"index_buckets", BPF_MAP_TYPE_ARRAY,
	INDEX_BUCKET_SLOTS * sizeof(uint32_t), SPINAT_REGION_INDEX},
    [FAST_MAP_SPIS] = {"spi_buckets", BPF_MAP_TYPE_ARRAY,
	INDEX_BUCKET_SLOTS * sizeof(uint32_t), SPINAT_REGION_SPIS},
    [FAST_MAP_IDENTITIES] = {"identities", BPF_MAP_TYPE_ARRAY,
	IDENTITY_SEQUENCES * sizeof(uint32_t), SPINAT_REGION_IDENTITIES},
    [FAST_MAP_SETTINGS] = {"settings", BPF_MAP_TYPE_ARRAY,
	sizeof(struct fast_settings), -1},
    [FAST_MAP_HEADER] = {"header", BPF_MAP_TYPE_ARRAY,
	sizeof(struct fast_header), -1},
    [FAST_MAP_COUNTS] = {"counts", BPF_MAP_TYPE_PERCPU_ARRAY,
	sizeof(struct fast_count), -1},
};

const char *tables_name(int map)
{
	return kinds[map].name;
}

/* ---------------------------------------------------------- one of them */

static unsigned flags_of(int map)
{
	return kinds[map].type == BPF_MAP_TYPE_ARRAY ? BPF_F_MMAPABLE : 0;
}

static unsigned entries_of(int map, const size_t *region_sizes)
{
	if (kinds[map].region >= 0)
		return (unsigned)(region_sizes[kinds[map].region] /
		    kinds[map].value);
	return map == FAST_MAP_COUNTS ? FAST_COUNTS : 1;
}

static int map_memory(struct fast *fast, int map, const size_t *region_sizes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (size_t)entries_of(map, region_sizes) * kinds[map].value;
	void *base;

	if (flags_of(map) == 0)
		return 0;
	size = (size + page - 1) / page * page;
	base = mmap(
	    NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fast->maps[map], 0);
	if (base == MAP_FAILED)
		return -errno;
	fast->mapped[map] = base;
	fast->mapped_size[map] = size;
	return 0;
}

static int make(struct fast *fast, int map, const size_t *region_sizes)
{
	const struct bpf_map_create_opts options = {
	    .sz = sizeof(options), .map_flags = flags_of(map)};

	fast->maps[map] = bpf_map_create(kinds[map].type, kinds[map].name, 4,
	    kinds[map].value, entries_of(map, region_sizes), &options);
	return fast->maps[map] < 0 ? -errno
				   : map_memory(fast, map, region_sizes);
}

/* One that is just as we would make it. */
static int find(struct fast *fast, int map, const size_t *region_sizes)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);

	fast->maps[map] = pins_get(&fast->pins, kinds[map].name);
	if (fast->maps[map] < 0)
		return fast->maps[map];
	if (bpf_obj_get_info_by_fd(fast->maps[map], &info, &size) != 0)
		return -errno;
	if (info.type != kinds[map].type ||
	    info.value_size != kinds[map].value ||
	    info.max_entries != entries_of(map, region_sizes) ||
	    info.map_flags != flags_of(map))
		return -ESTALE;
	return map_memory(fast, map, region_sizes);
}

void tables_close(struct fast *fast)
{
	for (int map = 0; map < FAST_MAPS; map++) {
		if (fast->mapped[map] != NULL)
			(void)munmap(fast->mapped[map], fast->mapped_size[map]);
		if (fast->maps[map] >= 0)
			(void)close(fast->maps[map]);
		fast->mapped[map] = NULL;
		fast->maps[map] = -1;
	}
}

/* --------------------------------------------------------------- all */

static bool find_all(
    struct fast *fast, const size_t *region_sizes, struct fast_found *found)
{
	const struct fast_header *header;
	int code = 0;

	for (int map = 0; map < FAST_MAPS && code == 0; map++)
		code = find(fast, map, region_sizes);
	header = fast_header_of(fast);
	if (code == 0 &&
	    (header->magic != FAST_MAGIC ||
		header->layout != SPINAT_LAYOUT_VERSION ||
		header->programs != FAST_LAYOUT_VERSION))
		code = -ESTALE;
	if (code == 0) {
		found->tables = true;
		found->crashed = header->is_in_use != 0;
		memcpy(found->seed, header->seed, sizeof(found->seed));
		return true;
	}
	if (code != -ENOENT || fast->maps[0] >= 0)
		(void)error_set(&found->why, code,
		    code == -ESTALE
			? "what was left is of another version, or of other "
			  "sizes"
			: "what was left is not whole: %s",
		    strerror(-code));
	tables_close(fast);
	return false;
}

static int make_all(struct fast *fast, const struct spinat_config *config,
    const size_t *region_sizes, struct error *error)
{
	struct fast_header *header;
	int code;

	for (int map = 0; map < FAST_MAPS; map++) {
		code = make(fast, map, region_sizes);
		if (code == 0)
			code = pins_put(
			    &fast->pins, kinds[map].name, fast->maps[map]);
		if (code != 0)
			return error_set(error, code,
			    "the kernel gives no BPF map \"%s\": %s%s",
			    kinds[map].name, strerror(-code),
			    fast_who_may(code));
	}
	header = fast_header_of(fast);
	*header = (struct fast_header){
	    .layout = SPINAT_LAYOUT_VERSION,
	    .programs = FAST_LAYOUT_VERSION,
	};
	memcpy(header->seed, config->seed, sizeof(header->seed));
	header->magic = FAST_MAGIC;
	return 0;
}

int tables_open(struct fast *fast, const struct spinat_config *config,
    struct spinat_memory *memory, struct fast_found *found, struct error *error)
{
	size_t sizes[SPINAT_REGIONS];
	int code = spinat_region_sizes(config, sizes);

	if (code != 0)
		return error_set(error, code, "the configuration is wrong");
	if (!find_all(fast, sizes, found)) {
		pins_clear(&fast->pins);
		code = make_all(fast, config, sizes, error);
	}
	if (code != 0)
		return code;
	fast_header_of(fast)->is_in_use = 1;
	for (int map = 0; map < FAST_MAPS; map++) {
		const int region = kinds[map].region;

		if (region < 0)
			continue;
		memory->base[region] = fast->mapped[map];
		memory->size[region] = sizes[region];
	}
	return 0;
}
