/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeping the gateway's own sockets off the public ports: they are taken from
 * outside net.ipv4.ip_local_port_range and added to ip_local_reserved_ports.
 */
#ifndef SPINAT_FIREWALL_HOSTPORTS_H
#define SPINAT_FIREWALL_HOSTPORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/error.h"

/** -EINVAL, saying what would be right, when the range overlaps that from
 * which the gateway's own connections take their ports. */
int hostports_check(uint16_t low, uint16_t high, struct error *error);
/** Reserves the range.  `added` becomes the list of what was not reserved
 * before ("20000-29999,30001"), for hostports_release(). */
int hostports_reserve(
    uint16_t low, uint16_t high, char *added, size_t size, struct error *error);
/** Takes a list of ports out of those reserved. */
int hostports_release(const char *added, struct error *error);

/** Sets (or clears) the ports of a list in a map of 65536; false: malformed. */
bool hostports_parse(const char *list, bool map[65536], bool value);
/** Writes a map as a list; false if it does not fit. */
bool hostports_format(const bool map[65536], char *list, size_t size);

#endif
