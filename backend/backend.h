/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A back end brings packets to the engine and carries out its verdicts.
 *
 * It fills one ops struct.  The daemon watches the descriptors it names, calls
 * receive() until it gives 0, hands the batch to spinat_translate() and the
 * same batch to finish().  What the engine sends of its own goes to emit().
 * Nothing in lib/ knows a back end; a back end knows nothing of flows.
 */
#ifndef SPINAT_BACKEND_BACKEND_H
#define SPINAT_BACKEND_BACKEND_H

#include "backend/counters.h"
#include "conf/error.h"
#include "spinat/spinat.h"

struct conf;
struct backend;

#define BACKEND_BATCH           64
#define BACKEND_MAX_DESCRIPTORS 5

/** Packets under way.  Filled by receive(), valid until finish() returns. */
struct backend_batch {
	struct spinat_packet packets[BACKEND_BATCH];
	uint64_t tokens[BACKEND_BATCH]; /* the back end's own mark of each */
	size_t count;
	spinat_time
	    stamp; /* pcap: the captures' clock; else -1: use your own */
};

struct backend_ops {
	const char *name;
	const char *summary; /* one line for people */

	/** Opens it for this configuration.  0, or -errno with `error` saying
	 * what is wrong and what would help. */
	int (*open)(struct backend **backend, const struct conf *conf,
	    struct error *error);
	/** The descriptors to wait on for reading; returns how many. */
	int (*descriptors)(
	    const struct backend *backend, int fds[BACKEND_MAX_DESCRIPTORS]);
	/** Receives up to BACKEND_BATCH packets without blocking: 0 with
	 * batch->count == 0 when there are none, -errno when it is broken. */
	int (*receive)(
	    struct backend *backend, int fd, struct backend_batch *batch);
	/** Carries out the verdicts of the batch that receive() gave. */
	int (*finish)(struct backend *backend, struct backend_batch *batch);
	/** Sends a packet of the engine's own out of `to`. */
	void (*emit)(struct backend *backend, enum spinat_side to,
	    const uint8_t *data, size_t length);
	/** What it counts beside the engine.  NULL: nothing. */
	void (*counters)(
	    const struct backend *backend, struct backend_counters *counters);
	void (*close)(struct backend *backend);
};

extern const struct backend_ops backend_nfqueue;
extern const struct backend_ops backend_tun;

/** By name; NULL: there is none. */
const struct backend_ops *backend_find(const char *name);

#endif
