/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int say_failure(const char *path, int failure, struct error *error)
{
	return error_set(error, failure, "%s: cannot be written: %s", path,
	    strerror(-failure));
}

int output_open(struct output *output, const char *path, struct error *error)
{
	*output = (struct output){.path = strdup(path)};
	if (output->path == NULL)
		return error_set(error, -ENOMEM, "%s: out of memory", path);
	output->file = fopen(path, "wb");
	if (output->file == NULL) {
		const int failure = -errno;

		free(output->path);
		return say_failure(path, failure, error);
	}
	return 0;
}

int output_close(struct output *output, struct error *error)
{
	int failure = output->failure;

	if (fclose(output->file) != 0 && failure == 0)
		failure = -errno;
	if (failure != 0)
		failure = say_failure(output->path, failure, error);
	free(output->path);
	return failure;
}
