/* SPDX-License-Identifier: BSD-2-Clause */
#include "queue.h"

#include <math.h>
#include <stdlib.h>

#include "rng.h"

int64_t rng_between_log(struct rng *rng, int64_t low, int64_t high)
{
	const double from = log((double)low), to = log((double)high);

	return (int64_t)exp(from + (to - from) * rng_unit(rng));
}

int64_t rng_exponential(struct rng *rng, int64_t mean)
{
	return (int64_t)(-log(1.0 - rng_unit(rng)) * (double)mean);
}

static bool is_before(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void queue_add(struct queue *queue, spinat_time at, event_fn run, void *subject,
    uint64_t argument)
{
	const struct event event = {at, queue->order++, run, subject, argument};
	size_t hole;

	if (queue->count == queue->room) {
		queue->room = queue->room == 0 ? 1024 : queue->room * 2;
		queue->heap =
		    realloc(queue->heap, queue->room * sizeof *queue->heap);
		if (queue->heap == NULL)
			abort();
	}
	hole = queue->count++;
	while (hole > 0 && is_before(&event, &queue->heap[(hole - 1) / 2])) {
		queue->heap[hole] = queue->heap[(hole - 1) / 2];
		hole = (hole - 1) / 2;
	}
	queue->heap[hole] = event;
}

bool queue_take(struct queue *queue, spinat_time until, struct event *event)
{
	struct event last;
	size_t hole = 0;

	if (queue->count == 0 || queue->heap[0].at > until)
		return false;
	*event = queue->heap[0];
	last = queue->heap[--queue->count];
	for (;;) {
		size_t child = 2 * hole + 1;

		if (child >= queue->count)
			break;
		if (child + 1 < queue->count &&
		    is_before(&queue->heap[child + 1], &queue->heap[child]))
			child++;
		if (is_before(&last, &queue->heap[child]))
			break;
		queue->heap[hole] = queue->heap[child];
		hole = child;
	}
	queue->heap[hole] = last;
	return true;
}

void queue_free(struct queue *queue)
{
	free(queue->heap);
	*queue = (struct queue){0};
}
