/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/wheel.h"

static struct wheel_node *node_of(const struct wheel *wheel, uint32_t record)
{
	return (struct wheel_node *)(void *)(wheel->nodes +
	    (size_t)record * wheel->stride);
}

void wheel_init(struct wheel *wheel, void *nodes, size_t stride, tick now)
{
	memset(wheel, 0, sizeof *wheel);
	wheel->nodes = nodes;
	wheel->stride = stride;
	wheel->clock = now;
}

/* The lowest level whose revolution reaches the deadline. */
static unsigned level_for(const struct wheel *wheel, tick deadline)
{
	for (unsigned level = 0; level < WHEEL_LEVELS - 1; level++) {
		const unsigned shift = level * WHEEL_SLOT_BITS;
		if ((deadline >> shift) - (wheel->clock >> shift) < WHEEL_SLOTS)
			return level;
	}
	return WHEEL_LEVELS - 1;
}

static void link_node(struct wheel *wheel, uint32_t record, tick deadline)
{
	struct wheel_node *node = node_of(wheel, record);
	const unsigned level = level_for(wheel, deadline);
	const unsigned slot =
	    deadline >> (level * WHEEL_SLOT_BITS) & (WHEEL_SLOTS - 1);
	uint32_t *head = &wheel->heads[level][slot];

	node->deadline = deadline;
	node->next = *head;
	node->prev = WHEEL_HEAD | level << WHEEL_SLOT_BITS | slot;
	if (*head != 0)
		node_of(wheel, *head)->prev = record;
	*head = record;
	wheel->occupied[level] |= UINT64_C(1) << slot;
}

bool wheel_is_armed(const struct wheel *wheel, uint32_t record)
{
	return node_of(wheel, record)->prev != 0;
}

void wheel_cancel(struct wheel *wheel, uint32_t record)
{
	struct wheel_node *node = node_of(wheel, record);

	if (node->prev == 0)
		return;
	if (node->next != 0)
		node_of(wheel, node->next)->prev = node->prev;
	if ((node->prev & WHEEL_HEAD) != 0) {
		const unsigned level =
		    (node->prev & ~WHEEL_HEAD) >> WHEEL_SLOT_BITS;
		const unsigned slot = node->prev & (WHEEL_SLOTS - 1);
		wheel->heads[level][slot] = node->next;
		if (node->next == 0)
			wheel->occupied[level] &= ~(UINT64_C(1) << slot);
	} else {
		node_of(wheel, node->prev)->next = node->next;
	}
	node->next = node->prev = 0;
}

void wheel_arm(struct wheel *wheel, uint32_t record, tick deadline)
{
	const tick last = (UINT32_C(1) << (WHEEL_LEVELS * WHEEL_SLOT_BITS)) -
	    (UINT32_C(1) << ((WHEEL_LEVELS - 1) * WHEEL_SLOT_BITS));

	wheel_cancel(wheel, record);
	if (tick_is_after(wheel->clock, deadline))
		deadline = wheel->clock;
	else if (deadline - wheel->clock >= last)
		deadline = wheel->clock + last - 1;
	link_node(wheel, record, deadline);
}

/* When this level's next slot is due, as a distance from the clock. */
static uint32_t level_distance(const struct wheel *wheel, unsigned level)
{
	const unsigned shift = level * WHEEL_SLOT_BITS;
	const unsigned here = wheel->clock >> shift & (WHEEL_SLOTS - 1);
	const uint64_t set = wheel->occupied[level];
	uint64_t turned;
	tick due;

	if (set == 0)
		return UINT32_MAX;
	turned = here == 0 ? set : set >> here | set << (WHEEL_SLOTS - here);
	if ((turned & 1) != 0)
		return 0;
	due = ((wheel->clock >> shift) + (tick)__builtin_ctzll(turned))
	    << shift;
	return due - wheel->clock;
}

/* The level whose slot is due first; ties go to the higher level, which then
 * moves its nodes down before the lower one fires. */
static uint32_t next_distance(const struct wheel *wheel, unsigned *first)
{
	uint32_t distance = UINT32_MAX;

	*first = 0;
	for (unsigned level = WHEEL_LEVELS; level-- > 0;) {
		const uint32_t own = level_distance(wheel, level);
		if (own < distance) {
			distance = own;
			*first = level;
		}
	}
	return distance;
}

bool wheel_next(const struct wheel *wheel, tick *next)
{
	unsigned level;
	const uint32_t distance = next_distance(wheel, &level);

	*next = wheel->clock + distance;
	return distance != UINT32_MAX;
}

void wheel_advance(struct wheel *wheel, tick now, unsigned *budget,
    wheel_fire *fire, void *context)
{
	while (!tick_is_after(wheel->clock, now)) {
		unsigned level, slot;
		const uint32_t distance = next_distance(wheel, &level);

		if (distance > now - wheel->clock) {
			wheel->clock = now;
			return;
		}
		wheel->clock += distance;
		slot = wheel->clock >> (level * WHEEL_SLOT_BITS) &
		    (WHEEL_SLOTS - 1);
		while (wheel->heads[level][slot] != 0) {
			const uint32_t record = wheel->heads[level][slot];
			const tick deadline = node_of(wheel, record)->deadline;

			if (*budget == 0)
				return;
			--*budget;
			wheel_cancel(wheel, record);
			if (tick_is_after(deadline, wheel->clock))
				link_node(wheel, record, deadline);
			else
				fire(context, record);
		}
	}
}
