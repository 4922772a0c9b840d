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
	marks_init(&table->free, arenas[SPINAT_REGION_ENGINE], max_flows);
	if (table->flows == NULL)
		return;
	marks_set_all(&table->free, max_flows);
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

/* Nobody finds it any more. */
static void clear(struct flow *flow)
{
	flow->gate = 0;
	flow->key_kind = KEY_NOBODY; /* a guess made before it ended fails */
}

void flow_table_free(struct flow_table *table, uint32_t number)
{
	clear(&table->flows[number]);
	marks_set(&table->free, number);
}

static void rest(struct flow_table *table, uint32_t number)
{
	struct flow *flow = &table->flows[number];

	clear(flow);
	flow->timer.next = table->resting;
	table->resting = number;
}

/* One of its homes if that is free.  (Who has all memory for himself finds
 * flows by the index, and would touch more of it so.) */
static uint32_t take(struct flow_table *table, uint64_t hash)
{
	const uint32_t home = flow_home(hash, table->max);
	const uint32_t second = flow_second_home(home);
	uint32_t number;

	if (table->is_shared && marks_drop(&table->free, home))
		number = home;
	else if (table->is_shared && second <= table->max &&
	    marks_drop(&table->free, second))
		number = second;
	else
		number = marks_take(&table->free);
	if (number > table->highest)
		table->highest = number;
	return number;
}

static bool publish(struct flow_table *table, uint32_t number,
    const struct key keys[2], const uint64_t hashes[2])
{
	struct index *inside = flow_table_index(table, &keys[SPINAT_INSIDE]);
	struct index *outside = flow_table_index(table, &keys[SPINAT_OUTSIDE]);

	if (!index_insert(inside, hashes[SPINAT_INSIDE], number))
		return false;
	if (!index_insert(outside, hashes[SPINAT_OUTSIDE], number)) {
		index_remove(inside, hashes[SPINAT_INSIDE], number);
		return false;
	}
	flow_set_gate(&table->flows[number]);
	return true;
}

uint32_t flow_table_add(struct flow_table *table, const struct flow *made)
{
	struct key keys[2];
	uint64_t hashes[2];
	uint32_t number;

	for (unsigned side = 0; side < 2; side++) {
		keys[side] = flow_key(made, (enum spinat_side)side);
		hashes[side] = key_hash(&table->seed, &keys[side]);
	}
	number = take(table,
	    hashes[key_has_home(keys[SPINAT_INSIDE].kind) ? SPINAT_INSIDE
							  : SPINAT_OUTSIDE]);
	if (number == 0)
		return 0;
	table->flows[number] = *made;
	for (unsigned side = 0; side < 2; side++)
		table->counters[side][number] = (struct flow_counter){
		    .packets_stamp = made->created & TICK_STAMP_MASK};
	if (!publish(table, number, keys, hashes)) {
		flow_table_free(table, number);
		return 0;
	}
	table->live++;
	return number;
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
		rest(table, number);
	else
		flow_table_free(table, number);
}

bool flow_table_grace_begin(struct flow_table *table)
{
	if (table->resting == 0 || table->leaving != 0)
		return false;
	table->leaving = table->resting;
	table->resting = 0;
	return true;
}

void flow_table_grace_end(struct flow_table *table)
{
	uint32_t next;

	for (uint32_t number = table->leaving; number != 0; number = next) {
		next = table->flows[number].timer.next;
		flow_table_free(table, number);
	}
	table->leaving = 0;
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
