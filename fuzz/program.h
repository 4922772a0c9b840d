/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An input that is a program: bytes taken one after the other, zeros after its
 * end; and what must hold whatever they are.
 */
#ifndef SPINAT_FUZZ_PROGRAM_H
#define SPINAT_FUZZ_PROGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MUST(condition)                                                        \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,     \
			    #condition);                                       \
			abort();                                               \
		}                                                              \
	} while (0)

struct program {
	const uint8_t *input;
	size_t left;
};

static inline uint8_t program_byte(struct program *program)
{
	if (program->left == 0)
		return 0;
	program->left--;
	return *program->input++;
}

/** So many bytes, the high ones first. */
static inline uint64_t program_number(struct program *program, unsigned bytes)
{
	uint64_t value = 0;

	while (bytes-- != 0)
		value = value << 8 | program_byte(program);
	return value;
}

#endif
