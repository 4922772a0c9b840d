/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor: the least that any NAT must do for a packet of an established
 * flow, as a throw-away program without states, timers, counters, fragments,
 * other protocols or error handling.  What the engine takes is compared with
 * it in the same run, because a figure alone says as much of the machine and
 * its neighbours as of the code.
 *
 * Parse, hash, one table of 8-slot bucket lines of {tag, index} over dense
 * 64-byte records, rewrite with incremental checksums; bursts: hash all,
 * prefetch all, then work.
 */
#ifndef SPINAT_BENCH_FLOOR_H
#define SPINAT_BENCH_FLOOR_H

#include <stddef.h>
#include <stdint.h>

struct floor_record {
	uint32_t from_source, from_destination, from_ports;
	uint32_t to_source, to_destination, to_ports;
	uint16_t address_delta, port_delta;
	uint8_t rest[36];
};

struct floor {
	uint64_t *slots;
	struct floor_record *records;
	uint64_t buckets; /* a power of two */
	uint32_t used;
};

/** Bytes of zeroed memory for `count` flows. */
size_t floor_size(uint32_t count);
void floor_init(struct floor *floor, void *memory, uint32_t count);
/** Learns a flow from a UDP packet before and after translation. */
void floor_add(struct floor *floor, const uint8_t *from, const uint8_t *to);
/** Translates a burst of up to 32 UDP packets; returns how many it could. */
size_t floor_translate(
    struct floor *floor, uint8_t *const *packets, size_t count);

#endif
