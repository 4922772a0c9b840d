/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What outlives the daemon: a directory of the BPF file system with the names
 * of the tables and of the programs' links.
 *
 * Each pair of network namespace and outside interface has one of its own,
 * which one daemon at a time holds.  The file system ends with the boot.
 */
#ifndef SPINAT_FAST_PINS_H
#define SPINAT_FAST_PINS_H

#include "conf/error.h"

struct pins {
	int directory; /* locked; -1: nothing is pinned */
};

/** Finds or makes the directory below that file system, which is mounted if it
 * is not there.  -EBUSY: another daemon holds it. */
int pins_open(struct pins *pins, const char *bpffs, const char *interface,
    struct error *error);
/** What is pinned stays. */
void pins_close(struct pins *pins);

/** Gives a map or link a name that outlives us, in place of another one's. */
int pins_put(const struct pins *pins, const char *name, int fd);
/** A descriptor of what has this name; -ENOENT. */
int pins_get(const struct pins *pins, const char *name);
void pins_remove(const struct pins *pins, const char *name);
/** Everything: tables and programs that nobody else holds are gone. */
void pins_clear(const struct pins *pins);

/** All directories of this network namespace that nobody holds; how many there
 * were. */
unsigned pins_forget_all(const char *bpffs);

#endif
