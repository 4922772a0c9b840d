/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of what asks spinatd: options that all have, then their own.
 */
#ifndef SPINAT_CMD_CALL_H
#define SPINAT_CMD_CALL_H

#include <getopt.h>
#include <stdbool.h>

struct call {
	const char *socket; /* -s; set it to the default */
	bool json, help;    /* -j, -h */
};

/** The first entries of every table of options. */
#define CALL_OPTIONS                                                           \
	{"socket", required_argument, NULL, 's'},                              \
	    {"json", no_argument, NULL, 'j'},                                  \
	{                                                                      \
		"help", no_argument, NULL, 'h'                                 \
	}

/** Reads the options after argv[0], in place of which messages name `name`; all
 * but those of CALL_OPTIONS, and those that are wrong ('?'), are for `set`.
 * The words after them begin at argv[optind].  False: `set` said so. */
bool call_read(struct call *call, int argc, char **argv, char *name,
    const struct option *options,
    bool (*set)(void *context, int option, const char *value), void *context);

#endif
