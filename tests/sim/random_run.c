/* SPDX-License-Identifier: BSD-2-Clause */
#include "random_run.h"

#include "scenario.h"

#define MANY 8u /* clients of a gateway that must not lose a packet */

unsigned random_run_clients(uint64_t run)
{
	static const uint8_t clients[] = {1, 2, 2, 2, 3, 3, 3, 4, 5, 5, 6, 7, 8,
	    8, 2, 3, 4, 5, 16, 32, 50, 8};

	return clients[run % sizeof clients];
}

static void add_traffic(struct world *world, struct tunnel *tunnel)
{
	struct rng *rng = &world->rng;
	const unsigned apps = (unsigned)rng_between(rng, 1, 3);

	for (unsigned a = 0; a < apps; a++) {
		const enum app_kind kind =
		    (enum app_kind)rng_between(rng, 0, APP_KINDS - 1);
		const enum spinat_side from =
		    (enum spinat_side)rng_between(rng, 0, 1);
		const spinat_time start =
		    rng_between_log(rng, MSEC / 10, 10 * SEC);

		switch (kind) {
		case APP_PING:
			traffic_add(tunnel, kind, from, start,
			    rng_between_log(rng, 20 * MSEC, 100 * SEC),
			    (uint16_t)rng_between(rng, 64, 1400), 200);
			break;
		case APP_BULK:
			traffic_add(tunnel, kind, from, start, 0, 0,
			    (uint32_t)rng_between(rng, 100, 1000));
			break;
		case APP_WEB:
			traffic_add(tunnel, kind, from, start,
			    rng_between_log(rng, 50 * MSEC, 60 * SEC), 0, 20);
			break;
		case APP_VOICE:
			traffic_add(
			    tunnel, kind, from, start, 20 * MSEC, 200, 300);
			break;
		default:
			traffic_add(tunnel, APP_STREAM, from, start,
			    rng_between_log(rng, 10 * MSEC, 10 * SEC),
			    (uint16_t)rng_between(rng, 64, 1400), 300);
			break;
		}
	}
}

static void set_habits(
    struct world *world, struct tunnel *tunnel, spinat_time span)
{
	struct rng *rng = &world->rng;

	for (int side = 0; side < 2; side++) {
		struct habits *habits = &tunnel->end[side].habits;

		habits->eager = rng_chance(rng, 0.5);
		if (rng_chance(rng, 0.3))
			habits->child_life =
			    rng_between_log(rng, span / 20 + SEC, span + SEC);
		if (rng_chance(rng, 0.2))
			habits->ike_life =
			    rng_between_log(rng, span / 10 + SEC, span + SEC);
		if (rng_chance(rng, 0.5))
			habits->dpd = rng_between_log(
			    rng, 10 * SEC, span / 20 + 20 * SEC);
		habits->delete_after = rng_chance(rng, 0.3)
		    ? -1
		    : rng_between_log(rng, MSEC, 20 * SEC);
	}
}

static void mishap(struct world *world, void *unused, uint64_t number)
{
	struct rng *rng = &world->rng;
	struct tunnel *tunnel = &world->tunnels[number % world->tunnel_count];

	(void)unused;
	switch (rng_between(rng, 0, 5)) {
	case 0:
		host_reboot(tunnel->end[SPINAT_INSIDE].host,
		    rng_between_log(rng, SEC, 60 * SEC));
		break;
	case 1:
		if (rng_chance(rng, 0.3))
			host_reboot(tunnel->end[SPINAT_OUTSIDE].host,
			    rng_between_log(rng, SEC, 60 * SEC));
		break;
	case 2:
		ike_add_child(&tunnel->end[number % 2], false);
		break;
	case 3:
		ike_add_child(&tunnel->end[number % 2], true);
		break;
	default:
		/* All of a gateway at once. */
		for (unsigned t = 0; t < world->tunnel_count; t++)
			ike_add_child(
			    &world->tunnels[t].end[SPINAT_OUTSIDE], true);
		break;
	}
}

static void start(struct world *world, void *end, uint64_t unused)
{
	(void)world;
	(void)unused;
	ike_start(end);
}

/* What must hold even where there are too many candidates to serve all. */
static void want_sound(struct world *world)
{
	const struct totals totals = oracle_totals(world);

	WANT(world, totals.outbound_lost == 0,
	    "%llu packets from inside did not get out",
	    (unsigned long long)totals.outbound_lost);
	want_no_leak(world);
}

void random_run(struct world *world)
{
	struct rng *rng = &world->rng;
	const unsigned clients = random_run_clients(world->run);
	const unsigned gateways =
	    rng_chance(rng, 0.7) ? 1 : (unsigned)rng_between(rng, 2, 3);
	const spinat_time within = rng_between_log(rng, MSEC, 100 * SEC);
	const spinat_time span = rng_between_log(rng, 60 * SEC, 2 * HOUR);
	const unsigned mishaps = (unsigned)rng_between(rng, 0, 3);
	unsigned of_gateway[MAX_GATEWAYS] = {0}, most = 0;

	world->net.loss = rng_chance(rng, 0.5) ? 0 : 0.03 * rng_unit(rng);
	world->net.reorder = rng_chance(rng, 0.5) ? 0 : 0.01 * rng_unit(rng);
	for (unsigned g = 0; g < gateways; g++) {
		struct host *gateway = world_add_gateway(world);
		gateway->manners =
		    (enum manners)rng_between(rng, 0, MANNERS_NOTIFY);
	}
	for (unsigned c = 0; c < clients; c++) {
		struct host *client = world_add_client(world);
		const unsigned g =
		    (unsigned)rng_between(rng, 0, (int64_t)gateways - 1);
		struct tunnel *tunnel = world_add_tunnel(world, client,
		    &world->gateways[g], (uint8_t)rng_between(rng, 1, 2));

		if (rng_chance(rng, 0.3))
			client->manners = (enum manners)rng_between(rng, 0, 2);
		if (++of_gateway[g] > most)
			most = of_gateway[g];
		add_traffic(world, tunnel);
		set_habits(world, tunnel, span);
		world_after(world, rng_between(rng, 0, within), start,
		    &tunnel->end[SPINAT_INSIDE], 0);
	}
	for (unsigned m = 0; m < mishaps; m++)
		world_after(world, rng_between(rng, within, within + span),
		    mishap, NULL, rng_next(rng) >> 1);
	world_run(world, within + span + 60 * SEC);
	if (most <= MANY)
		want_all_reached(world);
	else
		want_sound(world);
}
