/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/sketch.h"

/* Slots for each SPI that there may be. */
#define SLOTS_A_SPI 4u

void sketch_init(struct sketch *sketch, struct arena *arena, uint32_t spis)
{
	sketch->lines = 1;
	while ((uint64_t)sketch->lines * SKETCH_SLOTS <
	    (uint64_t)spis * SLOTS_A_SPI)
		sketch->lines *= 2;
	sketch->slots = arena_take(
	    arena, (size_t)sketch->lines * SKETCH_SLOTS, sizeof *sketch->slots);
}

bool sketch_note(struct sketch *sketch, uint64_t hash, uint32_t sequence)
{
	const uint32_t line = (uint32_t)(hash >> 32) & (sketch->lines - 1);
	const uint32_t print = (uint32_t)hash << 8 | (sequence & 0xff);
	uint32_t *slots = sketch->slots + (size_t)line * SKETCH_SLOTS;
	unsigned place = SKETCH_SLOTS - 1;
	bool known = false;

	for (unsigned i = 0; i < SKETCH_SLOTS; i++)
		if (slots[i] != 0 && (slots[i] ^ print) >> 8 == 0) {
			known = (int8_t)(print - slots[i]) > 0;
			place = i;
			break;
		}
	memmove(slots + 1, slots, place * sizeof *slots);
	slots[0] = print;
	return known;
}
