/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random worlds: clients, gateways, networks, habits, traffic and mishaps all
 * follow from the run's number.
 */
#ifndef SPINAT_SIM_RANDOM_RUN_H
#define SPINAT_SIM_RANDOM_RUN_H

#include "world.h"

/** How many clients the run has: 1 to 8 mostly, some have 16, 32 or 50. */
unsigned random_run_clients(uint64_t run);
/** Runs it and says what it wants (world->failures). */
void random_run(struct world *world);

#endif
