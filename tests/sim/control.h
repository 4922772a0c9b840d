/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two NATs that keep the judge honest.
 *
 * PERFECT cheats: it asks the oracle.  What a scenario wants must be possible,
 * so every scenario must pass through it (`sim --perfect`).
 *
 * BROADCAST knows nothing: it gives what comes from outside to every client.
 * Everything reaches its owner, and the judge must notice the price
 * (`sim --broadcast`).
 */
#ifndef SPINAT_SIM_CONTROL_H
#define SPINAT_SIM_CONTROL_H

#include "packet.h"
#include "spinat/spinat.h"

struct world;

/** As spinat_translate() does with one packet. */
void control_translate(
    struct world *world, struct packet *packet, struct spinat_packet *way);

#endif
