/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A view: what parsing found in a packet.  It points into the packet and lives
 * for one burst.  Everything here has passed its length checks.
 */
#ifndef SPINAT_PACKET_VIEW_H
#define SPINAT_PACKET_VIEW_H

#include "flow/key.h"
#include "packet/header.h"

/** Which way through the engine the packet takes. */
enum view_kind {
	VIEW_SESSION = 0, /* TCP, UDP, ICMP query, any other by address */
	VIEW_ESP,
	VIEW_IKE, /* UDP with our end on port 500 */
	VIEW_AH,
	VIEW_ICMP_ERROR,
	VIEW_LATER_FRAGMENT, /* no transport header */
	VIEW_KINDS
};

struct view {
	struct spinat_packet *packet;
	uint8_t *ip;    /* IPv4 header */
	struct key key; /* SESSION, ESP: the session's, as its side sees it */
	uint8_t *l4;    /* transport header, or the fragment's data */
	uint64_t hash;
	uint32_t guess; /* a flow that may be the one: prefetched; 0: none */
	uint16_t ip_length; /* total length, link padding not counted */
	uint16_t l4_length; /* from l4 to the end of this packet */
	uint8_t protocol;
	uint8_t side;        /* enum spinat_side it came from */
	uint8_t kind;        /* enum view_kind */
	bool first_fragment; /* more of it will follow */
};

/** A session, no fragment: one word is the head of its key and the four bytes
 * of the view that say so. */
static inline void view_set_plain(
    struct view *view, unsigned protocol, unsigned side)
{
	const uint32_t head = key_head(protocol, side);

	memcpy(&view->key, &head, sizeof head);
	memcpy(&view->protocol, &head, sizeof head);
}

/** Whether it is neither a fragment nor anything but a session. */
static inline bool view_is_plain(const struct view *view)
{
	uint16_t both;

	memcpy(&both, &view->kind, sizeof both);
	return both == 0;
}

static_assert(VIEW_SESSION == 0 &&
	offsetof(struct view, side) == offsetof(struct view, protocol) + 1 &&
	offsetof(struct view, first_fragment) ==
	    offsetof(struct view, protocol) + 3,
    "the four are written as one word");

static inline be32 view_source(const struct view *view)
{
	return view->side == SPINAT_INSIDE ? view->key.local : view->key.remote;
}

static inline be32 view_destination(const struct view *view)
{
	return view->side == SPINAT_INSIDE ? view->key.remote : view->key.local;
}

#endif
