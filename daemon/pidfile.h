/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pid file, which is also the lock: one daemon for each.
 */
#ifndef SPINAT_DAEMON_PIDFILE_H
#define SPINAT_DAEMON_PIDFILE_H

#include "conf/error.h"

struct pidfile {
	int fd;           /* holds the lock; -1: none.  Survives fork() */
	const char *path; /* the caller's */
};

/** Creates and locks it, with its directory.  -EEXIST: another has it, and
 * `error` names that one's pid. */
int pidfile_lock(
    struct pidfile *pidfile, const char *path, struct error *error);
/** Writes the caller's pid (after the last fork). */
int pidfile_write(struct pidfile *pidfile, struct error *error);
/** Removes it and lets go of the lock. */
void pidfile_release(struct pidfile *pidfile);

/** Makes the directory that `path` lies in, one level, if it is not there. */
int pidfile_make_directory(const char *path, struct error *error);

#endif
