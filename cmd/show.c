/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinat show: asks spinatd and prints the answer for people or machines.
 */
#include "cmd/show.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/call.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "conf/conf.h"
#include "daemon/text.h"

#define EXIT_USAGE 2

static const struct view *const views[] = {
    &view_flows, &view_ipsec, &view_ike, &view_stats, &view_datapath};

#define VIEW_COUNT (sizeof(views) / sizeof(views[0]))

static void print_usage(FILE *out)
{
	fprintf(out,
	    "usage: spinat show flows|ipsec|ike|stats|datapath [-s SOCKET] "
	    "[--json]\n"
	    "                   [--inside ADDRESS] [--remote ADDRESS]\n"
	    "                   [--protocol NAME|NUMBER] [--limit N]\n"
	    "\n"
	    "  flows   every session, and every SPI of ESP\n"
	    "  ipsec   each inside host with each of its remote gateways: its\n"
	    "          SPIs each way, its IKE SAs, and why\n"
	    "  ike     IKE SAs by their cookies\n"
	    "  stats   packets, verdicts, reasons, tables\n"
	    "  datapath  what programs in the kernel take and leave, and why\n"
	    "\n"
	    "  -s, --socket SOCKET   default %s\n"
	    "  -j, --json            for machines: see spinat(1)\n"
	    "      --protocol, --limit   for flows only\n",
	    CONF_DEFAULT_SOCKET);
}

/* -------------------------------------------------------- reading a line */

const char *show_text(const json_t *value, const char *name)
{
	const char *text = json_string_value(json_object_get(value, name));

	return text ? text : "";
}

uint64_t show_number(const json_t *value, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(value, name));
}

bool show_flag(const json_t *value, const char *name)
{
	return json_is_true(json_object_get(value, name));
}

uint64_t show_count(const json_t *value, const char *name, const char *side)
{
	return show_number(json_object_get(value, name), side);
}

int64_t show_idle(const json_t *value)
{
	static const char *const sides[] = {"inside", "outside"};
	const json_t *idle = json_object_get(value, "idle_ms");
	int64_t least = json_integer_value(json_object_get(value, "age_ms"));

	for (int i = 0; i < 2; i++) {
		const json_t *one = json_object_get(idle, sides[i]);

		if (json_is_integer(one) && json_integer_value(one) < least)
			least = json_integer_value(one);
	}
	return least;
}

/* Of an end with a port, or an address alone. */
static const char *address_of(const json_t *value, const char *name)
{
	const json_t *end = json_object_get(value, name);

	return json_is_object(end) ? show_text(end, "address")
				   : show_text(value, name);
}

const char *show_host(const json_t *value, const char *name, const char *own)
{
	const char *address = address_of(value, name);

	return strcmp(address, address_of(value, "public")) == 0 ? own
								 : address;
}

uint32_t show_order(const char *address)
{
	struct in_addr parsed;

	return inet_pton(AF_INET, address, &parsed) == 1 ? ntohl(parsed.s_addr)
							 : 0;
}

void show_list_add(struct show_list *list, const json_t *value)
{
	fputs(list->count++ ? ",\n " : "[", stdout);
	(void)json_dumpf(value, stdout, JSON_COMPACT);
}

int show_list_end(struct show_list *list)
{
	puts(list->count ? "]" : "[]");
	return 0;
}

static int print_table(
    const struct show_table *described, json_t *const *rows, size_t count)
{
	struct table *table = table_new(described->columns, described->count);
	int result;

	if (!table)
		return 1;
	for (size_t i = 0; i < count; i++)
		described->add(table, rows[i]);
	result = table_print(table, stdout);
	table_free(table);
	return result;
}

int show_rows(json_t **rows, size_t count, bool json,
    int (*compare)(const void *, const void *), const struct show_table *table)
{
	struct show_list list = {0};
	int result;

	if (!rows)
		return 1;
	qsort(rows, count, sizeof(json_t *), compare);
	if (json) {
		for (size_t i = 0; i < count; i++)
			show_list_add(&list, rows[i]);
		result = show_list_end(&list);
	} else {
		result = print_table(table, rows, count);
	}
	free(rows);
	return result;
}

/* ------------------------------------------------------------- the call */

struct question {
	struct call call;
	json_t *request;
	const struct view *view;
};

