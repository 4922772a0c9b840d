/* SPDX-License-Identifier: BSD-2-Clause */
/* Exchanges that make new SAs, in awkward orders. */
#include "scenario.h"

/* Both ends use a new SA as soon as they may. */
static void be_eager(struct world *world)
{
	for (unsigned t = 0; t < world->tunnel_count; t++)
		for (int side = 0; side < 2; side++)
			world->tunnels[t].end[side].habits.eager = true;
}

static void rekey_all(struct world *world, enum spinat_side side)
{
	for (unsigned t = 0; t < world->tunnel_count; t++)
		ike_add_child(&world->tunnels[t].end[side], true);
}

/* One side rekeys all in the same moment, three times: requests at once,
 * answers in any order. */
static void rekey_at_once(
    struct world *world, unsigned clients, enum spinat_side side)
{
	make_clients(world, clients);
	be_eager(world);
	add_pings(world, 100 * MSEC, 1200);
	bring_up(world);
	for (int i = 0; i < 3; i++) {
		rekey_all(world, side);
		world_run(world, 10 * SEC);
	}
	world_run(world, 120 * SEC);
	want_all_reached(world);
	want_pings_answered(world, 1190);
}

static void interleaved(struct world *world)
{
	rekey_at_once(world, 5, SPINAT_INSIDE);
}

static void gateway_rekeys_1(struct world *world)
{
	rekey_at_once(world, 1, SPINAT_OUTSIDE);
}

static void gateway_rekeys_2(struct world *world)
{
	rekey_at_once(world, 2, SPINAT_OUTSIDE);
}

static void gateway_rekeys_5(struct world *world)
{
	rekey_at_once(world, 5, SPINAT_OUTSIDE);
}

static void gateway_rekeys_8(struct world *world)
{
	rekey_at_once(world, 8, SPINAT_OUTSIDE);
}

/* Loses the first `script[0]` messages of IKE exchange `script[1]` that come
 * from side `script[2]` and are `script[3]` bytes long (0: any). */
static bool lose_ike(
    struct world *world, const struct packet *packet, enum spinat_side from)
{
	struct ike_header header;
	struct ike_content content;

	if (world->script[0] == 0 || from != world->script[2] ||
	    !packet_is_ike(packet))
		return false;
	packet_read_ike(packet, &header, &content);
	if (header.exchange != world->script[1] ||
	    (world->script[3] != 0 &&
		packet->length != world->script[3] + IP_HEADER + UDP_HEADER))
		return false;
	world->script[0]--;
	world_say(world, "the network loses IKE exchange %u", header.exchange);
	return true;
}

static void set_lose(struct world *world, unsigned count, unsigned exchange,
    enum spinat_side from, unsigned length)
{
	world->net.lose = lose_ike;
	world->script[0] = count;
	world->script[1] = exchange;
	world->script[2] = from;
	world->script[3] = length;
}

/* Quick Mode's third message is lost, while the client's ESP already comes. */
static void quick_third_lost(struct world *world)
{
	make_clients_of(world, 3, 1);
	add_pings(world, 100 * MSEC, 600);
	set_lose(world, 6, 32, SPINAT_INSIDE, 60);
	start_all(world, 50 * MSEC);
	world_run(world, 120 * SEC);
	want_all_well(world, 500);
}

/* The gateway uses a new SA, and its answer that makes it is lost. */
static void esp_before_answer(struct world *world)
{
	make_clients_of(world, 3, 2);
	be_eager(world);
	add_pings(world, 100 * MSEC, 900);
	bring_up(world);
	set_lose(world, 3, 36, SPINAT_OUTSIDE, 0);
	rekey_all(world, SPINAT_INSIDE);
	world_run(world, 120 * SEC);
	want_all_up(world);
	want_all_reached(world);
}

/* Only the gateway ever begins. */
static void inbound_first(struct world *world)
{
	make_clients(world, 5);
	be_eager(world);
	for (unsigned t = 0; t < world->tunnel_count; t++)
		add_ping(&world->tunnels[t], SPINAT_OUTSIDE, SEC, 60);
	start_all(world, 100 * MSEC);
	world_run(world, 120 * SEC);
	want_all_well(world, 60);
}

