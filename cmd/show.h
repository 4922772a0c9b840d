/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The views of spinat show.  A view is handed the lines of an answer one by
 * one and prints at the end.
 */
#ifndef SPINAT_CMD_SHOW_H
#define SPINAT_CMD_SHOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cmd/table.h"

struct view {
	const char *name;
	/** What the daemon is asked for; NULL: `name`. */
	const char *asks;
	/** NULL: no memory. */
	void *(*open)(bool json);
	/** A line of the answer; `value` is borrowed. */
	void (*take)(void *view, const char *kind, json_t *value);
	/** Prints what was taken.  An exit code. */
	int (*print)(void *view);
	void (*close)(void *view);
};

extern const struct view view_flows;
extern const struct view view_ipsec;
extern const struct view view_ike;
extern const struct view view_stats;
extern const struct view view_datapath;

/* What a view reads from a line; a member that is not there is empty. */
const char *show_text(const json_t *value, const char *name);
uint64_t show_number(const json_t *value, const char *name);
bool show_flag(const json_t *value, const char *name);
/** value[name][side]; side is "inside" or "outside". */
uint64_t show_count(const json_t *value, const char *name, const char *side);
/** Since when neither side sent, in milliseconds; the age if none ever did. */
int64_t show_idle(const json_t *value);
/** The host at value[name], "inside" or "holder": its address, or `own` if it
 * is the gateway itself, whose inside address is the public one. */
const char *show_host(const json_t *value, const char *name, const char *own);
/** A dotted quad as a number to sort by. */
uint32_t show_order(const char *address);

/** Prints an array of JSON as it comes, one element a line. */
struct show_list {
	unsigned long count;
};
void show_list_add(struct show_list *list, const json_t *value);
int show_list_end(struct show_list *list);

/** A table for people, each row filled by `add`. */
struct show_table {
	const struct table_column *columns;
	size_t count;
	void (*add)(struct table *table, const json_t *row);
};

/** Prints rows sorted by `compare` (as qsort's, of json_t *): as a JSON array,
 * or as `table`.  The array is freed; NULL means that there was no memory.
 * An exit code. */
int show_rows(json_t **rows, size_t count, bool json,
    int (*compare)(const void *, const void *), const struct show_table *table);

#endif