static bool set_limit(json_t *request, const char *text)
{
	char *end;
	long long number = strtoll(text, &end, 10);

	if (*text == '\0' || *end != '\0' || number < 1) {
		fprintf(stderr,
		    "spinat: --limit wants a number of at least 1, not "
		    "\"%s\"\n",
		    text);
		return false;
	}
	return json_object_set_new(request, "limit", json_integer(number)) == 0;
}

static bool set_text(json_t *request, const char *name, const char *text)
{
	if (json_object_set_new(request, name, json_string(text)) == 0)
		return true;
	fprintf(stderr, "spinat: --%s: not a text: \"%s\"\n", name, text);
	return false;
}

static bool set_address(json_t *request, const char *name, const char *text)
{
	spinat_be32 address;

	if (text_to_address(text, &address))
		return set_text(request, name, text);
	fprintf(stderr,
	    "spinat: --%s wants an IPv4 address, such as 10.0.0.2, not "
	    "\"%s\"\n",
	    name, text);
	return false;
}

static bool set_protocol(json_t *request, const char *text)
{
	uint8_t protocol;

	if (text_to_protocol(text, &protocol))
		return set_text(request, "protocol", text);
	fprintf(stderr,
	    "spinat: --protocol wants a name, such as esp, or 0 to 255, not "
	    "\"%s\"\n",
	    text);
	return false;
}

static bool set_option(void *context, int option, const char *value)
{
	json_t *request = context;

	switch (option) {
	case 'i':
		return set_address(request, "inside", value);
	case 'r':
		return set_address(request, "remote", value);
	case 'p':
		return set_protocol(request, value);
	case 'n':
		return set_limit(request, value);
	default:
		print_usage(stderr);
		return false;
	}
}

static bool set_view(struct question *question, int argc, char **words)
{
	if (argc != 1) {
		print_usage(stderr);
		return false;
	}
	for (size_t i = 0; i < VIEW_COUNT; i++)
		if (strcmp(views[i]->name, words[0]) == 0)
			question->view = views[i];
	if (!question->view) {
		fprintf(stderr,
		    "spinat: show has no \"%s\", but flows, ipsec, ike, "
		    "stats and datapath\n",
		    words[0]);
		return false;
	}
	if (question->view != &view_flows &&
	    (json_object_get(question->request, "protocol") ||
		json_object_get(question->request, "limit"))) {
		fprintf(stderr,
		    "spinat: --protocol and --limit are for show flows\n");
		return false;
	}
	return set_text(question->request, "show",
	    question->view->asks ? question->view->asks : words[0]);
}

static bool read_question(struct question *question, int argc, char **argv)
{
	static const struct option options[] = {
	    CALL_OPTIONS,
	    {"inside", required_argument, NULL, 'i'},
	    {"remote", required_argument, NULL, 'r'},
	    {"protocol", required_argument, NULL, 'p'},
	    {"limit", required_argument, NULL, 'n'},
	    {NULL, 0, NULL, 0},
	};
	static char name[] = "spinat show";

	return call_read(&question->call, argc, argv, name, options, set_option,
		   question->request) &&
	    (question->call.help ||
		set_view(question, argc - optind, argv + optind));
}

/** What stands between the answer and the view: how much of it came. */
struct taking {
	const struct view *view;
	void *state;
	unsigned long lines;
};

static void take_line(void *context, const char *kind, json_t *value)
{
	struct taking *taking = context;

	taking->lines++;
	taking->view->take(taking->state, kind, value);
}

static int show(const struct question *question)
{
	struct taking taking = {.view = question->view,
	    .state = question->view->open(question->call.json)};
	int result;

	if (!taking.state) {
		fprintf(stderr, "spinat: out of memory\n");
		return 1;
	}
	result = client_ask(
	    question->call.socket, question->request, take_line, &taking);
	/* What came before a fault is worth printing too. */
	if (result == 0 || taking.lines)
		result |= question->view->print(taking.state);
	question->view->close(taking.state);
	return result;
}

int cmd_show(int argc, char **argv)
{
	struct question question = {
	    .call.socket = CONF_DEFAULT_SOCKET, .request = json_object()};
	int result = EXIT_USAGE;

	if (read_question(&question, argc, argv)) {
		if (question.call.help) {
			print_usage(stdout);
			result = 0;
		} else {
			result = show(&question);
		}
	}
	json_decref(question.request);
	return result;
}
