/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Link types of captures: where in a frame the IPv4 packet begins.
 *
 * Pure functions over bytes; every length is checked before it is read.
 */
#ifndef SPINAT_REPLAY_LINK_H
#define SPINAT_REPLAY_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The link types that are understood, in words. */
#define LINK_TYPES "Ethernet, raw IP, Linux cooked v1 and v2, BSD loopback"

/** Whether link_find_ipv4() understands this DLT_* value. */
bool link_is_known(int type);

/** Finds the IPv4 packet of a frame: true, and `*offset` (at most `length`) is
 * where it begins.  False: the frame is cut inside its link header, or carries
 * something else.  Whether the bytes there are a sound IPv4 packet is the
 * engine's to say. */
bool link_find_ipv4(
    int type, const uint8_t *frame, size_t length, size_t *offset);

#endif
