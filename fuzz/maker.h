/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets made by a program: from templates, so that they get deep, and from
 * the last few that the engine let through.
 */
#ifndef SPINAT_FUZZ_MAKER_H
#define SPINAT_FUZZ_MAKER_H

#include "fuzz/program.h"
#include "tests/wire.h"

#define MAX_PACKET 2048u
#define KEPT       8u

#define OWN IP(203, 0, 113, 3) /* of a redirect_address */

struct kept {
	uint8_t data[MAX_PACKET];
	uint32_t length;
	uint8_t to;
};

struct maker {
	struct program program;
	struct kept kept[KEPT];
	unsigned kept_next;
};

uint8_t maker_byte(struct maker *maker);
uint16_t maker_word(struct maker *maker);
uint32_t maker_long(struct maker *maker);

/* Each writes to `ip`, which has room for MAX_PACKET, and gives the length. */

/** A whole packet of some kind between two hosts, from a side. */
size_t maker_packet(struct maker *maker, uint8_t *ip, uint8_t side);
/** The answer to a packet that went through: its addresses and ports turned. */
size_t maker_answer(struct maker *maker, uint8_t *ip, uint8_t *side);
/** An ICMP error that quotes a packet that went through. */
size_t maker_error(struct maker *maker, uint8_t *ip, uint8_t *side);
/** Makes a fragment of what is a whole packet. */
size_t maker_fragment(struct maker *maker, uint8_t *ip, size_t length);

/** Keeps one that went through, to that side. */
void maker_keep(
    struct maker *maker, const uint8_t *data, size_t length, uint8_t to);

#endif
