/* SPDX-License-Identifier: BSD-2-Clause */
/* Silence for hours, and who speaks first afterwards. */
#include "scenario.h"

/* Pings now, which is when they are added: the tunnels are up. */
static void ping_now(struct world *world, enum spinat_side from, uint32_t count)
{
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		add_ping(&world->tunnels[t], from, SEC, count);
		traffic_up(&world->tunnels[t].end[from]);
	}
}

static void want_last_pings(struct world *world, uint32_t at_least)
{
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		const struct tunnel *tunnel = &world->tunnels[t];
		const struct app *app = &tunnel->apps[tunnel->app_count - 1];

		WANT(world, app->answered >= at_least,
		    "tunnel %u: %u of %u pings from the %s answered, not %u", t,
		    app->answered, app->sent,
		    app->from == SPINAT_INSIDE ? "client" : "gateway",
		    at_least);
	}
}

/* Ten pings over every tunnel, of which none is lost. */
static void break_silence(struct world *world, enum spinat_side from)
{
	ping_now(world, from, 10);
	world_run(world, 60 * SEC);
	want_all_reached(world);
	want_last_pings(world, 10);
}

static void gateway_wakes(struct world *world, unsigned clients)
{
	make_clients(world, clients);
	add_pings(world, SEC, 10);
	bring_up(world);
	world_run(world, 8 * HOUR);
	break_silence(world, SPINAT_OUTSIDE);
}

static void gateway_wakes_1(struct world *world)
{
	gateway_wakes(world, 1);
}

static void gateway_wakes_5(struct world *world)
{
	gateway_wakes(world, 5);
}

/* SAs that were made and never used: the gateway is the first, hours later. */
static void never_used(struct world *world)
{
	make_clients(world, 5);
	bring_up(world);
	world_run(world, 5 * HOUR);
	break_silence(world, SPINAT_OUTSIDE);
}

/* The gateway rekeys after hours of silence, and uses the new SA at once. */
static void gateway_wakes_with_new_spi(struct world *world)
{
	make_clients(world, 5);
	add_pings(world, SEC, 10);
	for (unsigned t = 0; t < world->tunnel_count; t++)
		world->tunnels[t].end[SPINAT_INSIDE].habits.eager = true;
	bring_up(world);
	world_run(world, 8 * HOUR);
	for (unsigned t = 0; t < world->tunnel_count; t++)
		ike_add_child(&world->tunnels[t].end[SPINAT_OUTSIDE], true);
	world_run(world, SEC);
	break_silence(world, SPINAT_OUTSIDE);
}

static void client_wakes(struct world *world)
{
	make_clients(world, 5);
	add_pings(world, SEC, 10);
	bring_up(world);
	world_run(world, 8 * HOUR);
	for (unsigned t = 0; t < world->tunnel_count; t++)
		ike_add_child(&world->tunnels[t].end[SPINAT_INSIDE], true);
	world_run(world, SEC);
	break_silence(world, SPINAT_INSIDE);
}

/* Two SAs of each pair; the older is used again after hours in which only the
 * newer was. */
static void second_sa(struct world *world, bool used_before)
{
	make_clients(world, 3);
	if (used_before)
		add_pings(world, SEC, 10);
	bring_up(world);
	for (unsigned t = 0; t < world->tunnel_count; t++)
		ike_add_child(&world->tunnels[t].end[SPINAT_INSIDE], false);
	world_run(world, 10 * SEC);
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		struct tunnel *tunnel = &world->tunnels[t];

		esp_use(child_of(&tunnel->end[SPINAT_INSIDE], 0));
		esp_use(child_of(&tunnel->end[SPINAT_OUTSIDE], 0));
		add_ping(tunnel, SPINAT_INSIDE, 60 * SEC, 300);
		traffic_up(&tunnel->end[SPINAT_INSIDE]);
	}
	world_run(world, 5 * HOUR);
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		struct tunnel *tunnel = &world->tunnels[t];

		for (int side = 0; side < 2; side++) {
			struct child *old = child_of(&tunnel->end[side], 1);

			if (old != NULL)
				esp_use(old);
		}
	}
	ping_now(world, SPINAT_OUTSIDE, 20);
	world_run(world, 120 * SEC);
	want_all_reached(world);
	want_last_pings(world, 20);
}

static void second_sa_used(struct world *world)
{
	second_sa(world, true);
}

static void second_sa_unused(struct world *world)
{
	second_sa(world, false);
}

/* The IKE SAs are rekeyed inside the old ones: what the gateway asks an hour
 * later is under cookies that the NAT never saw. */
static void dpd_hour_later(struct world *world, unsigned clients)
{
	make_clients_of(world, clients, 2);
	add_pings(world, SEC, 10);
	bring_up(world);
	for (unsigned t = 0; t < world->tunnel_count; t++)
		ike_rekey(&world->tunnels[t].end[SPINAT_INSIDE]);
	world_run(world, HOUR);
	for (unsigned t = 0; t < world->tunnel_count; t++)
		ike_probe(&world->tunnels[t].end[SPINAT_OUTSIDE]);
	world_run(world, 60 * SEC);
	want_all_up(world);
	for (unsigned t = 0; t < world->tunnel_count; t++)
		WANT(world,
		    world->now - world->tunnels[t].end[1].heard < 70 * SEC,
		    "tunnel %u: the gateway's question was not answered", t);
	want_all_reached(world);
}

static void dpd_hour_later_1(struct world *world)
{
	dpd_hour_later(world, 1);
}

static void dpd_hour_later_3(struct world *world)
{
	dpd_hour_later(world, 3);
}

static void dpd_hour_later_8(struct world *world)
{
	dpd_hour_later(world, 8);
}

const struct scenario quiet_scenarios[] = {
    {"gateway-wakes-1", "eight hours idle, then the gateway pings",
	gateway_wakes_1, 0},
    {"gateway-wakes-5", "the same with five clients", gateway_wakes_5, 0},
    {"never-used", "SAs made and first used by the gateway five hours later",
	never_used, 0},
    {"gateway-wakes-new-spi", "eight hours idle, then the gateway rekeys",
	gateway_wakes_with_new_spi, 0},
    {"client-wakes", "eight hours idle, then the clients rekey", client_wakes,
	0},
    {"second-sa-used", "an older SA of the pair is used again after hours",
	second_sa_used, 0},
    {"second-sa-unused", "an older SA of the pair is first used after hours",
	second_sa_unused, 0},
    {"dpd-hour-later-1", "protected DPD under rekeyed cookies, one client",
	dpd_hour_later_1, 0},
    {"dpd-hour-later-3", "the same to three clients at once", dpd_hour_later_3,
	0},
    {"dpd-hour-later-8", "the same to eight clients at once", dpd_hour_later_8,
	0},
    {NULL, NULL, NULL, 0},
};
