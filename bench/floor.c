/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench/floor.h"

#include <stdlib.h>
#include <string.h>

#define BURST 32u
#define SLOTS 8u

static uint64_t buckets_for(uint32_t count)
{
	uint64_t buckets = 1;

	while (buckets * SLOTS < (uint64_t)count * 3)
		buckets *= 2;
	return buckets;
}

static size_t slots_size(uint32_t count)
{
	return (size_t)(buckets_for(count) * SLOTS * sizeof(uint64_t));
}

size_t floor_size(uint32_t count)
{
	return slots_size(count) +
	    ((size_t)count + 1) * sizeof(struct floor_record);
}

void floor_init(struct floor *floor, void *memory, uint32_t count)
{
	floor->slots = memory;
	floor->buckets = buckets_for(count);
	floor->records = (void *)((uint8_t *)memory + slots_size(count));
	floor->used = 0;
}

static uint32_t load32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof value);
	return value;
}

static uint16_t load16(const uint8_t *at)
{
	uint16_t value;
	memcpy(&value, at, sizeof value);
	return value;
}

static uint64_t hash_of(uint32_t source, uint32_t destination, uint32_t ports)
{
	uint64_t hash = source * UINT64_C(0x9e3779b97f4a7c15) +
	    destination * UINT64_C(0xc2b2ae3d27d4eb4f) +
	    ports * UINT64_C(0x165667b19e3779f9);

	hash ^= hash >> 32;
	return hash * UINT64_C(0xd6e8feb86659fd93);
}

static uint64_t packet_hash(const uint8_t *packet)
{
	return hash_of(
	    load32(packet + 12), load32(packet + 16), load32(packet + 20));
}

static uint32_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static uint32_t change(uint32_t old, uint32_t new)
{
	return (~old & 0xffff) + (~old >> 16) + (new & 0xffff) + (new >> 16);
}

void floor_add(struct floor *floor, const uint8_t *from, const uint8_t *to)
{
	const uint64_t hash = packet_hash(from);
	uint64_t *line =
	    floor->slots + ((hash >> 32) & (floor->buckets - 1)) * SLOTS;
	struct floor_record *record = &floor->records[++floor->used];
	uint32_t addresses;

	record->from_source = load32(from + 12);
	record->from_destination = load32(from + 16);
	record->from_ports = load32(from + 20);
	record->to_source = load32(to + 12);
	record->to_destination = load32(to + 16);
	record->to_ports = load32(to + 20);
	addresses = change(record->from_source, record->to_source) +
	    change(record->from_destination, record->to_destination);
	record->address_delta = (uint16_t)fold(addresses);
	record->port_delta = (uint16_t)fold(
	    addresses + change(record->from_ports, record->to_ports));
	for (unsigned i = 0; i < SLOTS; i++)
		if (line[i] == 0) {
			line[i] = (hash & 0xffffffff) << 32 | floor->used;
			return;
		}
	/* A bucket overflowed: that flow is not found, and not asked for. */
	floor->used--;
}

static void mend(uint8_t *at, uint16_t delta)
{
	const uint16_t mended =
	    (uint16_t)~fold((uint32_t)(uint16_t)~load16(at) + delta);
	memcpy(at, &mended, sizeof mended);
}

static int rewrite(const struct floor_record *record, uint8_t *packet)
{
	if (record->from_source != load32(packet + 12) ||
	    record->from_destination != load32(packet + 16) ||
	    record->from_ports != load32(packet + 20))
		return 0;
	memcpy(packet + 12, &record->to_source, 4);
	memcpy(packet + 16, &record->to_destination, 4);
	memcpy(packet + 20, &record->to_ports, 4);
	mend(packet + 10, record->address_delta);
	mend(packet + 26, record->port_delta);
	return 1;
}

size_t floor_translate(
    struct floor *floor, uint8_t *const *packets, size_t count)
{
	uint64_t hashes[BURST];
	uint32_t found[BURST];
	size_t done = 0;

	for (size_t i = 0; i < count; i++) {
		const uint8_t *packet = packets[i];
		hashes[i] = 0;
		if (packet[0] != 0x45 || packet[9] != 17)
			continue;
		hashes[i] = packet_hash(packet);
		__builtin_prefetch(floor->slots +
		    ((hashes[i] >> 32) & (floor->buckets - 1)) * SLOTS);
	}
	for (size_t i = 0; i < count; i++) {
		const uint64_t *line = floor->slots +
		    ((hashes[i] >> 32) & (floor->buckets - 1)) * SLOTS;
		found[i] = 0;
		for (unsigned slot = 0; slot < SLOTS; slot++)
			if (line[slot] >> 32 == (hashes[i] & 0xffffffff))
				found[i] = (uint32_t)line[slot];
		__builtin_prefetch(&floor->records[found[i]]);
	}
	for (size_t i = 0; i < count; i++)
		done += (size_t)rewrite(&floor->records[found[i]], packets[i]);
	return done;
}