static void one_way(struct world *world, unsigned clients, spinat_time apart,
    spinat_time interval)
{
	make_clients(world, clients);
	be_eager(world);
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		struct tunnel *tunnel = &world->tunnels[t];

		traffic_add(tunnel, APP_STREAM, SPINAT_OUTSIDE, MSEC, interval,
		    600, 10000);
		for (int side = 0; side < 2; side++)
			tunnel->end[side].habits.dpd = 30 * SEC;
	}
	start_all(world, apart * clients);
	world_run(world, apart * clients + 10100 * interval);
	want_all_up(world);
	want_all_reached(world);
	WANT(world, deliveries_per_packet(world) < 1.5,
	    "%.3f deliveries per packet", deliveries_per_packet(world));
}

static void one_way_apart(struct world *world)
{
	one_way(world, 5, 30 * SEC, 20 * MSEC);
}

static void one_way_together(struct world *world)
{
	one_way(world, 5, MSEC, 20 * MSEC);
}

/* One that hears only, among two-way ones. */
static void one_way_outbound(struct world *world)
{
	make_clients(world, 3);
	add_pings(world, 100 * MSEC, 600);
	traffic_add(&world->tunnels[0], APP_STREAM, SPINAT_INSIDE, MSEC,
	    20 * MSEC, 600, 3000);
	start_all(world, 100 * MSEC);
	world_run(world, 120 * SEC);
	want_all_reached(world);
	want_pings_answered(world, 590);
}

/* For ten minutes, from either end; what is old is deleted soon or is left. */
static void rekey_often(struct world *world, bool deletes, uint32_t answered)
{
	make_clients(world, 5);
	add_pings(world, 200 * MSEC, 3000);
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		struct habits *habits = &world->tunnels[t].end[t % 2].habits;

		habits->child_life =
		    rng_between(&world->rng, 20 * SEC, 60 * SEC);
		habits->delete_after =
		    deletes ? rng_between(&world->rng, 0, 5 * SEC) : -1;
	}
	bring_up(world);
	world_run(world, 700 * SEC);
	want_all_reached(world);
	want_pings_answered(world, answered);
}

static void rekey_and_delete(struct world *world)
{
	rekey_often(world, true, 2950);
}

static void rekey_without_delete(struct world *world)
{
	rekey_often(world, false, 2990);
}

static void ike_rekeyed_often(struct world *world)
{
	make_clients(world, 5);
	add_pings(world, SEC, 600);
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		world->tunnels[t].end[t % 2].habits.ike_life =
		    rng_between(&world->rng, 30 * SEC, 90 * SEC);
		world->tunnels[t].end[!(t % 2)].habits.child_life =
		    rng_between(&world->rng, 30 * SEC, 90 * SEC);
	}
	bring_up(world);
	world_run(world, 700 * SEC);
	want_all_up(world);
	want_all_reached(world);
}

const struct scenario exchange_scenarios[] = {
    {"interleaved", "five clients rekey in the same moment, three times",
	interleaved, 0},
    {"gateway-rekeys-1", "the gateway rekeys its only client", gateway_rekeys_1,
	0},
    {"gateway-rekeys-2", "the gateway rekeys two clients at once",
	gateway_rekeys_2, 0},
    {"gateway-rekeys-5", "the gateway rekeys five clients at once",
	gateway_rekeys_5, 0},
    {"gateway-rekeys-8", "the gateway rekeys eight clients at once",
	gateway_rekeys_8, 0},
    {"quick-third-lost", "Quick Mode's third message is lost, ESP comes",
	quick_third_lost, 0},
    {"esp-before-answer", "new ESP comes, the answer that makes it is lost",
	esp_before_answer, 0},
    {"inbound-first", "the gateways' ESP is the first, five clients",
	inbound_first, 0},
    {"one-way-apart", "five streams from outside that nothing answers",
	one_way_apart, 2},
    {"one-way-together", "the same, begun in the same moment", one_way_together,
	2},
    {"one-way-outbound", "a stream from inside among pings", one_way_outbound,
	0},
    {"rekey-and-delete", "five clients, ten minutes of rekeying and deleting",
	rekey_and_delete, 0},
    {"rekey-without-delete", "the same, old SAs are left", rekey_without_delete,
	0},
    {"ike-rekeyed", "IKE and child SAs rekeyed from either end",
	ike_rekeyed_often, 0},
    {NULL, NULL, NULL, 0},
};
