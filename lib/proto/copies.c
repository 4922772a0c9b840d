/* SPDX-License-Identifier: BSD-2-Clause */
#include "proto/copies.h"

#include "event.h"
#include "packet/rewrite.h"

void copies_spare_gateway(struct copies *copies, be32 gateway, be32 to)
{
	for (unsigned i = 0; i < copies->count; i++)
		if (be32_equal(copies->hosts[i], gateway)) {
			copies->hosts[i] = to;
			copies->instead = gateway;
		}
}

void copies_send_fragment(struct spinat *engine, uint8_t *ip, size_t length,
    const struct copies *copies)
{
	const be32 source = load_be32(ip + IP4_SOURCE);
	const be32 destination = load_be32(ip + IP4_DESTINATION);

	for (unsigned i = 0; i < copies->count; i++) {
		rewrite_addresses(ip, source, copies->hosts[i]);
		engine_emit(engine, SPINAT_INSIDE, ip, length);
	}
	rewrite_addresses(ip, source, destination);
}

/* What the engine sends of its own has a whole checksum, or none: an unfinished
 * one is left out (RFC 768). */
static be16 leave_out_unfinished(const struct view *view)
{
	uint8_t *at = view->l4 + UDP_CHECKSUM;
	const be16 sum = load_be16(at);

	if ((view->packet->flags & SPINAT_PACKET_CSUM_PARTIAL) != 0)
		store_be16(at, (be16){0});
	return sum;
}

void copies_send(
    struct spinat *engine, const struct view *view, const struct copies *copies)
{
	const be32 destination = load_be32(view->ip + IP4_DESTINATION);
	const be16 port = load_be16(view->l4 + L4_DESTINATION_PORT);
	be16 sum;

	if (copies->count == 0)
		return;
	if (view->protocol != IPPROTO_UDP) {
		copies_send_fragment(engine, view->ip, view->ip_length, copies);
		return;
	}
	sum = leave_out_unfinished(view);
	for (unsigned i = 0; i < copies->count; i++) {
		rewrite_udp_destination(view, copies->hosts[i], port);
		engine_emit(engine, SPINAT_INSIDE, view->ip, view->ip_length);
	}
	rewrite_udp_destination(view, destination, port);
	store_be16(view->l4 + UDP_CHECKSUM, sum);
}
