/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario.h"

struct host *make_clients_of(
    struct world *world, unsigned clients, uint8_t version)
{
	struct host *gateway = world_add_gateway(world);

	for (unsigned i = 0; i < clients; i++)
		world_add_tunnel(
		    world, world_add_client(world), gateway, version);
	return gateway;
}

struct host *make_clients(struct world *world, unsigned clients)
{
	struct host *gateway = world_add_gateway(world);

	for (unsigned i = 0; i < clients; i++)
		world_add_tunnel(world, world_add_client(world), gateway,
		    (uint8_t)(1 + (world->run + i) % 2));
	return gateway;
}

struct app *add_ping(struct tunnel *tunnel, enum spinat_side from,
    spinat_time interval, uint32_t count)
{
	struct rng *rng = &tunnel->end[0].host->world->rng;

	return traffic_add(tunnel, APP_PING, from,
	    10 * MSEC + rng_between(rng, 0, interval), interval, 84, count);
}

void add_pings(struct world *world, spinat_time interval, uint32_t count)
{
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		struct tunnel *tunnel = &world->tunnels[t];

		add_ping(tunnel, SPINAT_INSIDE, interval, count);
		add_ping(tunnel, SPINAT_OUTSIDE, interval, count);
	}
}

static void start(struct world *world, void *end, uint64_t unused)
{
	(void)world;
	(void)unused;
	ike_start(end);
}

void start_all(struct world *world, spinat_time within)
{
	for (unsigned t = 0; t < world->tunnel_count; t++)
		for (int side = 0; side < 2; side++) {
			struct end *end = &world->tunnels[t].end[side];

			if (end->habits.starts)
				world_after(world,
				    rng_between(&world->rng, 0, within), start,
				    end, 0);
		}
}

void bring_up(struct world *world)
{
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		world_after(world, 3 * SEC * t, start,
		    &world->tunnels[t].end[SPINAT_INSIDE], 0);
	}
	world_run(world, 3 * SEC * world->tunnel_count + 30 * SEC);
	want_all_up(world);
}

void work_in_turn(struct world *world, unsigned clients)
{
	make_clients(world, clients);
	bring_up(world);
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		traffic_add(&world->tunnels[t], APP_BULK, SPINAT_OUTSIDE, MSEC,
		    0, 0, 20000);
		traffic_up(&world->tunnels[t].end[SPINAT_OUTSIDE]);
		world_run(world, 2 * SEC);
	}
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		ike_add_child(&world->tunnels[t].end[t % 2], true);
		world_run(world, 2 * SEC);
	}
	world_run(world, 300 * SEC);
}

struct child *child_of(struct end *end, unsigned age)
{
	for (struct child *child = end->host->children; child != NULL;
	     child = child->next)
		if (child->end == end && age-- == 0)
			return child;
	world_fail(end->host->world, "tunnel %u has fewer child SAs than that",
	    end->tunnel->number);
	return NULL;
}

void want_all_up(struct world *world)
{
	for (unsigned t = 0; t < world->tunnel_count; t++)
		for (int side = 0; side < 2; side++)
			WANT(world, world->tunnels[t].end[side].child != NULL,
			    "tunnel %u is not up at the %s", t,
			    side == SPINAT_INSIDE ? "client" : "gateway");
}

void want_pings_answered(struct world *world, uint32_t at_least)
{
	for (unsigned t = 0; t < world->tunnel_count; t++)
		for (unsigned a = 0; a < world->tunnels[t].app_count; a++) {
			const struct app *app = &world->tunnels[t].apps[a];

			if (app->kind == APP_PING)
				WANT(world, app->answered >= at_least,
				    "tunnel %u: %u of %u pings from the %s "
				    "answered, not %u",
				    t, app->answered, app->sent,
				    app->from == SPINAT_INSIDE ? "client"
							       : "gateway",
				    at_least);
		}
}

void want_all_reached(struct world *world)
{
	const struct oracle *oracle = &world->oracle;
	const struct totals totals = oracle_totals(world);

	for (size_t i = 0; i < oracle->sa_count; i++) {
		const struct sa_record *record = &oracle->sas[i];

		WANT(world, record->reached == record->due,
		    "%llu of %llu ESP packets of SPI %08x (tunnel %u) did not "
		    "reach their owner, the first has sequence %u",
		    (unsigned long long)(record->due - record->reached),
		    (unsigned long long)record->due, record->spi,
		    record->owner->tunnel->number, record->missed);
		WANT(world, record->wrong_since == SPINAT_NEVER,
		    "SPI %08x of tunnel %u is confirmed for another client",
		    record->spi, record->owner->tunnel->number);
	}
	WANT(world, totals.ike_reached == totals.ike_due,
	    "%llu of %llu IKE messages did not reach their owner",
	    (unsigned long long)(totals.ike_due - totals.ike_reached),
	    (unsigned long long)totals.ike_due);
	WANT(world, totals.outbound_lost == 0,
	    "%llu packets from inside did not get out",
	    (unsigned long long)totals.outbound_lost);
	want_no_leak(world);
}

void want_all_well(struct world *world, uint32_t answered)
{
	want_all_up(world);
	want_all_reached(world);
	want_pings_answered(world, answered);
}

void want_all_reached_since(struct world *world, const struct totals *before)
{
	const struct totals now = oracle_totals(world);
	const uint64_t due = now.due - before->due,
		       reached = now.reached - before->reached;

	WANT(world, due == reached,
	    "%llu of %llu ESP packets did not reach their owner by then",
	    (unsigned long long)(due - reached), (unsigned long long)due);
	for (size_t i = 0; i < world->oracle.sa_count; i++) {
		const struct sa_record *record = &world->oracle.sas[i];

		WANT(world, record->dead || record->wrong_since == SPINAT_NEVER,
		    "SPI %08x of tunnel %u is confirmed for another client",
		    record->spi, record->owner->tunnel->number);
	}
	WANT(world, now.outbound_lost == before->outbound_lost,
	    "%llu packets from inside did not get out",
	    (unsigned long long)(now.outbound_lost - before->outbound_lost));
	want_no_leak(world);
}

void want_no_leak(struct world *world)
{
	const struct totals totals = oracle_totals(world);

	WANT(world, totals.leaked == 0,
	    "%llu answers in clear that misdelivered packets provoked got out",
	    (unsigned long long)totals.leaked);
}

double deliveries_per_packet(const struct world *world)
{
	const struct totals totals = oracle_totals(world);

	return totals.arrived == 0
	    ? 0
	    : (double)totals.deliveries / (double)totals.arrived;
}
