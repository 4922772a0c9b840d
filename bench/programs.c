/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How large the programs of the fast path are, as the kernel took them:
 *
 *   bench fast.program.NAME.instructions N insns
 *   bench fast.program.NAME.verified N insns
 *
 * Those that note what leaves are the same for both hooks, and told once.
 */
#include <stdio.h>
#include <string.h>

#include "bench/room.h"
#include "fast/fast.h"

static void print_count(const char *name, const char *what, unsigned count)
{
	if (count == 0)
		printf("bench-skip fast.program.%s.%s it is not told\n", name,
		    what);
	else
		printf(
		    "bench fast.program.%s.%s %u insns\n", name, what, count);
}

static void print_programs(const struct fast *fast, bool notes)
{
	struct fast_program programs[FAST_PROGRAMS];

	fast_get_programs(fast, programs);
	for (unsigned i = 0; i < FAST_PROGRAMS; i++) {
		if (!notes && strstr(programs[i].name, "_note_") != NULL)
			continue;
		print_count(
		    programs[i].name, "instructions", programs[i].instructions);
		print_count(programs[i].name, "verified", programs[i].verified);
	}
}

static int load(enum fast_hook hook, const struct spinat_config *config,
    struct error *error)
{
	const unsigned nowhere[2] = {0, 0};
	struct spinat *engine;
	struct room room;
	int code = room_make(&room, &engine, ROOM_MAPS, config, 0, error);

	if (code != 0)
		return code;
	code = fast_load(room.fast, engine, hook, nowhere, 0, error);
	if (code == 0)
		print_programs(room.fast, hook == FAST_TC);
	room_free(&room);
	return code;
}

int main(void)
{
	struct error error = {"the configuration is wrong"};
	struct spinat_config config;

	spinat_config_init(&config);
	config.public_count = 1;
	memset(config.public_addresses, 1, sizeof(config.public_addresses[0]));
	if (load(FAST_TC, &config, &error) != 0 ||
	    load(FAST_XDP, &config, &error) != 0)
		printf("bench-skip fast.program %s\n", error.text);
	return 0;
}
