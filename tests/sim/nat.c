/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "control.h"
#include "world.h"

static void say_packet(struct world *world, const char *what,
    const struct packet *packet, const char *end)
{
	const uint32_t from = packet_source(packet),
		       to = packet_destination(packet);
	char text[96] = "";

	if (!world->verbose)
		return;
	if (packet_protocol(packet) == PROTO_ESP) {
		struct esp_content content;
		uint32_t spi, sequence;

		packet_read_esp(packet, &spi, &sequence, &content);
		snprintf(text, sizeof text, "esp %08x seq %u", spi, sequence);
	} else if (packet_is_ike(packet)) {
		struct ike_header header;
		struct ike_content content;

		packet_read_ike(packet, &header, &content);
		snprintf(text, sizeof text, "ike v%u %08x:%08x x%u id %u%s%s",
		    header.version, (unsigned)(header.initiator >> 32),
		    (unsigned)(header.responder >> 32), header.exchange,
		    header.id, ike_is_protected(&header) ? " sk" : "",
		    header.version == 2 && (header.flags & IKE2_RESPONSE) != 0
			? " response"
			: "");
	} else {
		snprintf(text, sizeof text, "icmp");
	}
	world_say(world, "%s %u.%u > %u.%u %s %u bytes%s%s", what, from >> 24,
	    from & 255, to >> 24, to & 255, text, packet->length,
	    packet->provoked ? " (provoked)" : "", end);
}

/* 500 to 500; outward from another public port, if that may be. */
static bool ports_are_right(
    struct world *world, enum spinat_side to, const struct packet *packet)
{
	const struct spinat_config *config = &world->nat.config;
	const uint16_t from = packet_source_port(packet);

	return packet_destination_port(packet) == IKE_PORT &&
	    (from == IKE_PORT ||
		(to == SPINAT_OUTSIDE && from >= config->port_low &&
		    from <= config->port_high &&
		    config->ike_ports != SPINAT_IKE_PORTS_PRESERVE));
}

static bool is_public(const struct world *world, uint32_t address)
{
	return address - PUBLIC < world->nat.config.public_count;
}

/* What must hold for all that leaves by a side. */
static void check_left(
    struct world *world, enum spinat_side to, const struct packet *packet)
{
	const uint32_t from = packet_source(packet);
	const uint32_t destination = packet_destination(packet);

	if (!packet_is_sound(packet->data, packet->length)) {
		world->oracle.totals.unsound++;
		world_fail(world, "a checksum or length is wrong");
	}
	if (to == SPINAT_OUTSIDE &&
	    (!is_public(world, from) ||
		destination >> 16 == CLIENT_ADDRESS >> 16)) {
		world->oracle.totals.unsound++;
		world_fail(world, "an inside address leaves: %08x", from);
	}
	if (to == SPINAT_OUTSIDE && packet_protocol(packet) == PROTO_ICMP &&
	    !is_public(world, get32(packet->data + IP_HEADER + 8 + 16))) {
		world->oracle.totals.unsound++;
		world_fail(world, "an inside address leaves in a quote");
	}
	if (packet_is_ike(packet) && !ports_are_right(world, to, packet)) {
		world->oracle.totals.unsound++;
		world_fail(world, "IKE from port %u to port %u",
		    packet_source_port(packet),
		    packet_destination_port(packet));
	}
	if (to == SPINAT_INSIDE && destination >> 16 != CLIENT_ADDRESS >> 16) {
		world->oracle.totals.unsound++;
		world_fail(
		    world, "inward to no inside host: %08x", destination);
	}
}

static void on_emit(
    void *context, enum spinat_side to, const uint8_t *data, size_t length)
{
	struct world *world = context;
	struct packet *packet = packet_take(world);

	if (length > PACKET_ROOM)
		abort();
	memcpy(packet->data, data, length);
	packet->length = (uint32_t)length;
	packet->provoked = false;
	say_packet(world, to == SPINAT_INSIDE ? "  copy to" : "  emitted out",
	    packet, "");
	check_left(world, to, packet);
	if (to == SPINAT_INSIDE)
		oracle_to_inside(world, packet);
	net_forward(world, to, packet);
}

/* It must never be said of a gateway that serves all. */
static void on_rivals(struct world *world, const struct spinat_event *event)
{
	const uint32_t number =
	    host32(event->about.peer.remote) - GATEWAY_ADDRESS;

	if (event->kind == SPINAT_EVENT_MOVED) {
		world->nat.moved++;
		return;
	}
	world->nat.said++;
	if (world->gateways[number].service != SERVE_ALL)
		return;
	world->oracle.totals.slander++;
	world_fail(
	    world, "gateway %u is said to serve one peer per address", number);
}

static void on_event(void *context, const struct spinat_event *event)
{
	struct world *world = context;

	if (event->subject == SPINAT_ABOUT_PEER)
		on_rivals(world, event);
	if (!world->verbose || event->subject == SPINAT_ABOUT_PACKET)
		return;
	if (event->subject == SPINAT_ABOUT_PEER)
		world_say(world, "  event %s for .%u (by .%u): %s",
		    spinat_event_name((enum spinat_event_kind)event->kind),
		    host32(event->about.peer.inside) & 255,
		    host32(event->by) & 255, event->why);
	else if (event->subject == SPINAT_ABOUT_FLOW)
		world_say(world, "  event %s %08x for .%u, %s: %s",
		    spinat_event_name((enum spinat_event_kind)event->kind),
		    host32(event->about.flow.spi),
		    host32(event->about.flow.inside.address) & 255,
		    event->about.flow.state,
		    event->why != NULL ? event->why
				       : spinat_reason_text((
					     enum spinat_reason)event->reason));
	else
		world_say(world, "  event %s ike for .%u: %s",
		    spinat_event_name((enum spinat_event_kind)event->kind),
		    host32(event->about.ike.inside) & 255,
		    event->why != NULL ? event->why
				       : spinat_reason_text((
					     enum spinat_reason)event->reason));
}

