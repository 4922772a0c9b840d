/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables for people: columns as wide as their widest cell, two spaces apart.
 */
#ifndef SPINAT_CMD_TABLE_H
#define SPINAT_CMD_TABLE_H

#include <stdbool.h>
#include <stdio.h>

struct table_column {
	const char *title;
	bool right; /* numbers */
};

struct table;

/** `columns` is borrowed for the table's life.  NULL: no memory. */
struct table *table_new(const struct table_column *columns, size_t count);
/** Fills the next cell, row by row from the left. */
__attribute__((format(printf, 2, 3))) void table_cell(
    struct table *table, const char *format, ...);
/** A line below the row just filled, outside the columns. */
__attribute__((format(printf, 2, 3))) void table_note(
    struct table *table, const char *format, ...);
/** Prints it, or says that there is no memory.  0 or 1. */
int table_print(const struct table *table, FILE *out);
void table_free(struct table *table);

#endif
