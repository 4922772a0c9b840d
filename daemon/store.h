/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of the journal: an SQLite database of one table (row.h).
 *
 * It is used by one thread at a time.  What is no journal, or a damaged one, is
 * set aside under another name; nothing is ever deleted.
 */
#ifndef SPINAT_DAEMON_STORE_H
#define SPINAT_DAEMON_STORE_H

#include "conf/error.h"
#include "daemon/row.h"

struct store;

/**
 * Opens and locks the file, making it and its directory.  A damaged one, or one
 * of a version above ROW_VERSION, is renamed and a new one begun; a warning
 * says so.
 * -EBUSY: another daemon has it; -EEXIST: it is somebody else's database;
 * others: the system does not let us.
 */
int store_open(struct store **store, const char *path, struct error *error);
void store_close(struct store *store);

/** Takes a memo whose times are as of now: what passed since it was written is
 * added. */
typedef void store_take(void *context, const struct spinat_memo *memo);

struct store_contents {
	unsigned rows, bad; /* bad: of those, skipped */
	spinat_time newest; /* by the wall clock; 0: none */
};

/** Reads all there is, the most recently active first.  A file whose damage
 * shows only here is set aside as well: what was read of it has been taken. */
int store_read(struct store *store, store_take *take, void *context,
    struct store_contents *contents, struct error *error);

/* A transaction: begin, put ..., commit.  After a failure (-EIO) it is as if
 * store_begin() had never been called.  `anew`: without the rows there were,
 * and with the columns of ROW_VERSION; the first one is. */
int store_begin(struct store *store, bool anew, struct error *error);
int store_put(struct store *store, const struct spinat_memo *memo,
    const struct row_time *written, struct error *error);
int store_commit(struct store *store, struct error *error);

/** Now, by the clocks that rows are dated with. */
struct row_time store_now(void);

#endif
