/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsing: bounded, every length checked before any read.
 */
#ifndef SPINAT_PACKET_PARSE_H
#define SPINAT_PACKET_PARSE_H

#include "packet/view.h"

/** Why an IP header was refused; view->ip is NULL then. */
enum spinat_reason parse_ip_reason(struct view *view);
/** A packet that does not begin as most do: options, or no IPv4. */
enum spinat_reason parse_options(struct view *view);
/** A fragment: its transport header if it is the first. */
enum spinat_reason parse_fragment(struct view *view);
/** The transport header of what is neither TCP nor UDP, or too short. */
enum spinat_reason parse_other(struct view *view);

/* IKE is what has our end on port 500; anything else that goes to a remote's
 * port 500 is a UDP session like others. */
static inline bool parse_is_ike(const struct view *view)
{
	return be16_equal(view->key.ids.port.local, be16_from_host(IKE_PORT));
}

static inline enum spinat_reason parse_transport(
    struct view *view, unsigned protocol, unsigned turn)
{
	if (protocol == IPPROTO_UDP && view->l4_length >= UDP_HEADER) {
		key_set_ports(&view->key, view->l4, turn);
		if (UNLIKELY(parse_is_ike(view)))
			view->kind = VIEW_IKE;
		return SPINAT_REASON_NONE;
	}
	if (protocol == IPPROTO_TCP && view->l4_length >= TCP_HEADER_MIN) {
		key_set_ports(&view->key, view->l4, turn);
		return SPINAT_REASON_NONE;
	}
	return parse_other(view);
}

/** The rest, once the length of the IP header is known: in line, so that it is
 * a constant for most. */
static inline __attribute__((always_inline)) enum spinat_reason
parse_after_header(
    struct view *view, const struct spinat_packet *packet, unsigned header)
{
	uint8_t *ip = packet->data;
	const unsigned turn = packet->side != SPINAT_INSIDE;
	const unsigned total = be16_to_host(load_be16(ip + IP4_TOTAL_LENGTH));
	const unsigned protocol = ip[IP4_PROTOCOL];

	/* Under the header, or past the data. */
	if (UNLIKELY(total - header > packet->length - header))
		return parse_ip_reason(view);

	view->ip = ip;
	view->l4 = ip + header;
	view->ip_length = (uint16_t)total;
	view->l4_length = (uint16_t)(total - header);
	view_set_plain(view, protocol, turn);
	key_set_addresses(&view->key, ip + IP4_SOURCE, turn);

	if (UNLIKELY(
		(load_be16(ip + IP4_FRAGMENT).raw &
		    htobe16(IP4_MORE_FRAGMENTS | IP4_FRAGMENT_OFFSET)) != 0))
		return parse_fragment(view);
	return parse_transport(view, protocol, turn);
}

/** Fills the view of a packet; otherwise why it is malformed (view->ip is NULL
 * then if not even the IP header could be read). */
static inline enum spinat_reason parse_packet(
    struct view *view, struct spinat_packet *packet)
{
	view->packet = packet;
	if (UNLIKELY(packet->length < IP4_HEADER_MIN))
		return parse_ip_reason(view);
	if (UNLIKELY(packet->data[0] != IP4_PLAIN))
		return parse_options(view);
	return parse_after_header(view, packet, IP4_HEADER_MIN);
}

/** The packet that an ICMP error quotes: at least its IP header and 8 bytes. */
struct quote {
	uint8_t *ip, *l4;
	uint16_t l4_length; /* bytes of it that are there: 8 or more */
	uint8_t protocol;
	be32 source, destination;
};

/** Parses what an ICMP error (RFC 792) quotes; false: too short or no IPv4. */
bool parse_quote(const struct view *view, struct quote *quote);

/** Whether an ICMP type quotes a packet. */
bool icmp_is_error(uint8_t type);
/** Whether it is a query or its answer, with an identifier. */
bool icmp_is_query(uint8_t type);

#endif
