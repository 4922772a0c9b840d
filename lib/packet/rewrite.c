/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/rewrite.h"

#include "packet/parse.h"

static uint16_t address_delta(const uint8_t *ip, be32 source, be32 destination)
{
	return csum_fold(csum_change32(load_be32(ip + IP4_SOURCE), source) +
	    csum_change32(load_be32(ip + IP4_DESTINATION), destination));
}

void rewrite_addresses(uint8_t *ip, be32 source, be32 destination)
{
	const uint16_t delta = address_delta(ip, source, destination);

	store_be32(ip + IP4_SOURCE, source);
	store_be32(ip + IP4_DESTINATION, destination);
	store_be16(
	    ip + IP4_CHECKSUM, csum_apply(load_be16(ip + IP4_CHECKSUM), delta));
}

void rewrite_identity(uint8_t *ip, be16 id)
{
	const uint16_t delta =
	    csum_fold(csum_change16(load_be16(ip + IP4_ID), id));

	store_be16(ip + IP4_ID, id);
	store_be16(
	    ip + IP4_CHECKSUM, csum_apply(load_be16(ip + IP4_CHECKSUM), delta));
}

static void rewrite_udp_end(const struct view *view, unsigned address_at,
    be32 address, unsigned port_at, be16 port)
{
	uint8_t *ip = view->ip, *l4 = view->l4;
	const uint64_t addresses =
	    csum_change32(load_be32(ip + address_at), address);
	const uint64_t ports = csum_change16(load_be16(l4 + port_at), port);
	const uint16_t delta = csum_fold(addresses);
	const uint16_t whole = csum_fold(addresses + ports);

	store_be32(ip + address_at, address);
	store_be16(l4 + port_at, port);
	store_be16(
	    ip + IP4_CHECKSUM, csum_apply(load_be16(ip + IP4_CHECKSUM), delta));
	rewrite_udp_checksum(l4, view->packet->flags, whole, delta);
}

void rewrite_udp_source(const struct view *view, be32 address, be16 port)
{
	rewrite_udp_end(view, IP4_SOURCE, address, L4_SOURCE_PORT, port);
}

void rewrite_udp_destination(const struct view *view, be32 address, be16 port)
{
	rewrite_udp_end(
	    view, IP4_DESTINATION, address, L4_DESTINATION_PORT, port);
}

/* Replaces a 16-bit word and adds its change to a running sum. */
static void change16(uint8_t *at, be16 value, uint64_t *change)
{
	*change += csum_change16(load_be16(at), value);
	store_be16(at, value);
}

static void change32(uint8_t *at, be32 value, uint64_t *change)
{
	*change += csum_change32(load_be32(at), value);
	store_be32(at, value);
}

/* Where the quoted transport keeps its checksum; 0: it has none that covers
 * what changes, or the quote is cut before it. */
static unsigned quoted_checksum_at(const struct quote *quote)
{
	unsigned at = 0;

	if (quote->protocol == IPPROTO_UDP)
		at = UDP_CHECKSUM;
	else if (quote->protocol == IPPROTO_TCP)
		at = TCP_CHECKSUM;
	else if (quote->protocol == IPPROTO_ICMP)
		at = ICMP_CHECKSUM;
	return at + 2u <= quote->l4_length ? at : 0;
}

static void change_quoted_transport(const struct quote *quote,
    const struct quote_tuple *to, uint16_t addresses, uint64_t *change)
{
	const unsigned at = quoted_checksum_at(quote);
	uint64_t covered = 0;

	switch (quote->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		covered = addresses;
		change16(quote->l4 + L4_SOURCE_PORT, to->source_port, &covered);
		change16(quote->l4 + L4_DESTINATION_PORT, to->destination_port,
		    &covered);
		*change += covered + (uint16_t)~addresses;
		break;
	case IPPROTO_ICMP:
		change16(quote->l4 + ICMP_ID, to->source_port, &covered);
		*change += covered;
		break;
	default:
		return;
	}
	if (at != 0) {
		const be16 old = load_be16(quote->l4 + at);
		be16 new = csum_apply(old, csum_fold(covered));
		if (quote->protocol == IPPROTO_UDP) {
			if (old.raw == 0)
				return;
			if (new.raw == 0)
				new.raw = 0xffff;
		}
		change16(quote->l4 + at, new, change);
	}
}

void rewrite_quote(const struct view *view, const struct quote *quote,
    const struct quote_tuple *to)
{
	const uint16_t addresses =
	    address_delta(quote->ip, to->source, to->destination);
	uint8_t *checksum = view->l4 + ICMP_CHECKSUM;
	uint64_t change = 0;

	change32(quote->ip + IP4_SOURCE, to->source, &change);
	change32(quote->ip + IP4_DESTINATION, to->destination, &change);
	change16(quote->ip + IP4_CHECKSUM,
	    csum_apply(load_be16(quote->ip + IP4_CHECKSUM), addresses),
	    &change);
	change_quoted_transport(quote, to, addresses, &change);
	store_be16(
	    checksum, csum_apply(load_be16(checksum), csum_fold(change)));
}
