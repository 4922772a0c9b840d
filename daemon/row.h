/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One row of the journal: a memo, when it was written, and a sum over all of
 * it.
 *
 * The columns are a table (row.c): a new member of struct spinat_memo is one
 * line more at its end, of a new ROW_VERSION.
 */
#ifndef SPINAT_DAEMON_ROW_H
#define SPINAT_DAEMON_ROW_H

#include <sqlite3.h>

#include "spinat/spinat.h"

/** When something was written, by two clocks. */
struct row_time {
	spinat_time wall; /* CLOCK_REALTIME: outlives a boot, may be set */
	spinat_time up;   /* CLOCK_BOOTTIME: the other way round */
};

/** Of the columns.  Rows of ROW_VERSION are written, and read of any from 1. */
#define ROW_VERSION 2

/** "CREATE TABLE record (...)", "INSERT OR REPLACE INTO record VALUES (...)"
 * and "SELECT ... FROM record", the most recently active first.  -ENOMEM; free
 * them. */
int row_sql(int version, char **create, char **insert, char **select);

/** Binds all of a row to the INSERT.  0, or SQLite's error. */
int row_bind(sqlite3_stmt *insert, const struct spinat_memo *memo,
    const struct row_time *written);
/** Reads what the SELECT of a version came to; what it has no column for is
 * zero.  False: a value is of a wrong kind or out of range, or the sum is
 * wrong. */
bool row_read(sqlite3_stmt *select, int version, struct spinat_memo *memo,
    struct row_time *written);

#endif
