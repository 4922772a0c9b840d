/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinat show ike: IKE SAs by their cookies.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/human.h"
#include "cmd/show.h"

struct ikes {
	bool json;
	json_t *list;
};

static void *open_ikes(bool json)
{
	struct ikes *ikes = calloc(1, sizeof(*ikes));

	if (!ikes)
		return NULL;
	ikes->json = json;
	ikes->list = json_array();
	return ikes;
}

static void take_ike(void *view, const char *kind, json_t *ike)
{
	struct ikes *ikes = view;

	if (strcmp(kind, "ike") == 0)
		(void)json_array_append(ikes->list, ike);
}

static int compare(const void *left, const void *right)
{
	const json_t *a = *(json_t *const *)left;
	const json_t *b = *(json_t *const *)right;
	static const char *const names[] = {"inside", "remote"};

	for (int i = 0; i < 2; i++) {
		uint32_t l = show_order(show_text(a, names[i]));
		uint32_t r = show_order(show_text(b, names[i]));

		if (l != r)
			return l < r ? -1 : 1;
	}
	return 0;
}

static void add_row(struct table *table, const json_t *ike)
{
	const char *host = show_host(ike, "inside", "gateway");
	char text[HUMAN_MAX];

	table_cell(table, "%s", host);
	table_cell(table, "%s", show_text(ike, "remote"));
	table_cell(table, "%s:%u", show_text(ike, "public"),
	    (unsigned)show_number(ike, "public_port"));
	table_cell(table, "%s:%s", show_text(ike, "initiator_spi"),
	    show_text(ike, "responder_spi"));
	table_cell(table, "v%u", (unsigned)show_number(ike, "version"));
	table_cell(table, "%s",
	    !show_flag(ike, "inside_initiated") ? "remote"
		: strcmp(host, "gateway") == 0  ? "gateway"
						: "inside");
	table_cell(table, "%s%s", show_text(ike, "state"),
	    show_flag(ike, "floated") ? ", on 4500" : "");
	table_cell(
	    table, "%s", human_span(text, (int64_t)show_number(ike, "age_ms")));
	table_cell(table, "%s", human_span(text, show_idle(ike)));
	table_cell(table, "%s",
	    human_count(text, show_count(ike, "packets", "inside")));
	table_cell(table, "%s",
	    human_count(text, show_count(ike, "packets", "outside")));
}

static const struct table_column columns[] = {{"INSIDE", false},
    {"REMOTE", false}, {"PUBLIC", false},
    {"COOKIES (INITIATOR:RESPONDER)", false}, {"IKE", false},
    {"STARTED BY", false}, {"STATE", false}, {"AGE", true}, {"IDLE", true},
    {"OUT", true}, {"IN", true}};

static const struct show_table layout = {
    columns, sizeof(columns) / sizeof(columns[0]), add_row};

static int print_ikes(void *view)
{
	struct ikes *ikes = view;
	size_t count = json_array_size(ikes->list);
	json_t **rows = calloc(count + 1, sizeof(json_t *));

	for (size_t i = 0; rows && i < count; i++)
		rows[i] = json_array_get(ikes->list, i);
	return show_rows(rows, count, ikes->json, compare, &layout);
}

static void close_ikes(void *view)
{
	struct ikes *ikes = view;

	json_decref(ikes->list);
	free(ikes);
}

const struct view view_ike = {
    .name = "ike",
    .open = open_ikes,
    .take = take_ike,
    .print = print_ikes,
    .close = close_ikes,
};
