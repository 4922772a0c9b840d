/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow/ports.h"

#include <netinet/in.h>

void ports_init(struct ports *ports, struct arena *arena, unsigned addresses)
{
	ports->addresses = addresses;
	ports->sets = arena_take(
	    arena, (size_t)addresses * PORT_CLASSES, sizeof *ports->sets);
}

enum port_class port_class_of(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return PORT_TCP;
	case IPPROTO_UDP:
		return PORT_UDP;
	case IPPROTO_ICMP:
		return PORT_ICMP;
	default:
		return PORT_CLASSES;
	}
}

static struct port_set *set_of(
    struct ports *ports, unsigned address, enum port_class class)
{
	ENSURE(address < ports->addresses && class < PORT_CLASSES);
	return &ports->sets[address * PORT_CLASSES + class];
}

bool ports_reserve(
    struct ports *ports, unsigned address, enum port_class class, uint16_t port)
{
	uint64_t *word = &set_of(ports, address, class)->taken[port / 64];
	const uint64_t bit = UINT64_C(1) << port % 64;

	if ((*word & bit) != 0)
		return false;
	*word |= bit;
	return true;
}

void ports_release(
    struct ports *ports, unsigned address, enum port_class class, uint16_t port)
{
	uint64_t *word = &set_of(ports, address, class)->taken[port / 64];
	const uint64_t bit = UINT64_C(1) << port % 64;

	ENSURE((*word & bit) != 0);
	*word &= ~bit;
}

/* The first free port in from .. to, or -1. */
static int first_free(const struct port_set *set, unsigned from, unsigned to)
{
	for (unsigned word = from / 64; word <= to / 64; word++) {
		uint64_t free = ~set->taken[word];
		if (word == from / 64)
			free &= ~UINT64_C(0) << from % 64;
		if (word == to / 64)
			free &= ~UINT64_C(0) >> (63 - to % 64);
		if (free != 0)
			return (
			    int)(word * 64 + (unsigned)__builtin_ctzll(free));
	}
	return -1;
}

bool ports_draw(struct ports *ports, unsigned address, enum port_class class,
    struct random *random, uint16_t low, uint16_t high, uint16_t *port)
{
	struct port_set *set = set_of(ports, address, class);
	const uint32_t span = (uint32_t)high - low + 1;
	int found = -1;

	/* Independent draws keep neighbours unrelated; the scan settles it
	 * when the range is nearly used up. */
	for (int draw = 0; draw < 8 && found < 0; draw++) {
		const uint32_t at = low + random_below(random, span);
		if ((set->taken[at / 64] >> at % 64 & 1) == 0)
			found = (int)at;
	}
	if (found < 0) {
		const uint32_t at = low + random_below(random, span);
		found = first_free(set, at, high);
		if (found < 0)
			found = first_free(set, low, at);
	}
	if (found < 0)
		return false;
	*port = (uint16_t)found;
	return ports_reserve(ports, address, class, *port);
}
