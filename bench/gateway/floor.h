/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the floor's program and the program that loads it share.
 */
#ifndef SPINAT_BENCH_GATEWAY_FLOOR_H
#define SPINAT_BENCH_GATEWAY_FLOOR_H

#include <linux/types.h>

/** A device of the gateway, and the Ethernet header of what leaves by it. */
struct floor_side {
	__u32 index;
	__u16 macs[6]; /* destination, then source */
};

/** One direction of a flow: two of them in a cache line. */
struct floor_record {
	__u32 source, destination, ports; /* in wire order; an SPI is ports */
	__u32 to_source, to_destination, to_ports;
	__u16 address_delta, port_delta; /* what is added to the checksums */
	__u8 protocol;                   /* 0: an empty slot */
	__u8 side;                       /* where it leaves */
	__u8 rest[2];
};

#define FLOOR_INSIDE  0u
#define FLOOR_OUTSIDE 1u

#endif
