/* SPDX-License-Identifier: BSD-2-Clause */
#include "net.h"

#include "world.h"

/* A packet on a host's link, either way: in order unless it is one of those
 * that come late.  False: lost. */
static bool link_delay(struct world *world, struct host *host, int way,
    const struct packet *packet, spinat_time *at)
{
	struct net *net = &world->net;
	bool late = false;

	*at = world->now + host->latency;
	if (host->side == SPINAT_OUTSIDE) {
		const enum spinat_side from =
		    way == 0 ? SPINAT_OUTSIDE : SPINAT_INSIDE;

		if ((net->lose != NULL && net->lose(world, packet, from)) ||
		    rng_chance(&world->rng, net->loss)) {
			net->lost++;
			return false;
		}
		if (host->jitter > 0)
			*at += rng_between(&world->rng, 0, host->jitter);
		late = rng_chance(&world->rng, net->reorder);
		if (late)
			*at += rng_between(&world->rng, 0, 20 * MSEC);
	}
	if (!late) {
		if (*at < host->last_arrival[way])
			*at = host->last_arrival[way];
		host->last_arrival[way] = *at;
	}
	return true;
}

static void at_nat_inside(struct world *world, void *packet, uint64_t unused)
{
	(void)unused;
	nat_receive(world, SPINAT_INSIDE, packet);
}

static void at_nat_outside(struct world *world, void *packet, uint64_t unused)
{
	(void)unused;
	nat_receive(world, SPINAT_OUTSIDE, packet);
}

static void at_host(struct world *world, void *packet, uint64_t number)
{
	struct host *host = number < MAX_CLIENTS
	    ? &world->clients[number]
	    : &world->gateways[number - MAX_CLIENTS];

	host_receive(host, packet);
	packet_put(world, packet);
}

void net_send(struct world *world, struct host *from, struct packet *packet)
{
	spinat_time at;

	if (!link_delay(world, from, 0, packet, &at)) {
		packet_put(world, packet);
		return;
	}
	world_at(world, at,
	    from->side == SPINAT_INSIDE ? at_nat_inside : at_nat_outside,
	    packet, 0);
}

void net_forward(
    struct world *world, enum spinat_side to, struct packet *packet)
{
	const uint32_t address = packet_destination(packet);
	struct host *host = NULL;
	spinat_time at;

	if (to == SPINAT_INSIDE)
		host = world_client(world, address);
	else if (address - GATEWAY_ADDRESS < world->gateway_count)
		host = &world->gateways[address - GATEWAY_ADDRESS];
	if (host == NULL || !link_delay(world, host, 1, packet, &at)) {
		packet_put(world, packet);
		return;
	}
	world_at(world, at, at_host, packet,
	    to == SPINAT_INSIDE ? host->number : host->number + MAX_CLIENTS);
}
