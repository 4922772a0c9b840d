/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mem back end: the caller pushes packets in and pops what left.  For
 * tests, benchmarks and fuzzers: the shipping receive, translate, finish path
 * with neither device nor file.
 *
 * Two rings of slots; nothing is allocated after opening.  The packets of a
 * batch lie in the ring itself and are rewritten there.
 */
#ifndef SPINAT_BACKEND_MEM_H
#define SPINAT_BACKEND_MEM_H

#include "backend/backend.h"

extern const struct backend_ops backend_mem;

/** A packet that left; borrowed until the next call. */
struct backend_mem_packet {
	enum spinat_side to;
	bool emitted; /* by the engine of its own */
	const uint8_t *data;
	size_t length;
};

#define BACKEND_MEM_SLOTS     1024
#define BACKEND_MEM_SLOT_SIZE 2048

/** backend_mem.open takes the two defaults above.  `slots` is how many packets
 * can wait in each direction, `slot_size` the largest packet. */
int backend_mem_open(struct backend **backend, size_t slots, size_t slot_size,
    struct error *error);

/** Pushes a packet in.  The batch that brings it has this stamp; a batch holds
 * packets of one stamp.  -ENOBUFS: the ring is full; -EMSGSIZE: too long. */
int backend_mem_push(struct backend *backend, enum spinat_side side,
    spinat_time stamp, const uint8_t *data, size_t length);

/** Pops what left, oldest first; false: nothing. */
bool backend_mem_pop(
    struct backend *backend, struct backend_mem_packet *packet);

/** Packets that left and found the ring full: lost. */
size_t backend_mem_lost(const struct backend *backend);

#endif
