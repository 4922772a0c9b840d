/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking spinatd over its control socket.
 */
#ifndef SPINAT_CMD_CLIENT_H
#define SPINAT_CMD_CLIENT_H

#include <jansson.h>

/**
 * Sends `request` and hands each line of the answer to `take`: its kind
 * ("flow", "ike", "peer", "stats") and its value, borrowed for the call.
 * Gives 0 when the answer is complete; else an exit code, and what is wrong
 * and what would help has been said on stderr.
 */
int client_ask(const char *socket, const json_t *request,
    void (*take)(void *context, const char *kind, json_t *value),
    void *context);

#endif
