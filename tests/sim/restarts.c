/* SPDX-License-Identifier: BSD-2-Clause */
/* Somebody loses all state: a client, the gateway, the NAT. */
#include "scenario.h"

static void set_dpd(struct world *world, spinat_time dpd)
{
	for (unsigned t = 0; t < world->tunnel_count; t++)
		for (int side = 0; side < 2; side++)
			world->tunnels[t].end[side].habits.dpd = dpd;
}

static void client_reboots(struct world *world, unsigned clients)
{
	make_clients(world, clients);
	set_dpd(world, 20 * SEC);
	add_pings(world, 200 * MSEC, 1500);
	bring_up(world);
	host_reboot(&world->clients[0], 20 * SEC);
	world_run(world, 120 * SEC);
	if (clients > 3) {
		host_reboot(&world->clients[1], 40 * SEC);
		host_reboot(&world->clients[2], 40 * SEC);
	}
	world_run(world, 300 * SEC);
	want_all_up(world);
	want_all_reached(world);
}

static void client_reboots_1(struct world *world)
{
	client_reboots(world, 1);
}

static void client_reboots_5(struct world *world)
{
	client_reboots(world, 5);
}

static void gateway_reboots(
    struct world *world, unsigned clients, enum manners manners)
{
	struct host *gateway = make_clients(world, clients);
	struct totals before;

	gateway->manners = manners;
	set_dpd(world, 20 * SEC);
	add_pings(world, SEC, 1200);
	bring_up(world);
	host_reboot(gateway, 30 * SEC);
	world_run(world, 400 * SEC);
	want_all_up(world);
	before = oracle_totals(world);
	world_run(world, 60 * SEC);
	want_all_reached_since(world, &before);
	want_all_reached(world);
}

static void gateway_reboots_1(struct world *world)
{
	gateway_reboots(world, 1, MANNERS_SILENT);
}

static void gateway_reboots_5(struct world *world)
{
	gateway_reboots(world, 5, MANNERS_SILENT);
}

static void gateway_reboots_notify(struct world *world)
{
	gateway_reboots(world, 5, MANNERS_NOTIFY);
}

/* The gateway, not the clients, sets the tunnels up anew: its initial requests
 * say to nobody in the middle whom they are for. */
static void gateway_calls_back(struct world *world, unsigned clients)
{
	struct host *gateway = make_clients_of(world, clients, 2);
	struct totals before;

	add_pings(world, SEC, 3000);
	bring_up(world);
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		world->tunnels[t].end[SPINAT_INSIDE].habits.starts = false;
		world->tunnels[t].end[SPINAT_OUTSIDE].habits.starts = true;
	}
	host_reboot(gateway, 30 * SEC);
	world_run(world, 1200 * SEC);
	want_all_up(world);
	before = oracle_totals(world);
	world_run(world, 60 * SEC);
	want_all_reached_since(world, &before);
}

static void gateway_calls_back_1(struct world *world)
{
	gateway_calls_back(world, 1);
}

static void gateway_calls_back_2(struct world *world)
{
	gateway_calls_back(world, 2);
}

static void gateway_calls_back_5(struct world *world)
{
	gateway_calls_back(world, 5);
}

/* The engine itself, without its state.  What comes before its client has said
 * anything cannot be placed; a minute later all must be well. */
static void nat_restarts(struct world *world, unsigned clients)
{
	struct totals before;

	make_clients(world, clients);
	set_dpd(world, 20 * SEC);
	add_pings(world, SEC, 600);
	bring_up(world);
	nat_restart(world);
	world_run(world, 60 * SEC);
	before = oracle_totals(world);
	world_run(world, 120 * SEC);
	want_all_up(world);
	want_all_reached_since(world, &before);
}

static void nat_restarts_1(struct world *world)
{
	nat_restarts(world, 1);
}

static void nat_restarts_5(struct world *world)
{
	nat_restarts(world, 5);
}

const struct scenario restart_scenarios[] = {
    {"client-reboot-1", "the only client reboots", client_reboots_1, 0},
    {"client-reboot-5", "one, then two of five clients reboot",
	client_reboots_5, 0},
    {"gateway-reboot-1", "the gateway of one client reboots", gateway_reboots_1,
	0},
    {"gateway-reboot-5", "the gateway of five clients reboots",
	gateway_reboots_5, 0},
    {"gateway-reboot-notify", "the same, and it answers INVALID_IKE_SPI",
	gateway_reboots_notify, 0},
    {"gateway-calls-1", "the gateway reboots and calls its only client",
	gateway_calls_back_1, 0},
    {"gateway-calls-2", "the gateway reboots and calls two clients",
	gateway_calls_back_2, 0},
    {"gateway-calls-5", "the gateway reboots and calls five clients",
	gateway_calls_back_5, 0},
    {"nat-restart-1", "the NAT loses all state, one client", nat_restarts_1, 0},
    {"nat-restart-5", "the NAT loses all state, five clients", nat_restarts_5,
	0},
    {NULL, NULL, NULL, 0},
};
