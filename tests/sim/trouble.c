/* SPDX-License-Identifier: BSD-2-Clause */
/* Wrong guesses, equal SPIs, floods, junk, and hosts that talk back. */
#include "scenario.h"

/* The gateway's answer to the second client's AUTH is lost for a while, so that
 * the first is the only candidate for its ESP; and the first does send. */
static bool lose_auth(
    struct world *world, const struct packet *packet, enum spinat_side from)
{
	struct ike_header header;
	struct ike_content content;

	if (world->script[0] == 0 || from != SPINAT_OUTSIDE ||
	    !packet_is_ike(packet))
		return false;
	packet_read_ike(packet, &header, &content);
	if (header.exchange != 35 || content.identity != 1)
		return false;
	world->script[0]--;
	return true;
}

static void wrong_then_healed(struct world *world)
{
	struct totals before;
	const struct sa_record *record = NULL;

	make_clients_of(world, 2, 2);
	add_pings(world, 100 * MSEC, 1200);
	ike_start(&world->tunnels[0].end[SPINAT_INSIDE]);
	world_run(world, 10 * SEC);
	world->net.lose = lose_auth;
	world->script[0] = 3;
	ike_start(&world->tunnels[1].end[SPINAT_INSIDE]);
	world_run(world, 20 * SEC);
	want_all_up(world);
	for (size_t i = 0; i < world->oracle.sa_count; i++)
		if (world->oracle.sas[i].owner ==
		    &world->tunnels[1].end[SPINAT_INSIDE])
			record = &world->oracle.sas[i];
	WANT(world,
	    world->kind != NAT_ENGINE || (record != NULL && record->wrong > 0),
	    "the scenario is broken: nothing was misdelivered");
	before = oracle_totals(world);
	world_run(world, 60 * SEC);
	want_all_reached_since(world, &before);
	if (record != NULL)
		WANT(world, record->due - record->reached <= 20,
		    "%llu packets were misdelivered although the owner could "
		    "be known",
		    (unsigned long long)(record->due - record->reached));
}

/* Two clients choose the same inbound SPI. */
static void same_spi(struct world *world, spinat_time apart)
{
	make_clients(world, 3);
	world->clients[0].next_spi = world->clients[1].next_spi = 0xc0ffee01;
	add_pings(world, 100 * MSEC, 1200);
	ike_start(&world->tunnels[0].end[SPINAT_INSIDE]);
	world_run(world, apart);
	ike_start(&world->tunnels[1].end[SPINAT_INSIDE]);
	ike_start(&world->tunnels[2].end[SPINAT_INSIDE]);
	world_run(world, 180 * SEC);
	want_all_well(world, 1200);
}

static void same_spi_together(struct world *world)
{
	same_spi(world, MSEC);
}

static void same_spi_later(struct world *world)
{
	same_spi(world, 60 * SEC);
}

/* Of two gateways: no trouble at all. */
static void same_spi_two_gateways(struct world *world)
{
	for (int i = 0; i < 2; i++) {
		struct host *client = world_add_client(world);

		client->next_spi = 0xc0ffee01;
		world_add_tunnel(world, client, world_add_gateway(world), 2);
	}
	add_pings(world, 100 * MSEC, 600);
	start_all(world, SEC);
	world_run(world, 120 * SEC);
	want_all_reached(world);
	want_pings_answered(world, 600);
}

/* `argument` more forged packets from the first gateway, 10 us apart. */
static void forge(struct world *world, void *unused, uint64_t argument)
{
	const struct esp_content content = {0};
	struct packet *packet = packet_take(world);
	uint32_t spi = (uint32_t)rng_next(&world->rng);

	if (spi < 256)
		spi += 256;
	packet_esp(packet, GATEWAY_ADDRESS, PUBLIC, spi,
	    (uint32_t)rng_between(&world->rng, 1, 100), &content, 120);
	nat_receive(world, SPINAT_OUTSIDE, packet);
	if (argument > 1)
		world_after(world, MSEC / 100, forge, unused, argument - 1);
}

static void flood(struct world *world, unsigned clients)
{
	struct spinat_stats stats;
	struct totals totals;
	size_t old;

	make_clients(world, clients);
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		struct tunnel *tunnel = &world->tunnels[t];

		traffic_add(tunnel, APP_VOICE, SPINAT_INSIDE, MSEC, 20 * MSEC,
		    200, 10000);
		for (int side = 0; side < 2; side++)
			tunnel->end[side].habits.eager = true;
	}
	bring_up(world);
	want_all_reached(world);
	old = world->oracle.sa_count;
	forge(world, NULL, 200000);
	world_run(world, SEC / 2);
	ike_add_child(&world->tunnels[0].end[SPINAT_INSIDE], true);
	world_run(world, SEC / 2);
	ike_add_child(&world->tunnels[clients - 1].end[SPINAT_OUTSIDE], true);
	world_run(world, 20 * SEC);
	spinat_get_stats(world->nat.engine, &stats);
	WANT(world, stats.flows <= world->nat.config.max_spis,
	    "there are %u flows", stats.flows);
	totals = oracle_totals(world);
	WANT(world,
	    clients == 1 || totals.forged_deliveries <= totals.forged / 10,
	    "%llu forged packets were delivered",
	    (unsigned long long)totals.forged_deliveries);
	for (size_t i = 0; i < world->oracle.sa_count; i++) {
		const struct sa_record *record = &world->oracle.sas[i];
		const uint64_t lost = record->due - record->reached;

		if (i < old)
			WANT(world, lost == 0,
			    "%llu packets of a confirmed SPI were lost",
			    (unsigned long long)lost);
		else
			WANT(world,
			    lost == 0 || (lost == 1 && record->missed == 1),
			    "%llu packets of a new SPI were lost",
			    (unsigned long long)lost);
	}
}

