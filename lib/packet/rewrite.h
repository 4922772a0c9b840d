/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rewriting: one tuple of a flow replaced by the other, checksums by deltas.
 */
#ifndef SPINAT_PACKET_REWRITE_H
#define SPINAT_PACKET_REWRITE_H

#include "base/csum.h"
#include "flow/translation.h"
#include "packet/view.h"

/** A transport checksum with a pseudo header.  `addresses` is the delta of the
 * pseudo header alone: an unfinished checksum covers nothing else yet. */
static inline void rewrite_checksum(
    uint8_t *at, uint8_t flags, uint16_t whole, uint16_t addresses)
{
	const be16 old = load_be16(at);

	store_be16(at,
	    UNLIKELY((flags & SPINAT_PACKET_CSUM_PARTIAL) != 0)
		? csum_apply_partial(old, addresses)
		: csum_apply(old, whole));
}

/** UDP's: zero says that none was made, and never comes of one (RFC 768). */
static inline void rewrite_udp_checksum(
    uint8_t *udp, uint8_t flags, uint16_t whole, uint16_t addresses)
{
	uint8_t *at = udp + UDP_CHECKSUM;

	if (UNLIKELY(load_be16(at).raw == 0))
		return;
	rewrite_checksum(at, flags, whole, addresses);
	if (UNLIKELY(load_be16(at).raw == 0))
		store_be16(at, (be16){0xffff});
}

/** Rewrites a packet that matched `flow` on the side `seen`, so that it reads
 * as the other side's tuple; never fails. */
static inline void rewrite_packet(
    const struct view *view, const struct flow *flow, enum spinat_side seen)
{
	const struct translation to = translation_of(flow, seen);
	uint8_t *ip = view->ip, *l4 = view->l4;

	memcpy(ip + IP4_SOURCE, &to.addresses, sizeof to.addresses);
	store_be16(ip + IP4_CHECKSUM,
	    csum_apply(load_be16(ip + IP4_CHECKSUM), to.address_delta));
	if (view->protocol == IPPROTO_UDP) {
		memcpy(l4 + L4_SOURCE_PORT, &to.ports, sizeof to.ports);
		rewrite_udp_checksum(l4, view->packet->flags,
		    to.transport_delta, to.address_delta);
	} else if (view->protocol == IPPROTO_TCP) {
		memcpy(l4 + L4_SOURCE_PORT, &to.ports, sizeof to.ports);
		rewrite_checksum(l4 + TCP_CHECKSUM, view->packet->flags,
		    to.transport_delta, to.address_delta);
	} else if (view->protocol == IPPROTO_UDPLITE ||
	    view->protocol == IPPROTO_DCCP) {
		rewrite_checksum(l4 + LITE_CHECKSUM, view->packet->flags,
		    to.transport_delta, to.address_delta);
	} else if (view->protocol == IPPROTO_ICMP) {
		store_be16(l4 + ICMP_ID, to.id);
		store_be16(l4 + ICMP_CHECKSUM,
		    csum_apply(
			load_be16(l4 + ICMP_CHECKSUM), to.transport_delta));
	}
}

/** Replaces source and destination of an IP header and mends its checksum. */
void rewrite_addresses(uint8_t *ip, be32 source, be32 destination);
/** Replaces the IP id and mends the header's checksum. */
void rewrite_identity(uint8_t *ip, be16 id);
/** Replaces one end of a UDP packet (IKE), and mends both checksums. */
void rewrite_udp_source(const struct view *view, be32 address, be16 port);
void rewrite_udp_destination(const struct view *view, be32 address, be16 port);

/** The tuple in an ICMP error's quote, before and after. */
struct quote_tuple {
	be32 source, destination;
	be16 source_port, destination_port; /* ICMP query: the id, twice */
};

struct quote;
/** Rewrites the quoted packet: addresses, ports, its IP and transport
 * checksums as far as they are there, and the ICMP checksum that covers it
 * all (RFC 5508 4.2). */
void rewrite_quote(const struct view *view, const struct quote *quote,
    const struct quote_tuple *to);

#endif
