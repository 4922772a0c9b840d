/* SPDX-License-Identifier: BSD-2-Clause */
#include "event.h"

#include "info.h"

static bool wanted(const struct spinat *engine, enum spinat_event_kind kind)
{
	return engine->config.ops.event != NULL &&
	    (engine->config.events >> kind & 1) != 0;
}

static void tell(struct spinat *engine, struct spinat_event *event,
    enum spinat_event_kind kind, enum spinat_reason reason, const char *why)
{
	event->kind = (uint8_t)kind;
	event->reason = (uint8_t)reason;
	event->now = engine->now;
	event->why = why;
	engine->config.ops.event(engine->config.ops.context, event);
}

/* What the packet says of itself.  A malformed one says only how long it is. */
static void fill_packet(
    struct spinat_packet_info *info, const struct view *view)
{
	const bool inside = view->packet->side == SPINAT_INSIDE;
	const struct key *key = &view->key;

	info->side = view->packet->side;
	info->length = view->packet->length;
	if (view->ip == NULL)
		return;
	info->protocol = view->protocol;
	info->source.address = view_source(view);
	info->destination.address = view_destination(view);
	if (view->kind == VIEW_ESP) {
		info->spi = key->ids.spi;
	} else if (view->kind == VIEW_SESSION || view->kind == VIEW_IKE) {
		info->source.port =
		    inside ? key->ids.port.local : key->ids.port.remote;
		info->destination.port =
		    inside ? key->ids.port.remote : key->ids.port.local;
	}
}

void event_packet(struct spinat *engine, enum spinat_event_kind kind,
    const struct view *view, enum spinat_reason reason, const char *why)
{
	struct spinat_event event = {.subject = SPINAT_ABOUT_PACKET};

	if (!wanted(engine, kind))
		return;
	fill_packet(&event.about.packet, view);
	tell(engine, &event, kind, reason, why);
}

void event_held(struct spinat *engine, const struct key *datagram,
    uint32_t length, enum spinat_reason reason)
{
	struct spinat_event event = {
	    .subject = SPINAT_ABOUT_PACKET,
	    .about.packet =
		{
		    .side = (uint8_t)datagram->ids.raw,
		    .protocol = datagram->protocol,
		    .source.address = datagram->local,
		    .destination.address = datagram->remote,
		    .length = length,
		},
	};

	if (wanted(engine, SPINAT_EVENT_DROPPED))
		tell(engine, &event, SPINAT_EVENT_DROPPED, reason, NULL);
}

void event_flow(struct spinat *engine, enum spinat_event_kind kind,
    uint32_t flow, enum spinat_reason reason, const char *why)
{
	struct spinat_event event = {.subject = SPINAT_ABOUT_FLOW};

	if (!wanted(engine, kind))
		return;
	info_of_flow(engine, flow, &event.about.flow);
	tell(engine, &event, kind, reason, why);
}

void event_refuted(
    struct spinat *engine, uint32_t flow, be32 inside, const char *why)
{
	struct spinat_event event = {
	    .subject = SPINAT_ABOUT_FLOW, .by = inside};

	if (!wanted(engine, SPINAT_EVENT_REFUTED))
		return;
	info_of_flow(engine, flow, &event.about.flow);
	tell(engine, &event, SPINAT_EVENT_REFUTED, SPINAT_REASON_NONE, why);
}

void event_ike(struct spinat *engine, enum spinat_event_kind kind, uint32_t ike,
    enum spinat_reason reason, const char *why)
{
	struct spinat_event event = {.subject = SPINAT_ABOUT_IKE};

	if (!wanted(engine, kind))
		return;
	info_of_ike(engine, ike, &event.about.ike);
	tell(engine, &event, kind, reason, why);
}

void event_peer(struct spinat *engine, enum spinat_event_kind kind,
    uint32_t peer, be32 by, const char *why)
{
	struct spinat_event event = {.subject = SPINAT_ABOUT_PEER, .by = by};

	if (!wanted(engine, kind))
		return;
	info_of_peer(engine, peer, &event.about.peer);
	tell(engine, &event, kind, SPINAT_REASON_NONE, why);
}

void engine_emit(struct spinat *engine, enum spinat_side to,
    const uint8_t *data, size_t length)
{
	engine->stats.emitted++;
	if (engine->config.ops.emit != NULL)
		engine->config.ops.emit(
		    engine->config.ops.context, to, data, length);
}
