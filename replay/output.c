/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/output.h"

#include <errno.h>
#include <string.h>

int output_close(FILE *file, const char *path, int failure, struct error *error)
{
	if (fclose(file) != 0 && failure == 0)
		failure = -errno;
	if (failure == 0)
		return 0;
	return error_set(error, failure, "%s: cannot be written: %s", path,
	    strerror(-failure));
}
