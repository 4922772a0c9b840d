/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking up a key in the engine's index, from the kernel: lib/flow/index.h
 * with maps instead of pointers.
 */
#ifndef SPINAT_FAST_BPF_FIND_H
#define SPINAT_FAST_BPF_FIND_H

#include "maps.h"

struct found {
	struct flow *flow; /* NULL: none */
	uint32_t number;
};

/* Field by field: what is constant becomes so in the program. */
static ALWAYS_INLINE struct hash_seed seed_of(
    const volatile struct spinat_hash_layout *from)
{
	return (struct hash_seed){
	    .add = from->add,
	    .times = {from->times[0], from->times[1], from->times[2],
		from->times[3]},
	    .finish = from->finish,
	};
}

static ALWAYS_INLINE uint64_t hash_of(const struct key *key)
{
	const struct hash_seed seed = seed_of(&constants.layout.hash);

	return key_hash(&seed, key);
}

static ALWAYS_INLINE const uint32_t *bucket_at(uint8_t kind, uint32_t number)
{
	const struct bucket *bucket = kind == KEY_OUTSIDE_SPI_IN
	    ? bpf_map_lookup_elem(&spi_buckets, &number)
	    : bpf_map_lookup_elem(&index_buckets, &number);

	return bucket == NULL ? NULL : bucket->slots;
}

static ALWAYS_INLINE bool is_it(struct found *found, uint32_t number,
    const struct key *key, enum spinat_side side)
{
	struct flow *flow = bpf_map_lookup_elem(&flows, &number);

	if (flow == NULL || !flow_matches(flow, key, side))
		return false;
	*found = (struct found){flow, number};
	return true;
}

/* Slots are filled from the first on: most flows are among the first few. */
#define SLOTS_AT_ONCE 4u

static ALWAYS_INLINE bool find_among(struct found *found, const uint32_t *slots,
    uint32_t number_mask, uint32_t tag, const struct key *key,
    enum spinat_side side)
{
	uint32_t number;
	const unsigned matches =
	    index_match_sole(slots, SLOTS_AT_ONCE, number_mask, tag, &number);

	if (matches <= 1)
		return matches != 0 && is_it(found, number, key, side);
	for (uint32_t i = 0; i < SLOTS_AT_ONCE; i++)
		if ((slots[i] & ~number_mask) == tag &&
		    is_it(found, slots[i] & number_mask, key, side))
			return true;
	return false;
}

static ALWAYS_INLINE bool find_in(struct found *found, const uint32_t *line,
    uint32_t number_mask, uint32_t tag, const struct key *key,
    enum spinat_side side)
{
#pragma clang loop unroll(full)
	for (unsigned from = 0; from < INDEX_BUCKET_SLOTS;
	     from += SLOTS_AT_ONCE)
		if (find_among(found, line + from, number_mask, tag, key, side))
			return true;
	return false;
}

/* The flow with this key, which is one of the side `side`. */
static ALWAYS_INLINE struct found find(
    const struct key *key, enum spinat_side side)
{
	const bool spi = key->kind == KEY_OUTSIDE_SPI_IN;
	const struct index index = {
	    .buckets = spi ? constants.layout.spis.buckets
			   : constants.layout.index.buckets,
	    .number_mask = spi ? constants.layout.spis.number_mask
			       : constants.layout.index.number_mask,
	};
	const uint64_t hash = hash_of(key);
	const uint32_t tag = index_tag(&index, hash);
	const uint32_t first = index_bucket(&index, hash);
	struct found found = {0};
	const uint32_t *line = bucket_at(key->kind, first);

	if (line != NULL &&
	    find_in(&found, line, index.number_mask, tag, key, side))
		return found;
	line = bucket_at(key->kind, index_other(&index, first, tag));
	if (line != NULL)
		find_in(&found, line, index.number_mask, tag, key, side);
	return found;
}

#endif
