/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pcap back end: packets come from two captures, merged by their stamps,
 * and go to two others.  It runs the same receive, translate, finish path as
 * the live ones; batch->stamp is the captures' clock, on the engine's scale
 * (replay/clock.h), and one batch holds packets of one stamp only, so that
 * timers can fire exactly in between.
 *
 * It differs from the live ones in this: a packet that the engine passed
 * belongs to the gateway, which is not there, so it is not written; and what
 * the engine emits while a batch is under way is written after the batch, so
 * that a fragment released follows the first one that released it.
 */
#ifndef SPINAT_BACKEND_PCAP_H
#define SPINAT_BACKEND_PCAP_H

#include "backend/backend.h"
#include "replay/capture.h"
#include "replay/clock.h"

extern const struct backend_ops backend_pcap;

/** Paths by enum spinat_side; NULL: there is none. */
struct backend_pcap_files {
	const char *from[2];
	const char *to[2];
};

struct backend_pcap_counts {
	struct capture_counts read[2]; /* by the side they came from */
	uint64_t written[2];           /* by the side they left by */
	uint64_t verdicts[SPINAT_VERDICT_COUNT];
	uint64_t emitted;
};

/** Opens the captures.  backend_pcap.open cannot: no configuration names them.
 * The inputs are opened before the outputs are created, and an output that is
 * one of the inputs, or the other output, is refused. */
int backend_pcap_open(struct backend **backend,
    const struct backend_pcap_files *files, struct error *error);

/** The clock; its origin is the stamp of the first packet (0: there is none).
 */
const struct replay_clock *backend_pcap_clock(const struct backend *backend);

/** Tells what time it is for packets that the engine emits from its timers. */
void backend_pcap_advance(struct backend *backend, spinat_time now);

void backend_pcap_count(
    const struct backend *backend, struct backend_pcap_counts *counts);

/** Where reading broke off: -EBADMSG with `error`, or 0. */
int backend_pcap_damage(const struct backend *backend, struct error *error);

/** Flushes and closes the outputs; -errno: something was not written.  Then
 * only close is left. */
int backend_pcap_flush(struct backend *backend, struct error *error);

#endif
