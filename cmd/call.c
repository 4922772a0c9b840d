/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/call.h"

#include <stddef.h>

bool call_read(struct call *call, int argc, char **argv, char *name,
    const struct option *options,
    bool (*set)(void *context, int option, const char *value), void *context)
{
	int option;

	argv[0] = name;
	optind = 0;
	while ((option = getopt_long(argc, argv, "s:jh", options, NULL)) != -1)
		switch (option) {
		case 's':
			call->socket = optarg;
			break;
		case 'j':
			call->json = true;
			break;
		case 'h':
			call->help = true;
			break;
		default:
			if (!set(context, option, optarg))
				return false;
		}
	return true;
}
