/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a file that was written: what could not be written is told here.
 */
#ifndef SPINAT_REPLAY_OUTPUT_H
#define SPINAT_REPLAY_OUTPUT_H

#include <stdio.h>

#include "conf/error.h"

/** Closes `file`.  `failure` is the first -errno of writing to it, or 0; if
 * that or the closing failed, -errno with `path` in the message. */
int output_close(
    FILE *file, const char *path, int failure, struct error *error);

#endif
