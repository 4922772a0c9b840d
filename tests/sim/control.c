/* SPDX-License-Identifier: BSD-2-Clause */
#include "control.h"

#include "world.h"

/* Who receives it; 0: nobody. */
static uint32_t owner_of(struct world *world, const struct packet *packet)
{
	if (packet_protocol(packet) == PROTO_ESP) {
		struct esp_content content;
		uint32_t spi, sequence;
		const struct sa_record *record;

		packet_read_esp(packet, &spi, &sequence, &content);
		record = oracle_sa(world, content.key);
		return record == NULL ? 0 : record->owner->host->address;
	}
	if (packet_is_ike(packet)) {
		struct ike_header header;
		struct ike_content content;
		const struct end *end;

		packet_read_ike(packet, &header, &content);
		end = oracle_ike_owner(world, content.key);
		if (end == NULL && header.responder == 0)
			end = &world->tunnels[content.identity]
				   .end[SPINAT_INSIDE];
		return end == NULL ? 0 : end->host->address;
	}
	return 0;
}

/* A gateway that keeps one peer for an address and port sees a port of each
 * client's own. */
static void set_port(struct world *world, struct packet *packet)
{
	const uint32_t number = packet_destination(packet) - GATEWAY_ADDRESS;

	if (world->nat.config.ike_ports != SPINAT_IKE_PORTS_PRESERVE &&
	    packet_is_ike(packet) && number < world->gateway_count &&
	    world->gateways[number].ports == PORTS_ONE)
		packet_set_port(packet, 0,
		    (uint16_t)(world->nat.config.port_low +
			packet_source(packet) - CLIENT_ADDRESS));
}

static void send_to(struct packet *packet, struct spinat_packet *way,
    enum spinat_side to, uint32_t address)
{
	packet_readdress(packet, to == SPINAT_OUTSIDE ? 12 : 16, address);
	if (to == SPINAT_INSIDE && packet_is_ike(packet))
		packet_set_port(packet, 2, IKE_PORT);
	way->verdict = SPINAT_TRANSLATED;
	way->reason = SPINAT_REASON_NONE;
	way->to = (uint8_t)to;
}

/* The last client gets the packet itself, the others copies before. */
static void broadcast(
    struct world *world, struct packet *packet, struct spinat_packet *way)
{
	const struct spinat_ops *ops = &world->nat.config.ops;
	const unsigned last = world->client_count - 1;

	for (unsigned c = 0; c < last; c++) {
		packet_readdress(packet, 16, world->clients[c].address);
		ops->emit(
		    ops->context, SPINAT_INSIDE, packet->data, packet->length);
	}
	send_to(packet, way, SPINAT_INSIDE, world->clients[last].address);
}

/* Hosts that have the same public address by paired pooling get others. */
static uint32_t public_of(
    const struct world *world, const struct packet *packet)
{
	const unsigned addresses = world->nat.config.public_count;
	const unsigned number = packet_source(packet) - CLIENT_ADDRESS;

	return PUBLIC + number / addresses % addresses;
}

static bool is_initial(const struct packet *packet)
{
	struct ike_header header;
	struct ike_content content;

	if (!packet_is_ike(packet))
		return false;
	packet_read_ike(packet, &header, &content);
	return header.responder == 0;
}

void control_translate(
    struct world *world, struct packet *packet, struct spinat_packet *way)
{
	const bool perfect = world->kind == NAT_PERFECT;
	uint32_t owner;

	way->verdict = SPINAT_DROPPED;
	way->reason = SPINAT_REASON_ESP_UNKNOWN;
	if (way->side == SPINAT_INSIDE) {
		/* (A quote would have to be translated as well.) */
		if (packet_protocol(packet) != PROTO_ICMP &&
		    !(perfect && packet->provoked)) {
			set_port(world, packet);
			send_to(packet, way, SPINAT_OUTSIDE,
			    public_of(world, packet));
		}
		return;
	}
	if (!perfect && !is_initial(packet)) {
		broadcast(world, packet, way);
		return;
	}
	owner = owner_of(world, packet);
	if (owner != 0)
		send_to(packet, way, SPINAT_INSIDE, owner);
}
