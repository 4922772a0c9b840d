/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The answer to a request of the control socket: JSON lines, made a bounded
 * piece at a time.
 *
 *	{"flow": {...}}  {"ike": {...}}  {"peer": {...}}  {"stats": {...}}
 *	{"claim": {...}}            of "explain"
 *	{"end": {"count": N}}       the last line of an answer
 *	{"error": "..."}            instead of it
 */
#ifndef SPINAT_DAEMON_ANSWER_H
#define SPINAT_DAEMON_ANSWER_H

#include <event2/buffer.h>
#include <jansson.h>

#include "daemon/request.h"

/** What an answer tells of: the engine, and what the daemon says of itself. */
struct answer_source {
	const struct spinat *engine;
	/** Adds the daemon's own facts to "stats"; may be NULL. */
	void (*about)(void *context, json_t *stats);
	void *context;
};

/** An SPI is explained with the remotes that use it, at most so many. */
#define ANSWER_REMOTES 16

/** Where an answer stands; nothing to free. */
struct answer {
	struct request request;
	unsigned stage;  /* of the steps of its request */
	uint32_t cursor; /* of the engine's walk */
	uint64_t count;  /* lines given */
	/* those of the SPI to be explained, as far as it was met */
	spinat_be32 remotes[ANSWER_REMOTES];
	unsigned remote_count;
};

void answer_begin(struct answer *answer, const struct request *request);

/**
 * Walks on until the answer is complete (1), or `deadline` has passed or the
 * buffer holds `room` bytes (0).  -ENOMEM: give the client up.
 */
int answer_continue(struct answer *answer, const struct answer_source *source,
    struct evbuffer *to, size_t room, spinat_time deadline);

/** The line that says what was wrong with a request. */
int answer_error(struct evbuffer *to, const char *text);

#endif
