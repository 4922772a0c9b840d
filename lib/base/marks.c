/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/marks.h"

void marks_init(struct marks *marks, struct arena *arena, uint32_t highest)
{
	const uint32_t words = highest / 64 + 1;

	memset(marks, 0, sizeof *marks);
	marks->size = words / 64 + 1;
	marks->bits = arena_take(arena, words, sizeof *marks->bits);
	marks->words = arena_take(arena, marks->size, sizeof *marks->words);
}

void marks_set(struct marks *marks, uint32_t number)
{
	const uint32_t word = number / 64;
	const uint64_t bit = UINT64_C(1) << number % 64;

	if ((marks->bits[word] & bit) != 0)
		return;
	marks->bits[word] |= bit;
	marks->words[word / 64] |= UINT64_C(1) << word % 64;
	marks->count++;
}

void marks_set_all(struct marks *marks, uint32_t highest)
{
	for (uint32_t number = 1; number <= highest; number++)
		marks_set(marks, number);
}

/* It is marked. */
static void take_out(struct marks *marks, uint32_t number)
{
	const uint32_t word = number / 64;

	marks->bits[word] &= ~(UINT64_C(1) << number % 64);
	if (marks->bits[word] == 0)
		marks->words[word / 64] &= ~(UINT64_C(1) << word % 64);
	marks->count--;
}

uint32_t marks_take(struct marks *marks)
{
	uint32_t word, number;

	if (marks->count == 0)
		return 0;
	while (marks->words[marks->position] == 0)
		marks->position = (marks->position + 1) % marks->size;
	word = marks->position * 64 +
	    (uint32_t)__builtin_ctzll(marks->words[marks->position]);
	number = word * 64 + (uint32_t)__builtin_ctzll(marks->bits[word]);
	take_out(marks, number);
	return number;
}

bool marks_drop(struct marks *marks, uint32_t number)
{
	if ((marks->bits[number / 64] >> number % 64 & 1) == 0)
		return false;
	take_out(marks, number);
	return true;
}
