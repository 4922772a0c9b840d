/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one 16-byte key by which everything is found.
 *
 * "Local" is the end on our side of the wire: the inside host in an inside key,
 * the public address in an outside key.  The ids are the ports, the ICMP
 * identifier (local only), or the 32 bits of an ESP SPI.  An SPI is chosen by
 * whoever receives with it, so both directions of one pair may use the same
 * number: the kind keeps them apart.
 */
#ifndef SPINAT_FLOW_KEY_H
#define SPINAT_FLOW_KEY_H

#include "base/hash.h"

enum key_kind {
	KEY_INSIDE =
	    0, /* == SPINAT_INSIDE: a session or ESP towards the remote */
	KEY_OUTSIDE = 1,         /* == SPINAT_OUTSIDE: the same, seen outside */
	KEY_INSIDE_SPI_IN = 2,   /* ESP from the remote, seen inside */
	KEY_OUTSIDE_SPI_IN = 3,  /* the same, seen outside */
	KEY_MAPPING_INSIDE = 4,  /* {protocol, inside address and port} */
	KEY_MAPPING_OUTSIDE = 5, /* {protocol, public address and port} */
	KEY_PEER = 6,            /* {inside, remote} */
	KEY_REMOTE = 7,          /* {public, remote} */
	KEY_FRAGMENT = 8,  /* {protocol, source, destination, IP id, side} */
	KEY_IKE_PORT = 9,  /* {public address and port, remote} of one host's */
	KEY_NOBODY = 0xfe, /* of a record that is free: matches no key */
};

/** The two ids of a tuple. */
union key_ids {
	struct {
		be16 local, remote;
	} port;
	be32 spi;
	uint32_t raw;
};

struct key {
	uint8_t protocol;
	uint8_t kind;
	uint16_t extra; /* zero, but for fragments */
	be32 local, remote;
	union key_ids ids;
};

static_assert(sizeof(struct key) == 16, "keys are hashed as four words");

/** Protocol and kind, with nothing extra, as one word: whoever fills a key and
 * hashes it at once must write in the widths that are read, the two addresses
 * as one, or the loads wait for the stores. */
static inline uint32_t key_head(unsigned protocol, unsigned kind)
{
	return htole32(protocol | kind << 8);
}

static inline void key_set_head(
    struct key *key, unsigned protocol, unsigned kind)
{
	const uint32_t head = key_head(protocol, kind);

	memcpy(key, &head, sizeof head);
}

/** The addresses of a packet, from the source on, as its side sees them. */
static inline void key_set_addresses(
    struct key *key, const uint8_t *source, unsigned side)
{
	const uint64_t pair = turn_pair32(load_pair32(source), side);

	memcpy(&key->local, &pair, sizeof pair);
}

/** The same of its ports. */
static inline void key_set_ports(
    struct key *key, const uint8_t *source, unsigned side)
{
	key->ids.raw = turn_pair16(load_pair16(source), side);
}

/** The side that a packet with this key came from. */
static inline enum spinat_side key_side(const struct key *key)
{
	return key->kind & 1;
}

/** Whether a flow lies where its key of this kind says, if it can: a record has
 * one place, and two keys.  What goes out has it, and ESP that comes in. */
static inline bool key_has_home(unsigned kind)
{
	return kind == KEY_INSIDE || kind == KEY_OUTSIDE_SPI_IN;
}

/** Whether two pairs of protocol and kind agree, whichever side they are of. */
static inline bool key_same_head(const uint8_t *a, const uint8_t *b)
{
	uint16_t one, other;

	memcpy(&one, a, sizeof one);
	memcpy(&other, b, sizeof other);
	return ((one ^ other) & htole16(0xfeff)) == 0;
}

static inline uint64_t key_hash(
    const struct hash_seed *seed, const struct key *key)
{
	const uint64_t pair = load_pair32(&key->local);
	uint32_t head;

	memcpy(&head, key, sizeof head);
	return hash_words(
	    seed, head, (uint32_t)pair, (uint32_t)(pair >> 32), key->ids.raw);
}

#endif
