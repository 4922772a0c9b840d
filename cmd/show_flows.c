/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinat show flows.  A line of JSON takes kilobytes once it is parsed, so it
 * becomes a small row at once; JSON output passes through unsorted.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/human.h"
#include "cmd/show.h"
#include "cmd/table.h"

#define END_MAX   32 /* "255.255.255.255 0x89abcdef" */
#define STATE_MAX 24

struct row {
	uint32_t order[3]; /* inside address, protocol, remote address */
	uint64_t packets[2], bytes;
	int64_t age_ms, idle_ms;
	char protocol[16], state[STATE_MAX];
	char inside[END_MAX], public_end[END_MAX], remote[END_MAX];
};

struct flows {
	bool json, failed;
	struct show_list list;
	struct row *rows;
	size_t used, room;
};

static void *open_flows(bool json)
{
	struct flows *flows = calloc(1, sizeof(*flows));

	if (flows)
		flows->json = json;
	return flows;
}

static void copy_text(char *to, size_t room, const char *from)
{
	size_t length = strnlen(from, room - 1);

	memcpy(to, from, length);
	to[length] = '\0';
}

/** "address:port"; the SPI stands with the end that chose it. */
static void write_end(
    char to[END_MAX], const json_t *flow, const char *name, const char *spi)
{
	const json_t *end = json_object_get(flow, name);
	uint64_t port = show_number(end, "port");
	char address[16];

	copy_text(address, sizeof(address), show_text(end, "address"));
	if (spi)
		(void)snprintf(to, END_MAX, "%s %.10s", address, spi);
	else if (port && port <= UINT16_MAX)
		(void)snprintf(to, END_MAX, "%s:%u", address, (unsigned)port);
	else
		(void)snprintf(to, END_MAX, "%s", address);
}

static void fill_row(struct row *row, const json_t *flow)
{
	const char *kind = show_text(flow, "kind");
	const char *spi = show_text(flow, "spi");
	bool esp_out = strcmp(kind, "esp-out") == 0;
	bool esp_in = strcmp(kind, "esp-in") == 0;

	*row = (struct row){
	    .packets = {show_count(flow, "packets", "inside"),
		show_count(flow, "packets", "outside")},
	    .bytes = show_count(flow, "bytes", "inside") +
		show_count(flow, "bytes", "outside"),
	    .age_ms = (int64_t)show_number(flow, "age_ms"),
	    .idle_ms = show_idle(flow),
	    .order = {show_order(show_text(
			  json_object_get(flow, "inside"), "address")),
		(uint32_t)show_number(flow, "protocol"),
		show_order(
		    show_text(json_object_get(flow, "remote"), "address"))},
	};
	copy_text(row->protocol, sizeof(row->protocol),
	    show_text(flow, "protocol_name"));
	copy_text(row->state, sizeof(row->state), show_text(flow, "state"));
	write_end(row->inside, flow, "inside", esp_in ? spi : NULL);
	write_end(row->public_end, flow, "public", NULL);
	write_end(row->remote, flow, "remote", esp_out ? spi : NULL);
}

static void take_flow(void *view, const char *kind, json_t *flow)
{
	struct flows *flows = view;

	if (strcmp(kind, "flow") != 0 || flows->failed)
		return;
	if (flows->json) {
		show_list_add(&flows->list, flow);
		return;
	}
	if (flows->used == flows->room) {
		size_t room = flows->room ? 2 * flows->room : 256;
		struct row *rows =
		    reallocarray(flows->rows, room, sizeof(*rows));

		if (!rows) {
			flows->failed = true;
			return;
		}
		flows->rows = rows;
		flows->room = room;
	}
	fill_row(&flows->rows[flows->used++], flow);
}

static int compare(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	for (int i = 0; i < 3; i++)
		if (a->order[i] != b->order[i])
			return a->order[i] < b->order[i] ? -1 : 1;
	return strcmp(a->inside, b->inside);
}

static void add_row(struct table *table, const struct row *row)
{
	char text[HUMAN_MAX];

	table_cell(table, "%s", row->protocol);
	table_cell(table, "%s", row->inside);
	table_cell(table, "%s", row->public_end);
	table_cell(table, "%s", row->remote);
	table_cell(table, "%s", row->state);
	table_cell(table, "%s", human_span(text, row->age_ms));
	table_cell(table, "%s", human_span(text, row->idle_ms));
	table_cell(table, "%s", human_count(text, row->packets[0]));
	table_cell(table, "%s", human_count(text, row->packets[1]));
	table_cell(table, "%s", human_bytes(text, row->bytes));
}

static int print_flows(void *view)
{
	static const struct table_column columns[] = {{"PROTOCOL", false},
	    {"INSIDE", false}, {"PUBLIC", false}, {"REMOTE", false},
	    {"STATE", false}, {"AGE", true}, {"IDLE", true}, {"OUT", true},
	    {"IN", true}, {"BYTES", true}};
	struct flows *flows = view;
	struct table *table;
	int result;

	if (flows->json)
		return show_list_end(&flows->list);
	table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	if (flows->failed || !table) {
		fprintf(stderr, "spinat: out of memory; try --limit\n");
		table_free(table);
		return 1;
	}
	if (flows->used)
		qsort(flows->rows, flows->used, sizeof(*flows->rows), compare);
	for (size_t i = 0; i < flows->used; i++)
		add_row(table, &flows->rows[i]);
	result = table_print(table, stdout);
	table_free(table);
	return result;
}

static void close_flows(void *view)
{
	struct flows *flows = view;

	free(flows->rows);
	free(flows);
}

const struct view view_flows = {
    .name = "flows",
    .open = open_flows,
    .take = take_flow,
    .print = print_flows,
    .close = close_flows,
};
