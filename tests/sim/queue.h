/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is going to happen, by time; of one time, in the order it was asked for.
 * Nothing is ever taken back: what an event is about checks whether it still
 * matters (a generation, or a flag).
 */
#ifndef SPINAT_SIM_QUEUE_H
#define SPINAT_SIM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spinat/spinat.h"

struct world;

typedef void (*event_fn)(struct world *world, void *subject, uint64_t argument);

struct event {
	spinat_time at;
	uint64_t order;
	event_fn run;
	void *subject;
	uint64_t argument;
};

struct queue {
	struct event *heap; /* owned; heap[0] is the next */
	size_t count, room;
	uint64_t order;
};

void queue_add(struct queue *queue, spinat_time at, event_fn run, void *subject,
    uint64_t argument);
/** Takes the next one, if it is due until then. */
bool queue_take(struct queue *queue, spinat_time until, struct event *event);
void queue_free(struct queue *queue);

#endif
