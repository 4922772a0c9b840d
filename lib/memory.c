/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of an engine: how much, in which regions, and what lies where.
 */
#include "engine.h"

#include <errno.h>

/* At most one mapping for each public port there is, or for each flow. */
static uint32_t max_mappings(const struct spinat_config *config)
{
	const uint64_t ports = (uint64_t)config->public_count *
	    (2u * ((uint64_t)config->port_high - config->port_low + 1) +
		UINT16_MAX + 1);

	return ports < config->max_flows ? (uint32_t)ports : config->max_flows;
}

/* Inbound SPIs are flows: no more of them than of all. */
static uint32_t max_spis(const struct spinat_config *config)
{
	return config->max_spis < config->max_flows ? config->max_spis
						    : config->max_flows;
}

/* Every table, in one order: once to count the memory, once to use it.  The
 * first half of the seed keys the hashes, the second the random choices. */
static void lay_out(struct spinat *engine,
    struct arena *const arenas[SPINAT_REGIONS],
    const struct spinat_config *config, tick now)
{
	const uint8_t *hash_seed = config->seed;
	struct arena *arena = arenas[SPINAT_REGION_ENGINE];

	flow_table_init(&engine->table, arenas, config->max_flows,
	    max_spis(config), max_mappings(config), hash_seed, now);
	ports_init(&engine->ports, arena, config->public_count);
	redirects_init(&engine->redirects, arena, config->max_redirects);
	peers_init(&engine->peers, arena, config->max_peers, hash_seed);
	ike_table_init(&engine->ikes, arena, config->max_ike, hash_seed, now);
	memos_init(
	    &engine->memos, arena, config->max_flows, config->max_ike, now);
	bindings_init(
	    &engine->bindings, arena, config->max_bindings, config->max_claims);
	sketch_init(&engine->sketch, arena, max_spis(config));
	fragments_init(
	    &engine->fragments, arena, config->max_fragments, hash_seed, now);
	identities_init(&engine->identities, arenas[SPINAT_REGION_IDENTITIES],
	    config->seed + 16);
}

int spinat_region_sizes(
    const struct spinat_config *config, size_t size[SPINAT_REGIONS])
{
	struct arena parts[SPINAT_REGIONS] = {0};
	struct arena *arenas[SPINAT_REGIONS];
	struct spinat scratch;
	const char *what;

	if (spinat_config_check(config, &what) != 0)
		return -EINVAL;
	for (int region = 0; region < SPINAT_REGIONS; region++)
		arenas[region] = &parts[region];
	(void)arena_take(
	    arenas[SPINAT_REGION_ENGINE], 1, sizeof(struct spinat));
	lay_out(&scratch, arenas, config, 0);
	for (int region = 0; region < SPINAT_REGIONS; region++)
		size[region] = parts[region].used;
	return 0;
}

size_t spinat_memory_size(const struct spinat_config *config)
{
	size_t size[SPINAT_REGIONS], sum = 0;

	if (spinat_region_sizes(config, size) != 0)
		return 0;
	for (int region = 0; region < SPINAT_REGIONS; region++)
		sum += size[region];
	return sum;
}

static struct spinat *make(struct arena *const arenas[SPINAT_REGIONS],
    const struct spinat_config *config, spinat_time now)
{
	struct spinat *engine =
	    arena_take(arenas[SPINAT_REGION_ENGINE], 1, sizeof *engine);

	engine->config = *config;
	engine->now = now;
	engine->tick = tick_of(now);
	engine->icmp_refilled = engine->tick;
	engine->icmp_tokens = ICMP_BURST;
	for (int i = 0; i < SPINAT_TIMEOUT_COUNT; i++)
		engine->timeouts[i] = tick_span(config->timeouts[i]);
	engine->identity = (be16){0};
	memcpy(
	    engine->publics, config->public_addresses, sizeof engine->publics);
	engine->public_count = engine->public_max = config->public_count;
	lay_out(engine, arenas, config, engine->tick);
	random_init(&engine->random, config->seed + 16);
	engine->stats.memory = spinat_memory_size(config);
	return engine;
}

static int check_memory(const void *base, size_t size, size_t need)
{
	if (base == NULL || (uintptr_t)base % CACHE_LINE != 0)
		return -EINVAL;
	return size < need ? -ENOMEM : 0;
}

int spinat_create(struct spinat **out, const struct spinat_config *config,
    void *memory, size_t size, spinat_time now)
{
	const size_t need = spinat_memory_size(config);
	const int error = check_memory(memory, size, need);
	struct arena arena = {.base = memory};
	struct arena *arenas[SPINAT_REGIONS];

	if (need == 0 || now < 0)
		return -EINVAL;
	if (error != 0)
		return error;
	for (int region = 0; region < SPINAT_REGIONS; region++)
		arenas[region] = &arena;
	*out = make(arenas, config, now);
	return 0;
}

int spinat_create_shared(struct spinat **out,
    const struct spinat_config *config, const struct spinat_memory *memory,
    spinat_time now)
{
	struct arena parts[SPINAT_REGIONS];
	struct arena *arenas[SPINAT_REGIONS];
	size_t need[SPINAT_REGIONS];
	int error = spinat_region_sizes(config, need);

	if (error == 0 && now < 0)
		error = -EINVAL;
	for (int region = 0; region < SPINAT_REGIONS && error == 0; region++) {
		error = check_memory(
		    memory->base[region], memory->size[region], need[region]);
		parts[region] = (struct arena){.base = memory->base[region]};
		arenas[region] = &parts[region];
	}
	if (error == 0)
		*out = make(arenas, config, now);
	return error;
}

bool spinat_grace_begin(struct spinat *engine)
{
	return flow_table_grace_begin(&engine->table);
}

void spinat_grace_end(struct spinat *engine)
{
	flow_table_grace_end(&engine->table);
}

static struct spinat_index_layout layout_of(const struct index *index)
{
	return (struct spinat_index_layout){
	    .buckets = index->buckets, .number_mask = index->number_mask};
}

static struct spinat_hash_layout layout_of_hash(const struct hash_seed *seed)
{
	struct spinat_hash_layout layout = {
	    .add = seed->add, .finish = seed->finish};

	memcpy(layout.times, seed->times, sizeof layout.times);
	return layout;
}

void spinat_get_layout(
    const struct spinat *engine, struct spinat_layout *layout)
{
	*layout = (struct spinat_layout){
	    .hash = layout_of_hash(&engine->table.seed),
	    .identity = layout_of_hash(&engine->identities.seed),
	    .index = layout_of(&engine->table.index),
	    .spis = layout_of(&engine->table.spis),
	    .max_flows = engine->table.max,
	};
}
