/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What spinat explain was told, and how it says that in words.
 */
#ifndef SPINAT_CMD_EXPLAIN_H
#define SPINAT_CMD_EXPLAIN_H

#include <jansson.h>
#include <stdbool.h>

struct explanation {
	const char *of; /* a host, a remote or an SPI, as it was asked */
	bool is_spi;
	/* arrays of what the daemon sent, each in the order it came */
	json_t *peers, *ikes, *spis, *claims;
};

/** Prints it in words.  An exit code. */
int explain_print(const struct explanation *explanation);

#endif
