/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinat show datapath: which programs see packets in the kernel, what they
 * take, and what they leave to the daemon, and why.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/human.h"
#include "cmd/show.h"

struct datapath {
	bool json;
	json_t *value; /* of "stats" */
};

static void *open_datapath(bool json)
{
	struct datapath *datapath = calloc(1, sizeof(*datapath));

	if (datapath)
		datapath->json = json;
	return datapath;
}

static void take_datapath(void *view, const char *kind, json_t *value)
{
	struct datapath *datapath = view;

	if (strcmp(kind, "stats") == 0 && !datapath->value)
		datapath->value = json_incref(value);
}

static void print_side(const json_t *fast, const char *title, const char *side)
{
	json_t *outcomes = json_object_get(fast, side);

	printf("\n%s\n", title);
	for (void *i = json_object_iter(outcomes); i;
	     i = json_object_iter_next(outcomes, i)) {
		const json_t *one = json_object_iter_value(i);

		if (show_number(one, "packets") == 0)
			continue;
		printf("  %-14s %12" PRIu64 " packets %10" PRIu64 "/s  %s\n",
		    json_object_iter_key(i), show_number(one, "packets"),
		    show_number(one, "packets_per_second"),
		    show_text(one, "text"));
	}
}

static void print_life(const json_t *fast)
{
	const json_t *start = json_object_get(fast, "at_start");
	const char *found = show_text(start, "found");

	if (json_is_true(json_object_get(fast, "outlives")))
		printf("  goes on for %" PRIu64 " s without spinatd\n",
		    show_number(fast, "linger_seconds"));
	else
		printf("  ends with spinatd\n");
	if (strcmp(found, "nothing") != 0)
		printf("  took over %" PRIu64 " sessions and %" PRIu64
		       " SPIs of a spinatd that %s\n",
		    show_number(start, "sessions"), show_number(start, "spis"),
		    found);
}

static void print_fast(const json_t *fast)
{
	json_t *programs = json_object_get(fast, "instructions");
	char bytes[HUMAN_MAX];

	printf("fast path at %s, by %s, between %s and %s, %s shared with the "
	       "kernel\n",
	    show_text(fast, "hook"), show_text(fast, "attached_by"),
	    show_text(fast, "inside_interface"), show_text(fast, "interface"),
	    human_bytes(bytes, show_number(fast, "map_bytes")));
	print_life(fast);
	for (void *i = json_object_iter(programs); i;
	     i = json_object_iter_next(programs, i))
		printf("  %-18s %8" JSON_INTEGER_FORMAT " instructions\n",
		    json_object_iter_key(i),
		    json_integer_value(json_object_iter_value(i)));
	if (show_text(fast, "why")[0] != '\0')
		printf("  against XDP: %s\n", show_text(fast, "why"));
	print_side(fast, "from the inside", "inside");
	print_side(fast, "from the outside", "outside");
}

static void print_conflicts(const json_t *conflicts)
{
	for (size_t i = 0; i < json_array_size(conflicts); i++)
		printf("%s  %s\n",
		    i == 0 ? "\nrules that never see packets of spinatd's\n"
			   : "",
		    json_string_value(json_array_get(conflicts, i)));
}

static int print_datapath(void *view)
{
	const struct datapath *datapath = view;
	const json_t *fast = json_object_get(datapath->value, "fast_path");

	if (!datapath->value)
		return 1;
	if (datapath->json) {
		(void)json_dumpf(
		    fast, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
		puts("");
	} else if (json_is_string(json_object_get(fast, "hook"))) {
		print_fast(fast);
	} else {
		printf("no fast path: all packets come by %s\n",
		    show_text(datapath->value, "backend"));
		if (json_is_object(fast))
			printf("  why: %s\n", show_text(fast, "why"));
	}
	if (!datapath->json)
		print_conflicts(json_object_get(datapath->value, "conflicts"));
	return 0;
}

static void close_datapath(void *view)
{
	struct datapath *datapath = view;

	json_decref(datapath->value);
	free(datapath);
}

const struct view view_datapath = {
    .name = "datapath",
    .asks = "stats",
    .open = open_datapath,
    .take = take_datapath,
    .print = print_datapath,
    .close = close_datapath,
};
