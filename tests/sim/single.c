/* SPDX-License-Identifier: BSD-2-Clause */
/* Gateways that serve one peer per address, and what only looks like it. */
#include "scenario.h"

#define EVER 1000000u /* pings: more than there is time for */

static void look_often(struct world *world)
{
	for (unsigned t = 0; t < world->tunnel_count; t++)
		world->tunnels[t].end[SPINAT_INSIDE].habits.dpd = 10 * SEC;
}

/* Clients that have the same of so many public addresses by themselves, and
 * notice soon when nothing comes back. */
static void make(struct world *world, unsigned clients, unsigned addresses,
    enum service service)
{
	struct host *gateway = world_add_gateway(world);

	gateway->service = service;
	for (unsigned i = 0; i < clients; i++) {
		struct host *client = world_add_client(world);

		world_add_tunnel(world, client, gateway,
		    (uint8_t)(1 + (world->run + i) % 2));
		for (unsigned a = 1; a < addresses; a++)
			world_add_client(world);
	}
	look_often(world);
	add_pings(world, SEC, EVER);
}

/* The other NATs say nothing. */
static void want_said(struct world *world, unsigned times)
{
	WANT(world, world->kind != NAT_ENGINE || world->nat.said == times,
	    "said %u times and not %u", world->nat.said, times);
}

/* One address: they take each other's place without end, and nothing is done
 * about it. */
static void one_address(
    struct world *world, enum service service, spinat_time span)
{
	make(world, 2, 1, service);
	start_all(world, 30 * SEC);
	world_run(world, span);
	want_said(world, 1);
	WANT(world, world->nat.moved == 0, "moved, with one address");
	want_no_leak(world);
}

/* Once an hour. */
static void silent(struct world *world)
{
	one_address(world, SERVE_ONE, HOUR / 2);
	world_run(world, HOUR);
	want_said(world, 2);
}

static void telling(struct world *world)
{
	one_address(world, SERVE_ONE_TELL, 3 * 60 * SEC);
}

/* As many addresses as clients: after a few turns all are up, and stay. */
static void pool(
    struct world *world, unsigned clients, unsigned idle, enum service service)
{
	struct totals before;
	uint64_t ups[MAX_TUNNELS];

	nat_pool(world, clients);
	make(world, clients, clients, service);
	while (idle-- > 0)
		world->tunnels[idle].app_count = 0;
	start_all(world, 30 * SEC);
	world_run(world, HOUR / 2);
	want_all_up(world);
	before = oracle_totals(world);
	for (unsigned t = 0; t < world->tunnel_count; t++)
		ups[t] = world->tunnels[t].end[SPINAT_INSIDE].ups;
	world_run(world, HOUR / 2);
	want_all_reached_since(world, &before);
	for (unsigned t = 0; t < world->tunnel_count; t++)
		WANT(world, world->tunnels[t].end[SPINAT_INSIDE].ups == ups[t],
		    "tunnel %u still comes up anew", t);
	want_said(world, 1);
	WANT(world,
	    world->kind != NAT_ENGINE || world->nat.moved == clients - 1,
	    "%u hosts were moved", world->nat.moved);
}

static void pool_2(struct world *world)
{
	pool(world, 2, 0, SERVE_ONE);
}

static void pool_2_telling(struct world *world)
{
	pool(world, 2, 0, SERVE_ONE_TELL);
}

static void pool_4(struct world *world)
{
	pool(world, 4, 0, SERVE_ONE);
}

static void pool_idle(struct world *world)
{
	pool(world, 4, 2, SERVE_ONE);
}

/* ------------------------------------------- what only looks like it */

/* Two of them, over and over, each as the other comes back. */
static void reboots_in_turn(struct world *world)
{
	make(world, 2, 1, SERVE_ALL);
	bring_up(world);
	for (unsigned i = 0; i < 20; i++) {
		host_reboot(&world->clients[i % 2], 40 * SEC);
		world_run(world, 40 * SEC);
	}
	world_run(world, 60 * SEC);
	want_all_up(world);
}

/* Both at once, or a moment apart. */
static void reboots_together(struct world *world)
{
	make(world, 3, 1, SERVE_ALL);
	bring_up(world);
	for (unsigned i = 0; i < 20; i++) {
		host_reboot(&world->clients[0],
		    rng_between_log(&world->rng, SEC / 10, 30 * SEC));
		host_reboot(&world->clients[1],
		    rng_between_log(&world->rng, SEC / 10, 30 * SEC));
		world_run(
		    world, rng_between_log(&world->rng, 40 * SEC, 120 * SEC));
	}
}

/* Shifts: who comes begins as who goes is switched off, and is served alone. */
static void shifts(struct world *world)
{
	make(world, 8, 1, SERVE_ALL);
	for (unsigned i = 0; i < 24; i++) {
		struct host *next = &world->clients[i % 8];

		next->down = false;
		ike_start(&world->tunnels[i % 8].end[SPINAT_INSIDE]);
		world_run(world, SEC);
		/* Not to return before its turn. */
		if (i > 0)
			host_reboot(&world->clients[(i - 1) % 8], 10 * HOUR);
		world_run(world, 60 * SEC);
	}
}

/* The gateway forgets all of them, within a moment or for long. */
static void gateway_stumbles(struct world *world)
{
	make(world, 4, 1, SERVE_ALL);
	bring_up(world);
	for (unsigned i = 0; i < 10; i++) {
		host_reboot(&world->gateways[0],
		    rng_between_log(&world->rng, SEC / 10, 30 * SEC));
		world_run(world, 150 * SEC);
	}
}

/* One sends without ever an answer while the others come and go. */
static void one_way(struct world *world)
{
	make(world, 3, 1, SERVE_ALL);
	world->tunnels[0].apps[1].count = 30;
	world->tunnels[0].apps[0].count = 30;
	traffic_add(&world->tunnels[0], APP_STREAM, SPINAT_INSIDE, SEC,
	    100 * MSEC, 600, EVER);
	bring_up(world);
	for (unsigned i = 0; i < 20; i++) {
		host_reboot(&world->clients[1 + i % 2], 5 * SEC);
		world_run(world, 60 * SEC);
	}
}

const struct scenario single_scenarios[] = {
    {"single-silent",
	"a gateway that serves one peer per address forgets the other", silent,
	0},
    {"single-telling", "the same, and it deletes what it ends", telling, 0},
    {"single-pool-2", "two clients of such a one, two addresses: healed",
	pool_2, 0},
    {"single-pool-2-telling", "the same, and it deletes what it ends",
	pool_2_telling, 0},
    {"single-pool-4", "four clients of such a one, four addresses", pool_4, 0},
    {"single-pool-idle", "the same, and two of them are idle", pool_idle, 0},
    {"not-single-in-turn", "two clients reboot, each as the other is back",
	reboots_in_turn, 0},
    {"not-single-together", "clients that reboot at once, and soon again",
	reboots_together, 0},
    {"not-single-shifts", "clients that are switched off as others begin",
	shifts, 0},
    {"not-single-gateway", "the gateway reboots, over and over",
	gateway_stumbles, 0},
    {"not-single-one-way", "a one-way stream while others come and go", one_way,
	0},
    {NULL, NULL, NULL, 0},
};
