/* SPDX-License-Identifier: BSD-2-Clause */
/* Gateways that have views of source ports, and policies for IKE's. */
#include "scenario.h"

static struct host *make_gateway(struct world *world, unsigned clients,
    enum ports ports, enum spinat_ike_ports policy)
{
	struct host *gateway = make_clients(world, clients);

	gateway->ports = ports;
	nat_set_ike_ports(world, policy);
	return gateway;
}

static unsigned on_port_500(struct world *world)
{
	struct spinat_ike_info info;
	uint32_t cursor = 0;
	enum spinat_walk step;
	unsigned count = 0;

	while ((step = spinat_next_ike(world->nat.engine, &cursor, &info)) !=
	    SPINAT_WALK_END)
		count += step == SPINAT_WALK_FOUND &&
		    info.public_port.raw == wire16(IKE_PORT).raw;
	return count;
}

/* Everything that a tunnel does in its life: rekeys from either end, of both
 * kinds, and questions after silence, by cookies that nobody saw before. */
static void live(struct world *world)
{
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		struct tunnel *tunnel = &world->tunnels[t];

		ike_add_child(&tunnel->end[t % 2], true);
		if (tunnel->version == 2)
			ike_rekey(&tunnel->end[(t + 1) % 2]);
		world_run(world, 5 * SEC);
	}
	world_run(world, HOUR);
	for (unsigned t = 0; t < world->tunnel_count; t++)
		ike_probe(&world->tunnels[t].end[SPINAT_OUTSIDE]);
	world_run(world, 30 * SEC);
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		struct tunnel *tunnel = &world->tunnels[t];

		WANT(world, world->now - tunnel->end[1].heard < 40 * SEC,
		    "tunnel %u: the gateway's question was not answered", t);
		add_ping(tunnel, SPINAT_OUTSIDE, SEC, 20);
		traffic_up(&tunnel->end[SPINAT_OUTSIDE]);
		world_run(world, 2 * SEC);
	}
	world_run(world, 60 * SEC);
	want_all_well(world, 20);
}

static void one_peer(struct world *world, enum spinat_ike_ports policy)
{
	make_gateway(world, 4, PORTS_ONE, policy);
	add_pings(world, SEC, 20);
	bring_up(world);
	WANT(world,
	    world->kind != NAT_ENGINE ||
		on_port_500(world) ==
		    (policy == SPINAT_IKE_PORTS_AUTO ? 1u : 0u),
	    "%u IKE SAs have port 500", on_port_500(world));
	live(world);
}

static void one_peer_rewrite(struct world *world)
{
	one_peer(world, SPINAT_IKE_PORTS_REWRITE);
}

static void one_peer_auto(struct world *world)
{
	one_peer(world, SPINAT_IKE_PORTS_AUTO);
}

/* The scenario bites: with port 500 for all, one tunnel comes up. */
static void one_peer_preserve(struct world *world)
{
	unsigned up = 0;

	make_gateway(world, 4, PORTS_ONE, SPINAT_IKE_PORTS_PRESERVE);
	for (unsigned t = 0; t < 4; t++) {
		ike_start(&world->tunnels[t].end[SPINAT_INSIDE]);
		world_run(world, 40 * SEC);
		up += world->tunnels[t].end[SPINAT_INSIDE].child != NULL;
	}
	WANT(world, up == 1, "%u tunnels are up", up);
}

/* What was learnt of the gateway: who comes later is up at once. */
static void one_peer_remembered(struct world *world)
{
	struct tunnel *late;

	make_gateway(world, 2, PORTS_ONE, SPINAT_IKE_PORTS_AUTO);
	bring_up(world);
	world_run(world, 5 * HOUR);
	late = world_add_tunnel(world, world_add_client(world),
	    world->tunnels[0].end[SPINAT_OUTSIDE].host, 2);
	ike_start(&late->end[SPINAT_INSIDE]);
	world_run(world, 3 * SEC);
	want_all_up(world);
	live(world);
}

