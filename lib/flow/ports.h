/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which public ports (and ICMP identifiers) are taken: one bit each, for every
 * public address and class of protocol.  A port belongs to one inside endpoint
 * for as long as any of its flows lives (RFC 4787 REQ-1, REQ-3: no
 * overloading).
 */
#ifndef SPINAT_FLOW_PORTS_H
#define SPINAT_FLOW_PORTS_H

#include "base/arena.h"
#include "base/random.h"

enum port_class { PORT_TCP, PORT_UDP, PORT_ICMP, PORT_CLASSES };

#define PORT_WORDS 1024u

struct port_set {
	uint64_t taken[PORT_WORDS];
};

struct ports {
	struct port_set *sets; /* [address][class] */
	unsigned addresses;
};

void ports_init(struct ports *ports, struct arena *arena, unsigned addresses);
/** The class of an IP protocol that has ports; PORT_CLASSES: it has none. */
enum port_class port_class_of(uint8_t protocol);
/** Whether it has ports, or an identifier, that a mapping can change. */
static inline bool port_class_has(uint8_t protocol)
{
	return port_class_of(protocol) != PORT_CLASSES;
}

/** Takes this very port (host order); false: it is taken. */
bool ports_reserve(struct ports *ports, unsigned address, enum port_class class,
    uint16_t port);
void ports_release(struct ports *ports, unsigned address, enum port_class class,
    uint16_t port);
/** Draws a free port of low .. high at random; false: all are taken. */
bool ports_draw(struct ports *ports, unsigned address, enum port_class class,
    struct random *random, uint16_t low, uint16_t high, uint16_t *port);

#endif
