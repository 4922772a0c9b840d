/* SPDX-License-Identifier: BSD-2-Clause */
#include "host.h"

#include "world.h"

uint32_t end_address_of_peer(const struct end *end)
{
	if (end->host->side == SPINAT_INSIDE)
		return end->peer->host->address;
	return end->peer_at != 0 ? end->peer_at : PUBLIC;
}

struct end *host_end_to(struct host *host, uint32_t remote_address)
{
	struct world *world = host->world;

	for (unsigned t = 0; t < world->tunnel_count; t++) {
		struct end *end = &world->tunnels[t].end[host->side];

		if (end->host == host &&
		    end_address_of_peer(end) == remote_address)
			return end;
	}
	return NULL;
}

void host_stranger(struct host *host, const struct packet *packet)
{
	struct world *world = host->world;

	host->strangers++;
	/* An SPI that it offered, but was not yet answered: it keeps quiet. */
	if (packet_protocol(packet) == PROTO_ESP &&
	    !oracle_is_anothers(
		world, packet, host_end_to(host, packet_source(packet))) &&
	    oracle_is_alive(world, packet))
		return;
	switch (host->manners) {
	case MANNERS_SILENT:
	case MANNERS_COUNT:
		break;
	case MANNERS_NOTIFY:
		ike_notify(host, packet);
		break;
	case MANNERS_UNREACHABLE:
		if (packet_protocol(packet) == PROTO_ESP) {
			struct packet *answer = packet_take(world);

			packet_icmp_error(answer, host->address,
			    packet_source(packet), 3, 2, packet, 28);
			answer->provoked = host->side == SPINAT_INSIDE &&
			    oracle_is_anothers(world, packet,
				host_end_to(host, packet_source(packet)));
			net_send(world, host, answer);
		}
		break;
	}
}

void host_receive(struct host *host, struct packet *packet)
{
	host->received++;
	if (host->down)
		return;
	if (packet_protocol(packet) == PROTO_ESP)
		esp_receive(host, packet);
	else if (packet_is_ike(packet))
		ike_receive(host, packet);
}

static void forget(struct end *end)
{
	struct host *host = end->host;

	for (struct child *child = host->children, *next; child != NULL;
	     child = next) {
		next = child->next;
		if (child->end == end)
			esp_remove(child);
	}
	for (struct ike *ike = host->ikes, *next; ike != NULL; ike = next) {
		next = ike->next;
		if (ike->end == end)
			ike_end(ike);
	}
	end->opening = false;
	end->generation++;
}

void host_serve(struct end *end)
{
	struct host *host = end->host;
	struct world *world = host->world;

	if (host->service == SERVE_ALL)
		return;
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		struct end *other = &world->tunnels[t].end[host->side];

		if (other->host != host || other == end ||
		    other->peer_at != end->peer_at)
			continue;
		if (host->service == SERVE_ONE_TELL && other->ike != NULL)
			ike_delete(other->ike);
		forget(other);
	}
}

static void start_again(struct world *world, void *subject, uint64_t generation)
{
	struct end *end = subject;

	(void)world;
	if (!end->host->down && end->generation == generation)
		ike_start(end);
}

void end_reset(struct end *end, spinat_time wait)
{
	forget(end);
	if (end->habits.starts)
		world_after(
		    end->host->world, wait, start_again, end, end->generation);
}

static void host_up(struct world *world, void *subject, uint64_t unused)
{
	struct host *host = subject;

	(void)unused;
	world_say(world, "%s %u is back",
	    host->side == SPINAT_INSIDE ? "client" : "gateway", host->number);
	host->down = false;
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		struct end *end = &world->tunnels[t].end[host->side];

		if (end->host == host && end->habits.starts)
			ike_start(end);
	}
}

void host_reboot(struct host *host, spinat_time off)
{
	struct world *world = host->world;

	world_say(world, "%s %u reboots",
	    host->side == SPINAT_INSIDE ? "client" : "gateway", host->number);
	host->down = true;
	for (unsigned t = 0; t < world->tunnel_count; t++)
		if (world->tunnels[t].end[host->side].host == host)
			forget(&world->tunnels[t].end[host->side]);
	world_after(world, off, host_up, host, 0);
}
