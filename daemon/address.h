/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The addresses of the gateway's interfaces: what the configuration leaves to
 * be read from them, and how to hear of a change.
 */
#ifndef SPINAT_DAEMON_ADDRESS_H
#define SPINAT_DAEMON_ADDRESS_H

#include "conf/conf.h"

/** Fills in conf->engine.public_addresses and .inside where the configuration
 * left them empty. */
int address_fill(struct conf *conf, struct error *error);
/** The first IPv4 address of an interface.  -ENODEV: no such interface;
 * -EADDRNOTAVAIL: it has none. */
int address_of_interface(
    const char *interface, spinat_be32 *address, struct error *error);

/** Hears of changes to the addresses of this system. */
struct address_watch;

int address_watch_open(struct address_watch **watch, struct error *error);
int address_watch_descriptor(const struct address_watch *watch);
/** Reads all that has come; the news itself is not kept: ask
 * address_of_interface() what is true now. */
void address_watch_drain(struct address_watch *watch);
void address_watch_close(struct address_watch *watch);

#endif
