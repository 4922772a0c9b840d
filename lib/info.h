/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copying out what the engine knows.
 */
#ifndef SPINAT_INFO_H
#define SPINAT_INFO_H

#include "engine.h"

void info_of_flow(const struct spinat *engine, uint32_t number,
    struct spinat_flow_info *info);
void info_of_ike(
    const struct spinat *engine, uint32_t number, struct spinat_ike_info *info);
void info_of_peer(const struct spinat *engine, uint32_t number,
    struct spinat_peer_info *info);

#endif
