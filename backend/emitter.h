/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends whole IPv4 packets through the kernel's routing: what the engine sends
 * of its own, and hairpin packets, which cannot go back where they were queued.
 */
#ifndef SPINAT_BACKEND_EMITTER_H
#define SPINAT_BACKEND_EMITTER_H

#include <stddef.h>
#include <stdint.h>

#include "backend/counters.h"
#include "conf/error.h"
#include "spinat/spinat.h"

struct conf;

struct emitter {
	int fd;
	char interfaces[2][16]; /* by enum spinat_side, for their MTU */
};

int emitter_open(
    struct emitter *emitter, const struct conf *conf, struct error *error);
/** Packets over the MTU of the side's interface go as fragments, or are
 * dropped and counted if they carry DF. */
void emitter_send(struct emitter *emitter, enum spinat_side to,
    const uint8_t *data, size_t length, struct backend_counters *counters);
void emitter_close(struct emitter *emitter);

#endif
