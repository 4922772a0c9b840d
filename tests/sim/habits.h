/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an end begins of its own accord (ike.h: ike_start() and so on), and
 * when: as SAs grow old, and as the peer falls silent.
 */
#ifndef SPINAT_SIM_HABITS_H
#define SPINAT_SIM_HABITS_H

#include "ike.h"

struct world;

/** Call these when an SA came up: its timers start. */
void habits_child_up(struct child *child);
void habits_ike_up(struct ike *ike);
/** An event: deletes a child SA, under the end's generation. */
void habits_delete_later(struct world *world, void *child, uint64_t generation);

#endif
