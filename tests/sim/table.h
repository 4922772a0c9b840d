/* SPDX-License-Identifier: BSD-2-Clause */
/* The measured figures, as the Markdown tables of docs/simulation.md. */
#ifndef SPINAT_SIM_TABLE_H
#define SPINAT_SIM_TABLE_H

#include <stdint.h>

struct mode;

/** Prints all of it. */
void table_print(const struct mode *mode);
/** Random runs from..from+count-1, those of each number of clients a TAP test;
 * numbers go on from *number.  How many tests failed. */
unsigned table_random_runs(
    const struct mode *mode, uint64_t from, uint64_t count, unsigned *number);

#endif
