/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long an engine takes to go on with the tables that another one left:
 *
 *   bench engine.adopt.COUNT N ms
 *
 * of so many UDP flows, the median of several times.  A fast path translates
 * their packets meanwhile; nobody opens new ones.  Tables are on 4 KiB pages,
 * as those of BPF arrays.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/measure.h"
#include "bench/room.h"
#include "spinat/spinat.h"
#include "tests/wire.h"

#define TIMES 5
#define NOW   (1000 * SPINAT_SECOND)
#define PER_ENDPOINT                                                           \
	256u /* flows of one inside endpoint, to as many remotes               \
	      */

static int make_memory(
    struct spinat_memory *memory, const struct spinat_config *config)
{
	int code = spinat_region_sizes(config, memory->size);

	for (int region = 0; region < SPINAT_REGIONS && code == 0; region++) {
		memory->base[region] =
		    room_map(memory->size[region], ROOM_SMALL);
		code = memory->base[region] == NULL;
	}
	return code;
}

static void open_flow(struct spinat *engine, uint32_t number)
{
	const uint32_t endpoint = number / PER_ENDPOINT;
	uint8_t data[28] = {0x45};
	struct spinat_packet packet = {
	    .data = data, .length = sizeof data, .side = SPINAT_INSIDE};

	put16(data + 2, sizeof data);
	data[8] = 64;
	data[9] = IPPROTO_UDP;
	put32(data + 12, 0x0a000001u + endpoint);
	put32(data + 16, 0x2d000000u + number % PER_ENDPOINT);
	put16(data + 10, plain_checksum(data, 20, 0));
	put16(data + 20, 1000);
	put16(data + 22, 53);
	put16(data + 24, 8);
	spinat_translate(engine, NOW, &packet, 1);
}

/* Milliseconds; negative: not all went on. */
static double adopt(struct spinat_memory *memory,
    const struct spinat_config *config, uint32_t count)
{
	struct spinat_adoption adoption;
	struct spinat *engine;
	double begin;

	memset(memory->base[SPINAT_REGION_ENGINE], 0,
	    memory->size[SPINAT_REGION_ENGINE]);
	if (spinat_create_shared(&engine, config, memory, NOW) != 0)
		return -1;
	begin = seconds();
	spinat_adopt(engine, NOW, &adoption);
	return adoption.sessions == count ? (seconds() - begin) * 1e3 : -1;
}

static int measure(const char *name, uint32_t count)
{
	struct spinat_memory memory = {0};
	struct spinat_config config;
	struct spinat *engine;
	double times[TIMES];

	spinat_config_init(&config);
	config.public_count = 1;
	config.public_addresses[0] = wire32(0xcb007101u);
	config.max_flows = count;
	if (config.max_spis > count)
		config.max_spis = count;
	if (make_memory(&memory, &config) != 0 ||
	    spinat_create_shared(&engine, &config, &memory, NOW) != 0)
		return 1;
	for (uint32_t number = 0; number < count; number++)
		open_flow(engine, number);
	for (int i = 0; i < TIMES; i++) {
		times[i] = adopt(&memory, &config, count);
		if (times[i] < 0)
			return 1;
	}
	printf("bench engine.adopt.%s %.1f ms\n", name, median(times, TIMES));
	for (int region = 0; region < SPINAT_REGIONS; region++)
		(void)munmap(memory.base[region], memory.size[region]);
	return 0;
}

int main(void)
{
	if (measure("10k", 10000) != 0 || measure("100k", 100000) != 0 ||
	    measure("1m", 1000000) != 0) {
		fputs("bench-adopt: not all flows went on\n", stderr);
		return 1;
	}
	return 0;
}
