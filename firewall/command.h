/* SPDX-License-Identifier: BSD-2-Clause */
/* Running a program with some text on its standard input. */
#ifndef SPINAT_FIREWALL_COMMAND_H
#define SPINAT_FIREWALL_COMMAND_H

#include <stdbool.h>

/** Finds `name` where system programs are, whatever PATH says. */
bool command_exists(const char *name);

/**
 * Runs argv (NULL at its end; argv[0] is searched for as above) and waits.
 * `input` may be NULL.  Standard output and error are given as strings of
 * malloc() that the caller frees; either pointer may be NULL.  Returns the
 * exit code, or -errno when it could not be run or was killed.
 */
int command_run(
    const char *const argv[], const char *input, char **output, char **errors);

#endif