static void on_timer(struct world *world, void *unused, uint64_t at)
{
	struct nat *nat = &world->nat;

	(void)unused;
	if (nat->timers != (spinat_time)at)
		return; /* a later call found out more */
	nat->timers = SPINAT_NEVER;
	nat->timers = spinat_run_timers(nat->engine, world->now);
	if (nat->timers != SPINAT_NEVER)
		world_at(
		    world, nat->timers, on_timer, NULL, (uint64_t)nat->timers);
}

static void run_timers(struct world *world)
{
	struct nat *nat = &world->nat;
	const spinat_time next = spinat_run_timers(nat->engine, world->now);

	if (next == nat->timers)
		return;
	nat->timers = next;
	if (next != SPINAT_NEVER)
		world_at(world, next, on_timer, NULL, (uint64_t)next);
}

static void create(struct world *world)
{
	struct nat *nat = &world->nat;

	nat->memory_size = spinat_memory_size(&nat->config);
	/* Zeroed, and what the engine does not touch costs nothing. */
	nat->memory = mmap(NULL, nat->memory_size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (nat->memory == MAP_FAILED ||
	    spinat_create(&nat->engine, &nat->config, nat->memory,
		nat->memory_size, world->now) != 0)
		abort();
	nat->timers = SPINAT_NEVER;
}

void nat_open(struct world *world)
{
	struct spinat_config *config = &world->nat.config;

	spinat_config_init(config);
	config->public_addresses[0] = wire32(PUBLIC);
	config->public_count = 1;
	for (size_t i = 0; i < sizeof config->seed; i++)
		config->seed[i] = (uint8_t)rng_next(&world->rng);
	config->ops.emit = on_emit;
	config->ops.event = on_event;
	config->ops.context = world;
	config->events = 1u << SPINAT_EVENT_BOUND |
	    1u << SPINAT_EVENT_ONE_PEER | 1u << SPINAT_EVENT_MOVED;
	if (world->verbose)
		config->events = (1u << SPINAT_EVENT_KINDS) - 1;
	create(world);
}

void nat_set_ike_ports(struct world *world, enum spinat_ike_ports policy)
{
	nat_close(world);
	world->nat.config.ike_ports = policy;
	create(world);
}

void nat_close(struct world *world)
{
	munmap(world->nat.memory, world->nat.memory_size);
}

void nat_pool(struct world *world, unsigned addresses)
{
	struct spinat_config *config = &world->nat.config;

	for (unsigned i = 0; i < addresses; i++)
		config->public_addresses[i] = wire32(PUBLIC + i);
	config->public_count = addresses;
	nat_close(world);
	create(world);
}

void nat_restart(struct world *world)
{
	world_say(world, "the NAT restarts and knows nothing");
	nat_close(world);
	create(world);
	oracle_forget_crossed(world);
}

/* What is passed goes on as it is: the gateway's own, either way. */
static bool is_own(const struct world *world, enum spinat_side side,
    const struct packet *packet)
{
	return world->own &&
	    (side == SPINAT_INSIDE ? packet_source(packet)
				   : packet_destination(packet)) == PUBLIC;
}

void nat_receive(
    struct world *world, enum spinat_side side, struct packet *packet)
{
	struct nat *nat = &world->nat;
	struct spinat_packet way = {
	    .data = packet->data,
	    .length = packet->length,
	    .side = (uint8_t)side,
	};
	const struct packet sent = *packet;
	const char *sign = side == SPINAT_INSIDE ? "out" : " in";
	const bool own = is_own(world, side, packet);
	bool goes_on;

	if (side == SPINAT_INSIDE && own)
		way.flags = SPINAT_PACKET_OWN;
	say_packet(world, sign, packet, "");
	oracle_before(world, side, packet);
	if (world->kind != NAT_ENGINE)
		control_translate(world, packet, &way);
	else
		spinat_translate(nat->engine, world->now, &way, 1);
	if (way.verdict == SPINAT_TRANSLATED) {
		if (packet_fingerprint(packet->data, packet->length) !=
		    packet_fingerprint(sent.data, sent.length)) {
			world->oracle.totals.unsound++;
			world_fail(world, "more than addresses was changed");
		}
		check_left(world, (enum spinat_side)way.to, packet);
		say_packet(world, "  translated", packet, "");
	} else {
		world_say(world, "  %s: %s",
		    spinat_verdict_name((enum spinat_verdict)way.verdict),
		    spinat_reason_name((enum spinat_reason)way.reason));
	}
	if (way.verdict == SPINAT_PASSED && own) {
		way.to = side == SPINAT_INSIDE ? SPINAT_OUTSIDE : SPINAT_INSIDE;
		if (memcmp(packet->data, sent.data, sent.length) != 0)
			world_fail(world, "what is passed was changed");
	}
	goes_on = way.verdict == SPINAT_TRANSLATED ||
	    (way.verdict == SPINAT_PASSED && own);
	if (goes_on && way.to == SPINAT_INSIDE)
		oracle_to_inside(world, packet);
	oracle_after(world, side, packet, &way);
	run_timers(world);
	oracle_poll(world, false);
	if (goes_on)
		net_forward(world, (enum spinat_side)way.to, packet);
	else
		packet_put(world, packet);
}
