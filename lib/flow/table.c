/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow/table.h"

void flow_table_init(struct flow_table *table,
    struct arena *const arenas[SPINAT_REGIONS], uint32_t max_flows,
    uint32_t max_spis, uint32_t max_mappings, const uint8_t seed[16], tick now)
{
	static const enum spinat_region counters[2] = {
	    SPINAT_REGION_COUNTERS_INSIDE, SPINAT_REGION_COUNTERS_OUTSIDE};
	const size_t records = (size_t)max_flows + 1;

	memset(table, 0, sizeof *table);
	table->max = max_flows;
	table->is_shared =
	    arenas[SPINAT_REGION_FLOWS] != arenas[SPINAT_REGION_ENGINE];
	table->flows = arena_take(
	    arenas[SPINAT_REGION_FLOWS], records, sizeof *table->flows);
	for (int side = 0; side < 2; side++)
		table->counters[side] = arena_take(arenas[counters[side]],
		    records, sizeof *table->counters[side]);
	/* An inbound SPI has one key in each; the rest two in `index`. */
	index_init(&table->index, arenas[SPINAT_REGION_INDEX], 2 * max_flows,
	    max_flows);
	index_init(
	    &table->spis, arenas[SPINAT_REGION_SPIS], max_spis, max_flows);
	index_init(&table->mappings, arenas[SPINAT_REGION_ENGINE],
	    2 * max_mappings, max_flows);
	hash_seed_init(&table->seed, seed);
	if (table->flows == NULL)
		return;
	table->flows[0].key_kind = KEY_NOBODY; /* no guess: matches no key */
	wheel_init(
	    &table->wheel, &table->flows[0].timer, sizeof *table->flows, now);
}

uint32_t flow_table_find(
    const struct flow_table *table, const struct key *key, uint64_t hash)
{
	return index_find(
	    key->kind == KEY_OUTSIDE_SPI_IN ? &table->spis : &table->index,
	    hash, flow_same, table, key);
}

static bool same_mapping(const void *of, uint32_t number, const void *want)
{
	const struct flow_table *table = of;
	const struct key *key = want;
	const struct flow *flow = &table->flows[number];
	const struct flow_side *side =
	    &flow->side[key->kind == KEY_MAPPING_OUTSIDE];

	return be32_equal(side->local, key->local) &&
	    be16_equal(side->ids.port.local, key->ids.port.local) &&
	    flow->protocol == key->protocol;
}

uint32_t flow_table_find_mapping(
    const struct flow_table *table, const struct key *key)
{
	return index_find(&table->mappings, key_hash(&table->seed, key),
	    same_mapping, table, key);
}

static void push(struct flow_table *table, uint32_t *list, uint32_t number)
{
	struct flow *flow = &table->flows[number];

	flow->gate = 0;
	flow->key_kind = KEY_NOBODY; /* a guess made before it ended fails */
	flow->timer.prev = 0;
	flow->timer.next = *list;
	*list = number;
}

static void retire(struct flow_table *table, uint32_t number)
{
	struct retired *resting = &table->resting;

	if (resting->first == 0)
		resting->last = number;
	push(table, &resting->first, number);
}

void flow_table_put_back(struct flow_table *table, uint32_t number)
{
	push(table, &table->free, number);
}

/* Of the counters of one direction that share a cache line. */
#define BESIDE (64u / sizeof(struct flow_counter))
/* Records that are handed out for the first time, at once. */
#define BLOCK 64u

/* Flows that begin one after the other may be the busy ones, on two CPUs: their
 * counters shall not share a line.  So of a block every fourth record comes
 * first. */
static void add_block(struct flow_table *table)
{
	const uint32_t first = table->highest + 1;
	const uint32_t last = first | (BLOCK - 1);

	table->highest = last < table->max ? last : table->max;
	for (uint32_t turn = BESIDE; turn-- > 0;)
		for (uint32_t n = table->highest; n >= first; n--)
			if ((n - 1) % BESIDE == turn)
				flow_table_put_back(table, n);
}

uint32_t flow_table_take(struct flow_table *table)
{
	uint32_t number;

	if (table->free == 0 && table->highest < table->max)
		add_block(table);
	number = table->free;
	if (number == 0)
		return 0;
	table->free = table->flows[number].timer.next;
	memset(&table->flows[number], 0, sizeof table->flows[number]);
	for (int side = 0; side < 2; side++)
		memset(&table->counters[side][number], 0,
		    sizeof table->counters[side][number]);
	return number;
}

bool flow_table_publish(struct flow_table *table, uint32_t number)
{
	struct flow *flow = &table->flows[number];
	const struct key inside = flow_key(flow, SPINAT_INSIDE);
	const struct key outside = flow_key(flow, SPINAT_OUTSIDE);
	const uint64_t hash = key_hash(&table->seed, &inside);

	if (!index_insert(flow_table_index(table, &inside), hash, number))
		return false;
	if (!index_insert(flow_table_index(table, &outside),
		key_hash(&table->seed, &outside), number)) {
		index_remove(flow_table_index(table, &inside), hash, number);
		return false;
	}
	flow_set_gate(flow);
	table->live++;
	return true;
}

void flow_table_end(struct flow_table *table, uint32_t number)
{
	struct flow *flow = &table->flows[number];

	ENSURE(flow_is_live(flow));
	for (int side = 0; side < 2; side++) {
		const struct key key = flow_key(flow, (enum spinat_side)side);
		index_remove(flow_table_index(table, &key),
		    key_hash(&table->seed, &key), number);
	}
	wheel_cancel(&table->wheel, number);
	table->live--;
	if (table->is_shared)
		retire(table, number);
	else
		flow_table_put_back(table, number);
}

bool flow_table_grace_begin(struct flow_table *table)
{
	if (table->resting.first == 0 || table->leaving.first != 0)
		return false;
	table->leaving = table->resting;
	table->resting = (struct retired){0};
	return true;
}

void flow_table_grace_end(struct flow_table *table)
{
	const struct retired leaving = table->leaving;

	if (leaving.first == 0)
		return;
	table->flows[leaving.last].timer.next = table->free;
	table->free = leaving.first;
	table->leaving = (struct retired){0};
}

bool flow_table_last(const struct flow_table *table, uint32_t number,
    enum spinat_side side, tick now, tick *last)
{
	const uint64_t word = table->counters[side][number].packets_stamp;

	if (word >> TICK_STAMP_BITS == 0)
		return false;
	*last = tick_of_stamp(now, (uint32_t)word & TICK_STAMP_MASK);
	return true;
}

tick flow_table_last_any(
    const struct flow_table *table, uint32_t number, tick now)
{
	tick latest = table->flows[number].created;

	for (int side = 0; side < 2; side++) {
		tick last;
		if (flow_table_last(
			table, number, (enum spinat_side)side, now, &last))
			latest = tick_later(last, latest);
	}
	return latest;
}