/* Loses the first requests to begin of the second tunnel. */
static bool lose_first(
    struct world *world, const struct packet *packet, enum spinat_side from)
{
	struct ike_header header;
	struct ike_content content;

	if (world->script[0] == 0 || from != SPINAT_INSIDE ||
	    !packet_is_ike(packet))
		return false;
	packet_read_ike(packet, &header, &content);
	if (header.responder != 0 || content.identity != 1)
		return false;
	world->script[0]--;
	return true;
}

/* A gateway that takes port 500 only does not hear of the second client for as
 * long as makes it try another port: it comes up all the same, on 500. */
static void old_gateway(struct world *world)
{
	make_gateway(world, 3, PORTS_OLD, SPINAT_IKE_PORTS_AUTO);
	add_pings(world, SEC, 60);
	world->net.lose = lose_first;
	world->script[0] = 5;
	ike_start(&world->tunnels[0].end[SPINAT_INSIDE]);
	world_run(world, 10 * SEC);
	ike_start(&world->tunnels[1].end[SPINAT_INSIDE]);
	world_run(world, 200 * SEC);
	ike_start(&world->tunnels[2].end[SPINAT_INSIDE]);
	world_run(world, 5 * SEC);
	want_all_up(world);
	WANT(world, world->script[0] == 0, "the scenario is broken");
	WANT(world, world->kind != NAT_ENGINE || on_port_500(world) >= 3,
	    "%u IKE SAs have port 500", on_port_500(world));
	live(world);
}

/* Gateways that do not care, and a bad network: nobody is worse off. */
static void any_gateway(struct world *world, enum spinat_ike_ports policy)
{
	make_gateway(world, 5, PORTS_ANY, policy);
	world->net.loss = 0.1;
	add_pings(world, SEC, 60);
	start_all(world, 30 * SEC);
	world_run(world, 120 * SEC);
	want_all_well(world, 30);
}

static void any_gateway_rewrite(struct world *world)
{
	any_gateway(world, SPINAT_IKE_PORTS_REWRITE);
}

static void any_gateway_auto(struct world *world)
{
	any_gateway(world, SPINAT_IKE_PORTS_AUTO);
}

/* The gateway lost all, and calls its clients at port 500: as with any other
 * policy they are found in turn, and answer from there. */
static void gateway_calls(struct world *world)
{
	struct host *gateway =
	    make_gateway(world, 3, PORTS_ONE, SPINAT_IKE_PORTS_REWRITE);

	for (unsigned t = 0; t < world->tunnel_count; t++)
		for (int side = 0; side < 2; side++)
			world->tunnels[t].end[side].habits.starts = true;
	add_pings(world, SEC, 30);
	bring_up(world);
	host_reboot(gateway, 5 * SEC);
	world_run(world, 600 * SEC);
	want_all_up(world);
	want_no_leak(world);
}

const struct scenario port_scenarios[] = {
    {"one-peer-a-port", "a gateway with one peer a port: each has its own",
	one_peer_rewrite, 0},
    {"one-peer-a-port-auto", "the same, found out by its silence",
	one_peer_auto, 0},
    {"one-peer-a-port-preserve", "the same on port 500: it serves one",
	one_peer_preserve, 2},
    {"one-peer-a-port-later", "a client that comes later begins with its own",
	one_peer_remembered, 0},
    {"old-gateway-auto", "a gateway that takes port 500 only, and is not heard",
	old_gateway, 0},
    {"any-port-rewrite", "own ports, a gateway that does not care, loss",
	any_gateway_rewrite, 0},
    {"any-port-auto", "the same with auto", any_gateway_auto, 0},
    {"gateway-calls-own-ports", "a gateway that lost all begins at port 500",
	gateway_calls, 0},
    {NULL, NULL, NULL, 0},
};
