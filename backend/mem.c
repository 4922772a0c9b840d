/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mem back end.  A ring is `slots` slots, `head` the oldest, `count` in
 * use; the incoming one keeps the slots of the batch under way until finish().
 */
#include "backend/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct slot {
	spinat_time stamp;
	uint32_t length;
	uint8_t side;
	bool emitted;
};

struct ring {
	struct slot *slots;
	uint8_t *data;
	size_t head, count;
};

struct backend {
	struct ring in, out;
	size_t slots, slot_size;
	size_t under_way;
	size_t lost;
};

static void close_mem(struct backend *backend)
{
	free(backend->in.slots);
	free(backend->in.data);
	free(backend->out.slots);
	free(backend->out.data);
	free(backend);
}

static bool ring_init(struct ring *ring, size_t slots, size_t slot_size)
{
	ring->slots = calloc(slots, sizeof(*ring->slots));
	ring->data = calloc(slots, slot_size);
	return ring->slots != NULL && ring->data != NULL;
}

int backend_mem_open(struct backend **backend, size_t slots, size_t slot_size,
    struct error *error)
{
	struct backend *made;

	if (slots == 0 || slot_size == 0 || slot_size > UINT16_MAX + 1u)
		return error_set(error, -EINVAL,
		    "the mem back end wants at least one slot of 1..65536 "
		    "bytes");
	made = calloc(1, sizeof(*made));
	if (made == NULL)
		return error_set(error, -ENOMEM, "out of memory");
	made->slots = slots;
	made->slot_size = slot_size;
	if (!ring_init(&made->in, slots, slot_size) ||
	    !ring_init(&made->out, slots, slot_size)) {
		close_mem(made);
		return error_set(error, -ENOMEM, "out of memory");
	}
	*backend = made;
	return 0;
}

static int open_by_conf(
    struct backend **backend, const struct conf *conf, struct error *error)
{
	(void)conf;
	return backend_mem_open(
	    backend, BACKEND_MEM_SLOTS, BACKEND_MEM_SLOT_SIZE, error);
}

static int descriptors(
    const struct backend *backend, int fds[BACKEND_MAX_DESCRIPTORS])
{
	(void)backend;
	(void)fds;
	return 0;
}

/* The slot `at` places after the head. */
static size_t ring_place(
    const struct backend *backend, const struct ring *ring, size_t at)
{
	return (ring->head + at) % backend->slots;
}

static uint8_t *ring_data(
    const struct backend *backend, const struct ring *ring, size_t place)
{
	return ring->data + place * backend->slot_size;
}

static int ring_add(const struct backend *backend, struct ring *ring,
    const struct slot *slot, const uint8_t *data)
{
	size_t place = ring_place(backend, ring, ring->count);

	if (slot->length > backend->slot_size)
		return -EMSGSIZE;
	if (ring->count == backend->slots)
		return -ENOBUFS;
	ring->slots[place] = *slot;
	if (slot->length > 0)
		memcpy(ring_data(backend, ring, place), data, slot->length);
	ring->count++;
	return 0;
}

static void ring_drop(
    const struct backend *backend, struct ring *ring, size_t count)
{
	ring->head = ring_place(backend, ring, count);
	ring->count -= count;
}

int backend_mem_push(struct backend *backend, enum spinat_side side,
    spinat_time stamp, const uint8_t *data, size_t length)
{
	if (length > backend->slot_size)
		return -EMSGSIZE;
	return ring_add(backend, &backend->in,
	    &(struct slot){.stamp = stamp,
		.side = (uint8_t)side,
		.length = (uint32_t)length},
	    data);
}

bool backend_mem_pop(struct backend *backend, struct backend_mem_packet *packet)
{
	struct ring *ring = &backend->out;
	const struct slot *slot = &ring->slots[ring->head];

	if (ring->count == 0)
		return false;
	*packet = (struct backend_mem_packet){
	    .to = slot->side,
	    .emitted = slot->emitted,
	    .data = ring_data(backend, ring, ring->head),
	    .length = slot->length,
	};
	ring_drop(backend, ring, 1);
	return true;
}

size_t backend_mem_lost(const struct backend *backend)
{
	return backend->lost;
}

static int receive(struct backend *backend, int fd, struct backend_batch *batch)
{
	struct ring *ring = &backend->in;

	(void)fd;
	batch->count = 0;
	batch->stamp = ring->count > 0 ? ring->slots[ring->head].stamp : -1;
	while (batch->count < BACKEND_BATCH && batch->count < ring->count) {
		size_t place = ring_place(backend, ring, batch->count);
		const struct slot *slot = &ring->slots[place];

		if (slot->stamp != batch->stamp)
			break;
		batch->packets[batch->count] = (struct spinat_packet){
		    .data = ring_data(backend, ring, place),
		    .length = slot->length,
		    .side = slot->side,
		};
		batch->tokens[batch->count] = place;
		batch->count++;
	}
	backend->under_way = batch->count;
	return 0;
}

static void leave(struct backend *backend, enum spinat_side to, bool emitted,
    const uint8_t *data, size_t length)
{
	if (length > backend->slot_size ||
	    ring_add(backend, &backend->out,
		&(struct slot){.side = (uint8_t)to,
		    .emitted = emitted,
		    .length = (uint32_t)length},
		data) != 0)
		backend->lost++;
}

static int finish(struct backend *backend, struct backend_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct spinat_packet *packet = &batch->packets[i];

		if (packet->verdict == SPINAT_TRANSLATED)
			leave(backend, packet->to, false, packet->data,
			    packet->length);
	}
	ring_drop(backend, &backend->in, backend->under_way);
	backend->under_way = 0;
	batch->count = 0;
	return 0;
}

static void emit(struct backend *backend, enum spinat_side to,
    const uint8_t *data, size_t length)
{
	leave(backend, to, true, data, length);
}

const struct backend_ops backend_mem = {
    .name = "mem",
    .summary = "packets from and to memory (tests, benchmarks, fuzzers)",
    .open = open_by_conf,
    .descriptors = descriptors,
    .receive = receive,
    .finish = finish,
    .emit = emit,
    .close = close_mem,
};
