/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hosts, services and protocols by name, as natd takes them.  The system's
 * databases are asked first; the common names are known here as well, because
 * small systems come without /etc/services and /etc/protocols.
 */
#ifndef SPINAT_CONF_NAMES_H
#define SPINAT_CONF_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "spinat/spinat.h"

/** The first IPv4 address of a host; may block on DNS.  NULL, or why not. */
const char *names_find_host(const char *name, spinat_be32 *address);
/** `protocol` is "tcp" or "udp"; the port in host order. */
bool names_find_service(const char *name, const char *protocol, uint16_t *port);
bool names_find_protocol(const char *name, uint8_t *protocol);
/** For people: "tcp", "esp", or NULL. */
const char *names_of_protocol(uint8_t protocol);

#endif
