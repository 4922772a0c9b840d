/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SPINAT_CORE_H
#define SPINAT_CORE_H

#include "engine.h"

/** Moves the engine's clock on; time that goes back stands still. */
void core_set_now(struct spinat *engine, spinat_time now);

#endif
