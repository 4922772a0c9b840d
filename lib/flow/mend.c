/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow/mend.h"

void mend_begin(struct flow_table *table)
{
	table->highest = table->live = 0;
	for (uint32_t number = table->max; number > 0; number--) {
		struct flow *flow = &table->flows[number];

		if (flow_is_live(flow)) {
			if (table->highest == 0)
				table->highest = number;
			table->live++;
			flow->timer = (struct wheel_node){0};
			(void)marks_drop(&table->free, number);
		} else {
			flow->key_kind = KEY_NOBODY;
		}
	}
}

void mend_reject(struct flow_table *table, uint32_t number)
{
	flow_table_free(table, number);
	table->live--;
}

static uint64_t hash_of(
    const struct flow_table *table, const struct flow *flow, unsigned side)
{
	const struct key key = flow_key(flow, (enum spinat_side)side);

	return key_hash(&table->seed, &key);
}

static struct index *index_of(
    struct flow_table *table, const struct flow *flow, unsigned side)
{
	const struct key key = flow_key(flow, (enum spinat_side)side);

	return flow_table_index(table, &key);
}

static bool is_right(
    const void *of, const struct index *index, uint32_t bucket, uint32_t slot)
{
	const struct flow_table *table = of;
	const uint32_t number = slot & index->number_mask;
	const struct flow *flow = &table->flows[number];

	if (number == 0 || number > table->highest || !flow_is_live(flow))
		return false;
	for (unsigned side = 0; side < 2; side++) {
		const struct key key = flow_key(flow, (enum spinat_side)side);
		const bool of_spis = key.kind == KEY_OUTSIDE_SPI_IN;

		if (index == (of_spis ? &table->spis : &table->index) &&
		    index_fits(
			index, key_hash(&table->seed, &key), bucket, slot))
			return true;
	}
	return false;
}

/* Of the slots that a key of this hash may have, how many the record's keys
 * have: two, if its other key happens to share them. */
static unsigned wanted(
    struct flow_table *table, const struct flow *flow, unsigned side)
{
	const struct index *index = index_of(table, flow, side);
	const uint64_t own = hash_of(table, flow, side);
	const uint64_t other = hash_of(table, flow, !side);
	const uint32_t tag = index_tag(index, own);

	return index == index_of(table, flow, !side) &&
		index_fits(index, other, index_bucket(index, own), tag)
	    ? 2
	    : 1;
}

/* As many slots as it is to have; false: there is no room. */
static bool mend_slots(
    struct flow_table *table, uint32_t number, unsigned side, uint32_t *mended)
{
	const struct flow *flow = &table->flows[number];
	struct index *index = index_of(table, flow, side);
	const uint64_t hash = hash_of(table, flow, side);
	const unsigned want = wanted(table, flow, side);
	unsigned have = index_count(index, hash, number);

	for (; have > want; have--, ++*mended)
		(void)index_drop(index, hash, number);
	for (; have < want; have++, ++*mended)
		if (!index_insert(index, hash, number))
			return false;
	return true;
}

static bool is_found(
    struct flow_table *table, uint32_t number, enum spinat_side side)
{
	const struct key key = flow_key(&table->flows[number], side);

	return flow_table_find(table, &key, key_hash(&table->seed, &key)) ==
	    number;
}

static bool mend_record(
    struct flow_table *table, uint32_t number, uint32_t *mended)
{
	for (unsigned side = 0; side < 2; side++)
		if (!mend_slots(table, number, side, mended))
			return false;
	return is_found(table, number, SPINAT_INSIDE) &&
	    is_found(table, number, SPINAT_OUTSIDE);
}

static void forget(struct flow_table *table, uint32_t number)
{
	const struct flow *flow = &table->flows[number];

	for (unsigned side = 0; side < 2; side++)
		while (index_drop(index_of(table, flow, side),
		    hash_of(table, flow, side), number))
			continue;
	mend_reject(table, number);
}

void mend_indexes(struct flow_table *table, uint32_t *mended, uint32_t *lost)
{
	*lost = 0;
	*mended = index_adopt(&table->index, is_right, table) +
	    index_adopt(&table->spis, is_right, table);
	for (uint32_t number = 1; number <= table->highest; number++) {
		if (!flow_is_live(&table->flows[number]) ||
		    mend_record(table, number, mended))
			continue;
		forget(table, number);
		++*lost;
	}
}
