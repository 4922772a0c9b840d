/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams that come in fragments: later fragments go the way that their first
 * one went, as in lib/proto/fragment.c.
 *
 * The engine's own table does not serve: where connection tracking is in use
 * the kernel puts datagrams together before any of our queues, and must see all
 * fragments of one or none.  So what is remembered here is whether the first
 * was taken, or whether any fragment was left; then the rest is left too.
 */
#ifndef SPINAT_FAST_BPF_DATAGRAM_H
#define SPINAT_FAST_BPF_DATAGRAM_H

#include "find.h"

#define DATAGRAMS_BITS 12u
/* For how long one is remembered, 2.1 s: its fragments follow each other. */
#define DATAGRAM_TICKS 16u

enum datagram_state {
	DATAGRAM_NEW,   /* nothing is known of it */
	DATAGRAM_LEFT,  /* a fragment was left before the first was seen */
	DATAGRAM_KNOWN, /* the first was left, and is of a flow */
	DATAGRAM_TAKEN, /* the first was */
};

/* What tells datagrams apart. */
struct datagram_key {
	uint64_t addresses; /* as it came, from the source on */
	uint32_t rest;      /* IP id, side, protocol */
};

/* What is known of one. */
struct datagram {
	uint64_t addresses; /* as it leaves */
	uint16_t address_delta;
	be16 id;       /* as it leaves */
	uint8_t state; /* enum datagram_state */
	uint8_t epoch; /* in which the rules had passed its flow */
};

/* One that falls on another takes its place. */
struct datagram_slot {
	uint32_t version; /* odd: it is being written */
	tick noted;
	struct datagram_key key;
	struct datagram datagram;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1u << DATAGRAMS_BITS);
	__type(key, uint32_t);
	__type(value, struct datagram_slot);
} datagrams SEC(".maps");

static ALWAYS_INLINE struct datagram_key datagram_key_of(
    uint64_t addresses, uint8_t protocol, be16 id, enum spinat_side side)
{
	return (struct datagram_key){
	    .addresses = addresses,
	    .rest = (uint32_t)id.raw << 16 | (uint32_t)side << 8 | protocol,
	};
}

static ALWAYS_INLINE struct datagram_slot *datagram_slot_of(
    const struct datagram_key *key)
{
	const struct hash_seed seed = seed_of(&constants.layout.hash);
	const uint32_t number =
	    (uint32_t)(hash_words(&seed, (uint32_t)key->addresses,
			   (uint32_t)(key->addresses >> 32), key->rest, 0) >>
		(64 - DATAGRAMS_BITS));

	return bpf_map_lookup_elem(&datagrams, &number);
}

/* (That reads all after what was before, on any processor.) */
static ALWAYS_INLINE uint32_t datagram_version(struct datagram_slot *slot)
{
	return __sync_fetch_and_add(&slot->version, 0);
}

/* What is known of a datagram. */
static ALWAYS_INLINE struct datagram datagram_find(
    const struct datagram_key *key, tick now)
{
	const struct datagram none = {.state = DATAGRAM_NEW};
	struct datagram_slot *slot = datagram_slot_of(key);
	struct datagram found;
	uint32_t version;
	bool is_it;

	if (slot == NULL)
		return none;
	version = datagram_version(slot);
	/* (Another CPU's clock may have been ahead by a tick.) */
	is_it = slot->key.addresses == key->addresses &&
	    slot->key.rest == key->rest &&
	    now + 1 - slot->noted <= DATAGRAM_TICKS;
	found = slot->datagram;
	return is_it && version % 2 == 0 && datagram_version(slot) == version
	    ? found
	    : none;
}

/* If another CPU writes there at this moment, nothing is noted. */
static ALWAYS_INLINE void datagram_note(
    const struct datagram_key *key, const struct datagram *datagram, tick now)
{
	struct datagram_slot *slot = datagram_slot_of(key);
	uint32_t version;

	if (slot == NULL)
		return;
	version = slot->version & ~1u;
	if (__sync_val_compare_and_swap(&slot->version, version, version + 1) !=
	    version)
		return;
	slot->noted = now;
	slot->key = *key;
	slot->datagram = *datagram;
	(void)__sync_lock_test_and_set(&slot->version, version + 2);
}

#endif