static void flood_1(struct world *world)
{
	flood(world, 1);
}

static void flood_4(struct world *world)
{
	flood(world, 4);
}

/* An inside host without any tunnel tries to become a candidate. */
static void junk(struct world *world, void *subject, uint64_t count)
{
	const struct host *host = subject;
	const struct esp_content content = {0};
	const struct ike_content nothing = {.op = OP_INVALID};
	const struct ike_header header = {
	    .initiator = rng_next(&world->rng) | 1,
	    .responder = rng_next(&world->rng) | 1,
	    .next_payload = 46,
	    .version = 2,
	    .exchange = (uint8_t)rng_between(&world->rng, 34, 37),
	    .flags = IKE2_INITIATOR,
	    .id = (uint32_t)count % 4,
	};
	struct packet *packet = packet_take(world);

	if (count % 2 == 0)
		packet_esp(packet, host->address, GATEWAY_ADDRESS,
		    (uint32_t)rng_next(&world->rng) | 256, 1, &content, 120);
	else
		packet_ike(packet, host->address, GATEWAY_ADDRESS, &header,
		    &nothing, 208);
	nat_receive(world, SPINAT_INSIDE, packet);
	if (count > 1)
		world_after(world, SEC, junk, subject, count - 1);
}

static void junk_inside(struct world *world)
{
	struct host *stranger;

	make_clients(world, 3);
	stranger = world_add_client(world);
	add_pings(world, SEC, 120);
	for (unsigned t = 0; t < world->tunnel_count; t++)
		world->tunnels[t].end[t % 2].habits.child_life = 20 * SEC;
	bring_up(world);
	junk(world, stranger, 100);
	world_run(world, 120 * SEC);
	WANT(world, stranger->received == 0,
	    "the host that sends junk was given %llu packets",
	    (unsigned long long)stranger->received);
	/* Its junk is not the tunnels' matter: judge those alone. */
	want_all_reached(world);
	want_pings_answered(world, 115);
}

/* Hosts that answer in clear what is not theirs. */
static void talkative(struct world *world, enum manners manners)
{
	make_clients(world, 5);
	for (unsigned c = 0; c < world->client_count; c++)
		world->clients[c].manners = manners;
	add_pings(world, 200 * MSEC, 900);
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		world->tunnels[t].end[t % 2].habits.child_life = 30 * SEC;
		world->tunnels[t].end[!(t % 2)].habits.ike_life = 50 * SEC;
		world->tunnels[t].end[SPINAT_OUTSIDE].habits.dpd = 10 * SEC;
	}
	start_all(world, 100 * MSEC);
	world_run(world, 300 * SEC);
	want_all_up(world);
	want_all_reached(world);
}

static void talkative_notify(struct world *world)
{
	talkative(world, MANNERS_NOTIFY);
}

static void talkative_unreachable(struct world *world)
{
	talkative(world, MANNERS_UNREACHABLE);
}

/* Of all kinds, over a bad network, ten thousand packets an SA. */
static void mixed(struct world *world)
{
	make_clients(world, 8);
	world->net.loss = 0.01;
	world->net.reorder = 0.001;
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		struct tunnel *tunnel = &world->tunnels[t];

		traffic_add(tunnel, APP_BULK, (enum spinat_side)(t % 2), SEC, 0,
		    1500, 10000);
		traffic_add(
		    tunnel, APP_WEB, SPINAT_OUTSIDE, MSEC, 2 * SEC, 0, 60);
		traffic_add(tunnel, APP_VOICE, SPINAT_INSIDE, MSEC, 20 * MSEC,
		    200, 6000);
	}
	add_pings(world, SEC, 120);
	start_all(world, 10 * SEC);
	world_run(world, 400 * SEC);
	want_all_up(world);
	want_all_reached(world);
	WANT(world, deliveries_per_packet(world) < 1.01,
	    "%.4f deliveries per packet", deliveries_per_packet(world));
}

const struct scenario trouble_scenarios[] = {
    {"wrong-guess", "an SPI confirmed for the wrong client, and healed",
	wrong_then_healed, 0},
    {"same-spi-together", "two clients choose the same SPI, at once",
	same_spi_together, 0},
    {"same-spi-later", "two clients choose the same SPI, one later",
	same_spi_later, 0},
    {"same-spi-two-gateways", "the same SPI for two gateways",
	same_spi_two_gateways, 0},
    {"flood-1", "100,000 forged SPIs a second, one client", flood_1, 1},
    {"flood-4", "100,000 forged SPIs a second, four clients", flood_4, 2},
    {"junk-inside", "junk ESP and forged IKE make no candidate", junk_inside,
	0},
    {"talkative-notify", "clients that answer INVALID_SPI in clear",
	talkative_notify, 0},
    {"talkative-unreachable", "clients that answer ICMP unreachable",
	talkative_unreachable, 0},
    {"mixed-8", "eight clients, all kinds of traffic, a bad network", mixed, 2},
    {NULL, NULL, NULL, 0},
};
