/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of the journal, whatever is in it.
 */
#ifndef SPINAT_DAEMON_STORE_FILE_H
#define SPINAT_DAEMON_STORE_FILE_H

#include <stdbool.h>

#include "conf/error.h"

/**
 * Makes the file if need be, and locks it for as long as *lock is open.
 * -EBUSY: another process has it; -EINVAL: it is no regular file; others: the
 * system does not let us.
 */
int store_file_lock(const char *path, int *lock, struct error *error);
/** Renames it and what SQLite keeps beside it, with the date, and warns: it is
 * damaged, or else of another version.  SQLite must not have it any more; the
 * lock goes along. */
int store_file_set_aside(const char *path, bool damaged, struct error *error);

#endif
