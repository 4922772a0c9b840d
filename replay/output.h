/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that is written: what could not be opened or written is told here.
 */
#ifndef SPINAT_REPLAY_OUTPUT_H
#define SPINAT_REPLAY_OUTPUT_H

#include <stdio.h>

#include "conf/error.h"

struct output {
	FILE *file;
	char *path;
	int failure; /* of writing: the first one, -errno; the writer sets it */
};

/** Makes `path` anew, or says why not; then there is nothing to close. */
int output_open(struct output *output, const char *path, struct error *error);
/** Closes it.  If writing or closing failed: -errno, with its path in the
 * message. */
int output_close(struct output *output, struct error *error);

#endif
