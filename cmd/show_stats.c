/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinat show stats: the counters, in words.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/human.h"
#include "cmd/show.h"

struct stats {
	bool json;
	json_t *value;
};

static void *open_stats(bool json)
{
	struct stats *stats = calloc(1, sizeof(*stats));

	if (stats)
		stats->json = json;
	return stats;
}

static void take_stats(void *view, const char *kind, json_t *value)
{
	struct stats *stats = view;

	if (strcmp(kind, "stats") == 0 && !stats->value)
		stats->value = json_incref(value);
}

static void print_daemon(const json_t *value)
{
	const json_t *list = json_object_get(value, "public");
	char span[HUMAN_MAX];

	if (!json_object_get(value, "version"))
		return;
	printf("spinatd %s, pid %" PRIu64 ", up %s, %s by %s, public",
	    show_text(value, "version"), show_number(value, "pid"),
	    human_span(span, (int64_t)show_number(value, "up_ms")),
	    strcmp(show_text(value, "mode"), "full") == 0 ? "everything"
							  : "IKE and ESP",
	    show_text(value, "backend"));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *address =
		    json_string_value(json_array_get(list, i));

		printf("%s %s", i ? "," : "", address ? address : "?");
	}
	puts("\n");
}

static void print_traffic(
    const json_t *value, const char *title, const char *side)
{
	uint64_t bytes = show_count(value, "bytes", side);
	char text[HUMAN_MAX];

	printf("%-18s %12" PRIu64 " packets  %15" PRIu64 " bytes", title,
	    show_count(value, "packets", side), bytes);
	if (bytes >= 1024)
		printf("  (%s)", human_bytes(text, bytes));
	puts("");
}

static void print_verdicts(const json_t *value)
{
	json_t *verdicts = json_object_get(value, "verdicts");

	for (void *i = json_object_iter(verdicts); i;
	     i = json_object_iter_next(verdicts, i))
		printf("%-18s %12" JSON_INTEGER_FORMAT " packets\n",
		    json_object_iter_key(i),
		    json_integer_value(json_object_iter_value(i)));
	printf("%-18s %12" PRIu64 " packets\n", "sent by itself",
	    show_number(value, "emitted"));
	printf("%-18s %12" PRIu64
	       " of them, for further hosts that may own an SPI or IKE SA\n",
	    "copies", show_number(value, "copies"));
	printf("%-18s %12" PRIu64 " inbound SPIs whose owner is not certain\n",
	    "in probation", show_number(value, "probation"));
}

static void print_reasons(const json_t *value)
{
	const json_t *list = json_object_get(value, "reasons");

	if (json_array_size(list) == 0)
		return;
	puts("\nreasons");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);

		printf("  %-22s %12" PRIu64 "  %s\n", show_text(one, "reason"),
		    show_number(one, "count"), show_text(one, "text"));
	}
}

static void print_fill(
    const json_t *value, const char *title, const char *name, const char *most)
{
	uint64_t used = show_number(value, name);
	uint64_t limit = show_number(value, most);

	printf("%-18s %12" PRIu64 " of %" PRIu64 " (%.1f %%)\n", title, used,
	    limit, limit ? 100.0 * (double)used / (double)limit : 0.0);
}

static void print_tables(const json_t *value)
{
	const char *pages = show_text(value, "memory_pages");
	char memory[HUMAN_MAX];

	puts("\ntables");
	print_fill(value, "  flows", "flows", "max_flows");
	print_fill(value, "  IKE SAs", "ike", "max_ike");
	print_fill(value, "  associations", "peers", "max_peers");
	printf("%-18s %12" PRIu64 "\n", "  mappings",
	    show_number(value, "mappings"));
	printf("%-18s %12" PRIu64 "\n", "  fragments held",
	    show_number(value, "fragments_held"));
	printf("%-18s %12" PRIu64 "\n", "  flows made",
	    show_number(value, "flows_created"));
	printf("%-18s %12" PRIu64 "\n", "  flows ended",
	    show_number(value, "flows_ended"));
	printf("%-18s %12s%s%s\n", "  memory",
	    human_bytes(memory, show_number(value, "memory")),
	    *pages ? " on " : "", pages);
}

/* Records of the journal that are not back, if any. */
static void print_loss(
    const json_t *start, const char *title, const char *name, const char *why)
{
	if (show_number(start, name) != 0)
		printf("  %-16s %12" PRIu64 "  %s\n", title,
		    show_number(start, name), why);
}

static void print_journal(const json_t *value)
{
	const json_t *journal = json_object_get(value, "journal");
	const json_t *start = json_object_get(journal, "at_start");
	const json_t *last = json_object_get(journal, "last_write_ms");
	char span[HUMAN_MAX];

	if (!journal)
		return;
	if (json_is_null(journal)) {
		puts("\njournal: none; a restart forgets all IPsec state");
		return;
	}
	printf("\njournal %s\n", show_text(journal, "path"));
	printf("%-18s %12" PRIu64, "  rows written",
	    show_number(journal, "rows_written"));
	if (json_is_integer(last))
		printf("  the last %s ago",
		    human_span(span, json_integer_value(last)));
	printf("\n%-18s %12" PRIu64 "%s\n", "  failed writes",
	    show_number(journal, "errors"),
	    show_flag(journal, "behind")
		? "  until one succeeds a restart forgets what is new"
		: "");
	printf("%-18s %12" PRIu64 " records\n", "  back at start",
	    show_number(start, "back"));
	print_loss(start, "run out", "run_out", "their time was over");
	print_loss(start, "elsewhere", "elsewhere",
	    "of an address or network that is not ours any more");
	print_loss(start, "no room", "no_room", "the tables were full");
	print_loss(start, "damaged", "damaged", "refused");
}

static int print_stats(void *view)
{
	const struct stats *stats = view;

	if (!stats->value)
		return 1;
	if (stats->json) {
		(void)json_dumpf(stats->value, stdout, JSON_INDENT(2));
		puts("");
		return 0;
	}
	print_daemon(stats->value);
	print_traffic(stats->value, "from the inside", "inside");
	print_traffic(stats->value, "from the outside", "outside");
	print_verdicts(stats->value);
	print_reasons(stats->value);
	print_tables(stats->value);
	print_journal(stats->value);
	return 0;
}

static void close_stats(void *view)
{
	struct stats *stats = view;

	json_decref(stats->value);
	free(stats);
}

const struct view view_stats = {
    .name = "stats",
    .open = open_stats,
    .take = take_stats,
    .print = print_stats,
    .close = close_stats,
};
