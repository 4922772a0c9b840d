/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow table: records, their counters, the indexes that find them and the
 * wheel that ends them, all in memory of fixed size.
 *
 * Two indexes: `flows` holds both keys of every flow except that the outside
 * key of an inbound SPI lives in `spis`: a flood of unknown SPIs can never
 * crowd out sessions, and the fast path may look at either alone.  A third,
 * `mappings`, finds the flows that share a public port (see mapping.h).
 *
 * Records, counters, `flows` and `spis` may be shared with a fast path that
 * looks up and counts while we change them (docs/fast-path.md).  A flow then
 * lies where its key says, if that is free, and a record that ended is not used
 * again before everybody who may have found it is done: it *rests* until a
 * grace period has passed.
 */
#ifndef SPINAT_FLOW_TABLE_H
#define SPINAT_FLOW_TABLE_H

#include "base/marks.h"
#include "flow/flow.h"
#include "flow/index.h"

struct flow_table {
	struct flow *flows;               /* [1 .. max]; 0 is never used */
	struct flow_counter *counters[2]; /* by the side a packet came from */
	uint32_t max, live, highest;      /* highest: records ever used */
	struct marks free;
	bool is_shared;
	/* Not to be used again yet, linked through timer.next: ended since the
	 * last grace period began, and before. */
	uint32_t resting, leaving;
	struct index index, spis, mappings;
	struct wheel wheel;
	struct hash_seed seed;
};

/** Lays it out in the arenas, by region (they may only count, and they may all
 * be the same). */
void flow_table_init(struct flow_table *table,
    struct arena *const arenas[SPINAT_REGIONS], uint32_t max_flows,
    uint32_t max_spis, uint32_t max_mappings, const uint8_t seed[16], tick now);

/** The flow with this key; 0: none. */
uint32_t flow_table_find(
    const struct flow_table *table, const struct key *key, uint64_t hash);
/** Some flow of this mapping (KEY_MAPPING_*); 0: none. */
uint32_t flow_table_find_mapping(
    const struct flow_table *table, const struct key *key);

/** Puts a flow that is filled in, but for its gate and timer, into a record,
 * and publishes that under both keys; 0: the table is full. */
uint32_t flow_table_add(struct flow_table *table, const struct flow *made);
/** Withdraws it and frees the record.  It has left its mapping and
 * association before. */
void flow_table_end(struct flow_table *table, uint32_t number);

/** Frees a record that nobody finds. */
void flow_table_free(struct flow_table *table, uint32_t number);

/** A grace period begins for what has ended until now; false: nothing has, or
 * the one before is not over. */
SPINAT_MUST_CHECK bool flow_table_grace_begin(struct flow_table *table);
/** It is over. */
void flow_table_grace_end(struct flow_table *table);

/** The index that holds this key. */
static inline struct index *flow_table_index(
    struct flow_table *table, const struct key *key)
{
	return key->kind == KEY_OUTSIDE_SPI_IN ? &table->spis : &table->index;
}

static inline bool flow_same(const void *of, uint32_t number, const void *want)
{
	const struct flow_table *table = of;
	const struct key *key = want;

	return flow_matches(&table->flows[number], key, key_side(key));
}

/** The last tick at which a packet came from this side; false: never. */
bool flow_table_last(const struct flow_table *table, uint32_t number,
    enum spinat_side side, tick now, tick *last);
/** The last tick of either side, or its creation. */
tick flow_table_last_any(
    const struct flow_table *table, uint32_t number, tick now);

#endif
