/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A journal's file in a directory of its own: rows that are told apart, what is
 * read of them, and what was set aside.
 */
#ifndef SPINAT_TESTS_STORE_FIXTURE_H
#define SPINAT_TESTS_STORE_FIXTURE_H

#include "common.h"

#include <stdio.h>

#include "daemon/store.h"

#define ROWS 60u

/** The directory, and the journal in it. */
extern char directory[64], path[96];

int store_set_up(void **state);
int store_tear_down(void **state);
#define STORE_TEST(name)                                                       \
	cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)

/** The n-th of any number of memos, all different. */
struct spinat_memo memo_of(uint32_t n);
struct store *open_store(void);
/** Wants it not to open, and an error that says where; gives store_open()'s. */
int open_fails(const char *at);
/** In place of all there were: memos 1 to `count`. */
void write_rows(struct store *store, uint32_t count, struct row_time written);
/** A journal of ROWS rows, closed. */
void make_file(void);

/** What read_rows() read. */
struct taken {
	unsigned count;
	struct spinat_memo memos[20000];
};

extern struct taken taken;

struct store_contents read_rows(struct store *store);
/** The memo that went in, `seconds` later. */
void assert_memo(const struct spinat_memo *memo, double seconds);
/** Past the daemon, on a file that is closed. */
void run_sql(const char *sql);

/** The whole file; free it. */
uint8_t *read_file(const char *name, size_t *length);
void write_file(const char *name, const void *data, size_t length);
/** How many files are set aside; *name is the last one. */
size_t count_aside(const char *what, char *name);

#endif
