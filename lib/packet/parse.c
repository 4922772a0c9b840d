/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/parse.h"

bool icmp_is_error(uint8_t type)
{
	return type == ICMP_UNREACHABLE || type == ICMP_SOURCE_QUENCH ||
	    type == ICMP_REDIRECT || type == ICMP_TIME_EXCEEDED ||
	    type == ICMP_PARAMETER;
}

bool icmp_is_query(uint8_t type)
{
	return type == ICMP_ECHO || type == ICMP_ECHO_REPLY ||
	    (type >= ICMP_TIMESTAMP && type <= ICMP_ADDRESS_MASK_REPLY);
}

enum spinat_reason parse_ip_reason(struct view *view)
{
	const struct spinat_packet *packet = view->packet;
	unsigned header;

	view->ip = NULL;
	if (packet->length < IP4_HEADER_MIN)
		return SPINAT_REASON_TOO_SHORT;
	header = (packet->data[0] & 0x0fu) * 4;
	if (packet->data[0] >> 4 != 4)
		return SPINAT_REASON_NOT_IPV4;
	if (header < IP4_HEADER_MIN || header > packet->length)
		return SPINAT_REASON_BAD_HEADER_LENGTH;
	return SPINAT_REASON_BAD_TOTAL_LENGTH;
}

enum spinat_reason parse_options(struct view *view)
{
	const struct spinat_packet *packet = view->packet;
	const unsigned header = (packet->data[0] & 0x0fu) * 4;

	if (packet->data[0] >> 4 != 4 || header < IP4_HEADER_MIN ||
	    header > packet->length)
		return parse_ip_reason(view);
	return parse_after_header(view, packet, header);
}

/* How much of the transport header translating needs to see. */
static unsigned transport_need(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return TCP_HEADER_MIN;
	case IPPROTO_UDP:
		return UDP_HEADER;
	case IPPROTO_ICMP:
		return ICMP_HEADER;
	case IPPROTO_ESP:
		return ESP_HEADER;
	case IPPROTO_UDPLITE:
	case IPPROTO_DCCP:
		return LITE_HEADER;
	default:
		return 0;
	}
}

static enum spinat_reason parse_icmp(struct view *view)
{
	const uint8_t type = view->l4[ICMP_TYPE];

	if (icmp_is_error(type))
		view->kind = VIEW_ICMP_ERROR;
	else if (icmp_is_query(type))
		view->key.ids.port.local = load_be16(view->l4 + ICMP_ID);
	else
		return SPINAT_REASON_ICMP_REFUSED;
	return SPINAT_REASON_NONE;
}

static enum spinat_reason parse_esp(struct view *view)
{
	view->kind = VIEW_ESP;
	view->key.ids.spi = load_be32(view->l4 + ESP_SPI);
	if (view->side == SPINAT_OUTSIDE)
		key_set_head(&view->key, IPPROTO_ESP, KEY_OUTSIDE_SPI_IN);
	return be32_to_host(view->key.ids.spi) <= ESP_SPI_RESERVED
	    ? SPINAT_REASON_BAD_SPI
	    : SPINAT_REASON_NONE;
}

enum spinat_reason parse_fragment(struct view *view)
{
	const uint16_t fragment =
	    be16_to_host(load_be16(view->ip + IP4_FRAGMENT));

	view->first_fragment = (fragment & IP4_FRAGMENT_OFFSET) == 0;
	if (view->first_fragment)
		return parse_transport(
		    view, view->protocol, view->side != SPINAT_INSIDE);
	/* One that begins inside the TCP header rewrites what the first one
	 * said (RFC 3128). */
	if (view->protocol == IPPROTO_TCP &&
	    (fragment & IP4_FRAGMENT_OFFSET) == 1)
		return SPINAT_REASON_FRAGMENT_OVERLAP;
	view->kind = VIEW_LATER_FRAGMENT;
	view->key.ids.raw = 0;
	return SPINAT_REASON_NONE;
}

enum spinat_reason parse_other(struct view *view)
{
	view->key.ids.raw = 0;
	if (view->l4_length < transport_need(view->protocol))
		return view->first_fragment ? SPINAT_REASON_FRAGMENT_TINY
					    : SPINAT_REASON_BAD_TRANSPORT;
	switch (view->protocol) {
	case IPPROTO_ICMP:
		return parse_icmp(view);
	case IPPROTO_ESP:
		return parse_esp(view);
	case IPPROTO_AH:
		view->kind = VIEW_AH;
		break;
	default:
		break;
	}
	return SPINAT_REASON_NONE;
}

bool parse_quote(const struct view *view, struct quote *quote)
{
	uint8_t *ip = view->l4 + ICMP_QUOTE;
	const unsigned room = view->l4_length - (unsigned)ICMP_QUOTE;
	unsigned header;

	if (room < IP4_HEADER_MIN || ip[0] >> 4 != 4)
		return false;
	header = (ip[0] & 0x0fu) * 4;
	if (header < IP4_HEADER_MIN || header + 8 > room)
		return false;
	/* What quotes a later fragment holds no ports. */
	if ((be16_to_host(load_be16(ip + IP4_FRAGMENT)) &
		IP4_FRAGMENT_OFFSET) != 0)
		return false;
	quote->ip = ip;
	quote->l4 = ip + header;
	quote->l4_length = (uint16_t)(room - header);
	quote->protocol = ip[IP4_PROTOCOL];
	quote->source = load_be32(ip + IP4_SOURCE);
	quote->destination = load_be32(ip + IP4_DESTINATION);
	return true;
}
