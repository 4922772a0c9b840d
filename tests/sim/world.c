/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
	struct block *next;
	_Alignas(16) uint8_t memory[];
};

void *world_take(struct world *world, size_t size)
{
	struct block *block = calloc(1, sizeof *block + size);

	if (block == NULL)
		abort();
	block->next = world->blocks;
	world->blocks = block;
	return block->memory;
}

struct packet *packet_take(struct world *world)
{
	struct packet *packet = world->pool;

	if (packet == NULL) {
		const size_t many = 64;
		struct packet *more = world_take(world, many * sizeof *more);

		for (size_t i = 0; i < many; i++)
			packet_put(world, &more[i]);
		packet = world->pool;
	}
	world->pool = packet->next;
	return packet;
}

void packet_put(struct world *world, struct packet *packet)
{
	packet->next = world->pool;
	world->pool = packet;
}

struct world *world_open(uint64_t run, const struct mode *mode)
{
	struct world *world = calloc(1, sizeof *world);

	if (world == NULL)
		abort();
	world->run = run;
	world->verbose = mode->verbose;
	world->own = mode->own;
	world->kind = mode->nat;
	world->rng.state = run * 0x2545f4914f6cdd1du + 1;
	world->now = 1000 * SEC;
	nat_open(world);
	return world;
}

void world_close(struct world *world)
{
	nat_close(world);
	queue_free(&world->queue);
	for (size_t i = 0; i < world->oracle.sa_count; i++)
		free(world->oracle.sas[i].awaited);
	free(world->oracle.sas);
	free(world->oracle.ikes);
	while (world->blocks != NULL) {
		struct block *block = world->blocks;
		world->blocks = block->next;
		free(block);
	}
	free(world);
}

struct host *world_add_client(struct world *world)
{
	struct host *host = &world->clients[world->client_count];

	if (world->client_count == MAX_CLIENTS)
		abort();
	host->world = world;
	host->side = SPINAT_INSIDE;
	host->number = world->client_count;
	host->address = world->own && world->client_count == 0
	    ? PUBLIC
	    : CLIENT_ADDRESS + world->client_count;
	world->client_count++;
	host->latency = rng_between_log(&world->rng, MSEC / 10, 2 * MSEC);
	host->reaction = rng_between_log(&world->rng, MSEC / 20, 4 * MSEC);
	return host;
}

struct host *world_client(struct world *world, uint32_t address)
{
	for (unsigned c = 0; c < world->client_count; c++)
		if (world->clients[c].address == address)
			return &world->clients[c];
	return NULL;
}

struct host *world_add_gateway(struct world *world)
{
	struct host *host = &world->gateways[world->gateway_count];

	if (world->gateway_count == MAX_GATEWAYS)
		abort();
	host->world = world;
	host->side = SPINAT_OUTSIDE;
	host->number = world->gateway_count;
	host->address = GATEWAY_ADDRESS + world->gateway_count++;
	host->latency = rng_between_log(&world->rng, MSEC, 80 * MSEC);
	host->jitter = host->latency / 10;
	host->reaction = rng_between_log(&world->rng, MSEC / 20, 4 * MSEC);
	return host;
}

struct tunnel *world_add_tunnel(struct world *world, struct host *client,
    struct host *gateway, uint8_t ike_version)
{
	struct tunnel *tunnel = &world->tunnels[world->tunnel_count];

	if (world->tunnel_count == MAX_TUNNELS)
		abort();
	tunnel->number = world->tunnel_count++;
	tunnel->version = ike_version;
	tunnel->cipher = (enum cipher)(rng_next(&world->rng) % CIPHER_COUNT);
	for (int side = 0; side < 2; side++) {
		struct end *end = &tunnel->end[side];

		end->tunnel = tunnel;
		end->host = side == SPINAT_INSIDE ? client : gateway;
		end->peer = &tunnel->end[!side];
		end->habits.delete_after = SEC;
	}
	tunnel->end[SPINAT_INSIDE].habits.starts = true;
	return tunnel;
}

void world_at(struct world *world, spinat_time at, event_fn run, void *subject,
    uint64_t argument)
{
	queue_add(&world->queue, at < world->now ? world->now : at, run,
	    subject, argument);
}

void world_after(struct world *world, spinat_time delay, event_fn run,
    void *subject, uint64_t argument)
{
	queue_add(&world->queue, world->now + delay, run, subject, argument);
}

void world_run(struct world *world, spinat_time span)
{
	const spinat_time end = world->now + span;
	struct event event;

	while (queue_take(&world->queue, end, &event)) {
		world->now = event.at;
		event.run(world, event.subject, event.argument);
	}
	world->now = end;
	oracle_poll(world, true);
}

void world_fail(struct world *world, const char *format, ...)
{
	char text[sizeof world->failure];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	world_say(world, "FAILED: %s", text);
	if (world->failures++ == 0)
		memcpy(world->failure, text, sizeof text);
}

void world_say(struct world *world, const char *format, ...)
{
	const spinat_time since = world->now - 1000 * SEC;
	va_list list;

	if (!world->verbose)
		return;
	printf("%6lld.%06lld  ", (long long)(since / SEC),
	    (long long)(since % SEC / 1000));
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
}
