/* SPDX-License-Identifier: BSD-2-Clause */
/* Tunnels that come up, alone and together. */
#include "scenario.h"

/* All start `within`, ping both ways every second, and lose none. */
static void ping_all(
    struct world *world, uint32_t pings, spinat_time within, spinat_time span)
{
	add_pings(world, SEC, pings);
	start_all(world, within);
	world_run(world, span);
	want_all_well(world, pings);
}

static void one_client(struct world *world)
{
	make_clients(world, 1);
	ping_all(world, 20, SEC, 60 * SEC);
}

static void one_client_lossy(struct world *world)
{
	make_clients(world, 1);
	world->net.loss = 0.1;
	world->net.reorder = 0.02;
	add_pings(world, SEC, 60);
	start_all(world, SEC);
	world_run(world, 120 * SEC);
	want_all_well(world, 30);
}

static void gateways_of_their_own(struct world *world)
{
	for (unsigned i = 0; i < 5; i++)
		world_add_tunnel(world, world_add_client(world),
		    world_add_gateway(world), (uint8_t)(1 + i % 2));
	ping_all(world, 20, SEC, 60 * SEC);
}

static void one_client_many_gateways(struct world *world)
{
	struct host *client = world_add_client(world);

	for (unsigned i = 0; i < 5; i++)
		world_add_tunnel(world, client, world_add_gateway(world),
		    (uint8_t)(1 + i % 2));
	ping_all(world, 20, SEC, 60 * SEC);
}

static void start_together(
    struct world *world, unsigned clients, spinat_time within)
{
	make_clients(world, clients);
	ping_all(world, 60, within, 120 * SEC);
}

static void start_2(struct world *world)
{
	start_together(world, 2, MSEC);
}

static void start_5(struct world *world)
{
	start_together(world, 5, 20 * MSEC);
}

static void start_8(struct world *world)
{
	start_together(world, 8, 20 * MSEC);
}

/* More than can be given copies at a time: what is lost is measured, not
 * judged, but in the end all is well. */
static void crowd(struct world *world, unsigned clients)
{
	struct totals before;

	make_clients(world, clients);
	add_pings(world, SEC, 180);
	start_all(world, SEC);
	world_run(world, 120 * SEC);
	want_all_up(world);
	want_no_leak(world);
	before = oracle_totals(world);
	world_run(world, 60 * SEC);
	want_all_reached_since(world, &before);
}

static void start_16(struct world *world)
{
	crowd(world, 16);
}

static void start_32(struct world *world)
{
	crowd(world, 32);
}

static void start_50(struct world *world)
{
	crowd(world, 50);
}

/* Ten thousand packets an SA: hardly any may have been copied. */
static void transfers(struct world *world)
{
	make_clients(world, 8);
	for (unsigned t = 0; t < world->tunnel_count; t++)
		traffic_add(&world->tunnels[t], APP_BULK, SPINAT_OUTSIDE,
		    rng_between(&world->rng, MSEC, 2 * SEC), 0, 0, 10000);
	start_all(world, SEC);
	world_run(world, 400 * SEC);
	want_all_up(world);
	want_all_reached(world);
	WANT(world, deliveries_per_packet(world) < 1.01,
	    "%.4f deliveries per packet", deliveries_per_packet(world));
}

static void one_after_another(struct world *world)
{
	make_clients(world, 8);
	ping_all(world, 60, 300 * SEC, 400 * SEC);
}

static void in_turn_8(struct world *world)
{
	work_in_turn(world, 8);
	want_all_up(world);
	want_all_reached(world);
	WANT(world, deliveries_per_packet(world) < 1.01,
	    "%.4f deliveries per packet", deliveries_per_packet(world));
}

const struct scenario setup_scenarios[] = {
    {"one-client", "one client, pings both ways", one_client, 0},
    {"one-client-lossy", "one client, a bad network", one_client_lossy, 0},
    {"gateways-of-their-own", "five clients, each with another gateway",
	gateways_of_their_own, 0},
    {"one-client-many-gateways", "one client of five gateways",
	one_client_many_gateways, 0},
    {"start-2", "two clients of one gateway start within a millisecond",
	start_2, 0},
    {"start-5", "five clients of one gateway start together", start_5, 0},
    {"start-8", "eight clients of one gateway start together", start_8, 0},
    {"start-16", "sixteen within a second; two minutes later all is well",
	start_16, 0},
    {"start-32", "the same with thirty-two", start_32, 4},
    {"start-50", "the same with fifty", start_50, 4},
    {"transfers-8", "eight transfers, 10,000 packets each", transfers, 2},
    {"in-turn-8", "the same, begun and rekeyed one after another", in_turn_8,
	2},
    {"one-after-another", "eight clients start within five minutes",
	one_after_another, 0},
    {NULL, NULL, NULL, 0},
};
