/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine that targets drive: from 10.0.0.0/8 to 203.0.113.1, and 2 if they
 * say so, with all events; and what its tables must show.
 */
#ifndef SPINAT_FUZZ_ENGINE_H
#define SPINAT_FUZZ_ENGINE_H

#include "fuzz/program.h"
#include "spinat/spinat.h"
#include "tests/wire.h"

#define PUBLIC1 IP(203, 0, 113, 1)
#define PUBLIC2 IP(203, 0, 113, 2)
#define INSIDE  IP(10, 0, 0, 0)
#define REMOTE  IP(198, 51, 100, 1)

/** What is set for all; sizes and functions are the caller's. */
void engine_configure(struct spinat_config *config, bool two_addresses);
/** The start of a clock, or the time of one that counts from 1970. */
spinat_time engine_start(bool late);
/** The engine's memory; free it. */
void *engine_make(struct spinat **engine, const struct spinat_config *config,
    spinat_time now);
/** Walks all tables, in which there must be what the statistics say. */
void engine_look(const struct spinat *engine);

#endif
