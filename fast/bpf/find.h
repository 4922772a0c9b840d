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

/* The record, if it is live; what is read of it then was written before that.
 * x86 reads in order.  Others do where an address follows from what was read
 * before, so it is made to, by a zero. */
static ALWAYS_INLINE struct flow *if_live(struct flow *flow)
{
	uint64_t gate = *(const volatile uint8_t *)&flow->gate;

	if ((gate & FLOW_LIVE) == 0)
		return NULL;
	asm volatile("%0 &= 0" : "+r"(gate));
	return (struct flow *)((uint8_t *)flow + gate);
}

static ALWAYS_INLINE bool is_it(struct found *found, uint32_t number,
    const struct key *key, enum spinat_side side)
{
	struct flow *flow = bpf_map_lookup_elem(&flows, &number);

	if (flow == NULL)
		return false;
	flow = if_live(flow);
	if (flow == NULL || !flow_matches(flow, key, side))
		return false;
	*found = (struct found){flow, number};
	return true;
}

/* The number of the flow with this key in one bucket; 0: there is none. */
static ALWAYS_INLINE uint32_t find_in(const uint32_t *line,
    uint32_t number_mask, uint32_t tag, const struct key *key,
    enum spinat_side side)
{
	struct found found;

	if (line == NULL)
		return 0;
#pragma clang loop unroll(disable)
	for (uint32_t i = 0; i < INDEX_BUCKET_SLOTS; i++)
		if ((line[i] & ~number_mask) == tag &&
		    is_it(&found, line[i] & number_mask, key, side))
			return found.number;
	return 0;
}

/* Where a key is looked for. */
struct place {
	uint32_t number_mask, tag;
	uint32_t first, other; /* buckets */
};

static ALWAYS_INLINE struct place place_of(uint8_t kind, uint64_t hash)
{
	const bool spi = kind == KEY_OUTSIDE_SPI_IN;
	const struct index index = {
	    .buckets = spi ? constants.layout.spis.buckets
			   : constants.layout.index.buckets,
	    .number_mask = spi ? constants.layout.spis.number_mask
			       : constants.layout.index.number_mask,
	};
	const uint32_t tag = index_tag(&index, hash);
	const uint32_t first = index_bucket(&index, hash);

	return (struct place){
	    .number_mask = index.number_mask,
	    .tag = tag,
	    .first = first,
	    .other = index_other(&index, first, tag),
	};
}

/* The number of the flow with this key, which is one of the side `side`; 0:
 * there is none.  The key comes in registers. */
static ALWAYS_INLINE uint32_t find_anywhere(uint32_t head, uint64_t addresses,
    uint32_t ids, uint64_t hash, enum spinat_side side)
{
	struct key key = {.ids.raw = ids};
	struct place place;
	uint32_t number;

	memcpy(&key, &head, sizeof head);
	memcpy(&key.local, &addresses, sizeof addresses);
	place = place_of(key.kind, hash);
	number = find_in(bucket_at(key.kind, place.first), place.number_mask,
	    place.tag, &key, side);
	return number != 0 ? number
			   : find_in(bucket_at(key.kind, place.other),
				 place.number_mask, place.tag, &key, side);
}

/*
 * Global functions, which the verifier looks at by themselves: once, whatever
 * the key may be and whatever is done with the answer.  As a part of what calls
 * them they are more than Linux 6.1 is ready to look at.
 */
__attribute__((noinline)) uint32_t find_anywhere_inside(
    uint32_t head, uint64_t addresses, uint32_t ids, uint64_t hash)
{
	return find_anywhere(head, addresses, ids, hash, SPINAT_INSIDE);
}

__attribute__((noinline)) uint32_t find_anywhere_outside(
    uint32_t head, uint64_t addresses, uint32_t ids, uint64_t hash)
{
	return find_anywhere(head, addresses, ids, hash, SPINAT_OUTSIDE);
}

static ALWAYS_INLINE uint32_t find_elsewhere(
    const struct key *key, uint64_t hash, enum spinat_side side)
{
	const uint64_t addresses = load_pair32(&key->local);
	uint32_t head;

	memcpy(&head, key, sizeof head);
	return side == SPINAT_INSIDE
	    ? find_anywhere_inside(head, addresses, key->ids.raw, hash)
	    : find_anywhere_outside(head, addresses, key->ids.raw, hash);
}

/* A flow that is where its key says needs no index. */
static ALWAYS_INLINE bool is_at_home(struct found *found, const struct key *key,
    uint64_t hash, enum spinat_side side)
{
	const uint32_t home = flow_home(hash, constants.layout.max_flows);

	return is_it(found, home, key, side) ||
	    is_it(found, flow_second_home(home), key, side);
}

/* The flow with this key, which is one of the side `side`.  Where it is mostly
 * found is looked at first, without a call. */
static ALWAYS_INLINE struct found find(
    const struct key *key, enum spinat_side side)
{
	const uint64_t hash = hash_of(key);
	const struct place place = place_of(key->kind, hash);
	struct found found = {0};
	const uint32_t *line;
	uint32_t slot;

	if (key_has_home(key->kind) && is_at_home(&found, key, hash, side))
		return found;
	line = bucket_at(key->kind, place.first);
	slot = line == NULL ? 0 : line[index_home(place.tag)];
	if ((slot & ~place.number_mask) == place.tag &&
	    is_it(&found, slot & place.number_mask, key, side))
		return found;
	found.number = find_elsewhere(key, hash, side);
	if (found.number != 0)
		found.flow = bpf_map_lookup_elem(&flows, &found.number);
	return found;
}

#endif
