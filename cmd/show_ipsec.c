/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinat show ipsec: each association (one inside host and one remote gateway)
 * with its SPIs each way and its IKE SAs.
 *
 * The daemon sends associations, SPIs and IKE SAs one after another; here they
 * are joined by {inside, public, remote}.  The answer is no snapshot: an SPI
 * whose association was not there yet gets one made up of its addresses.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/human.h"
#include "cmd/show.h"

struct ipsec {
	bool json, failed;
	json_t *peers; /* by key(); with members "spis" and "ikes" */
};

static void *open_ipsec(bool json)
{
	struct ipsec *ipsec = calloc(1, sizeof(*ipsec));

	if (!ipsec)
		return NULL;
	ipsec->json = json;
	ipsec->peers = json_object();
	return ipsec;
}

struct key {
	char text[3 * 16 + 1];
};

static struct key key_of(
    const char *inside, const char *public_address, const char *remote)
{
	struct key key;

	(void)snprintf(key.text, sizeof(key.text), "%.15s %.15s %.15s", inside,
	    public_address, remote);
	return key;
}

/** The association, made if there is none. */
static json_t *find_peer(struct ipsec *ipsec, const char *inside,
    const char *public_address, const char *remote)
{
	struct key key = key_of(inside, public_address, remote);
	json_t *peer = json_object_get(ipsec->peers, key.text);

	if (peer)
		return peer;
	peer = json_pack("{s:s, s:s, s:s, s:b, s:s, s:[], s:[]}", "inside",
	    inside, "public", public_address, "remote", remote, "candidate", 0,
	    "why", "", "spis", "ikes");
	if (json_object_set_new(ipsec->peers, key.text, peer) < 0)
		ipsec->failed = true;
	return peer;
}

static const char *end_address(const json_t *flow, const char *name)
{
	return show_text(json_object_get(flow, name), "address");
}

static void take_ipsec(void *view, const char *kind, json_t *value)
{
	struct ipsec *ipsec = view;
	json_t *peer;

	if (strcmp(kind, "flow") == 0) {
		peer = find_peer(ipsec, end_address(value, "inside"),
		    end_address(value, "public"), end_address(value, "remote"));
		(void)json_array_append(json_object_get(peer, "spis"), value);
		return;
	}
	peer = find_peer(ipsec, show_text(value, "inside"),
	    show_text(value, "public"), show_text(value, "remote"));
	if (strcmp(kind, "ike") == 0)
		(void)json_array_append(json_object_get(peer, "ikes"), value);
	else if (strcmp(kind, "peer") == 0)
		(void)json_object_update(peer, value);
}

static int compare(const void *left, const void *right)
{
	const json_t *a = *(json_t *const *)left;
	const json_t *b = *(json_t *const *)right;
	static const char *const names[] = {"inside", "remote", "public"};

	for (int i = 0; i < 3; i++) {
		uint32_t l = show_order(show_text(a, names[i]));
		uint32_t r = show_order(show_text(b, names[i]));

		if (l != r)
			return l < r ? -1 : 1;
	}
	return 0;
}

static void note_spi(struct table *table, const json_t *spi)
{
	bool out = strcmp(show_text(spi, "kind"), "esp-out") == 0;
	const char *side = out ? "inside" : "outside";
	char packets[HUMAN_MAX], bytes[HUMAN_MAX];
	char age[HUMAN_MAX], idle[HUMAN_MAX];

	table_note(table,
	    "    %-3s  %-33s  %-12s  %6s packets  %9s  age %-7s  idle %s",
	    out ? "out" : "in", show_text(spi, "spi"), show_text(spi, "state"),
	    human_count(packets, show_count(spi, "packets", side)),
	    human_bytes(bytes, show_count(spi, "bytes", side)),
	    human_span(age, (int64_t)show_number(spi, "age_ms")),
	    human_span(idle, show_idle(spi)));
	/* Why it is this host's is worth a line where it might be another's. */
	if (show_number(spi, "candidates") > 1)
		table_note(table,
		    "         %" PRIu64 " candidates, %s copies: %s",
		    show_number(spi, "candidates"),
		    human_count(packets, show_number(spi, "copies")),
		    show_text(spi, "why"));
}

static void note_ike(struct table *table, const json_t *ike)
{
	char packets[HUMAN_MAX], age[HUMAN_MAX], idle[HUMAN_MAX];

	table_note(table,
	    "    ike  %.16s:%.16s  %-12s  %6s packets  %9s  age %-7s  idle %s",
	    show_text(ike, "initiator_spi"), show_text(ike, "responder_spi"),
	    show_text(ike, "state"),
	    human_count(packets,
		show_count(ike, "packets", "inside") +
		    show_count(ike, "packets", "outside")),
	    show_flag(ike, "floated")
		? "on 4500"
		: (show_number(ike, "version") == 1 ? "IKEv1" : "IKEv2"),
	    human_span(age, (int64_t)show_number(ike, "age_ms")),
	    human_span(idle, show_idle(ike)));
}

static void note_spis(struct table *table, const json_t *spis, const char *kind)
{
	for (size_t i = 0; i < json_array_size(spis); i++) {
		const json_t *spi = json_array_get(spis, i);

		if (strcmp(show_text(spi, "kind"), kind) == 0)
			note_spi(table, spi);
	}
}

/** How sure its inbound SPIs are: as the least sure of them. */
static const char *state_of(const json_t *spis)
{
	static const char *const states[] = {
	    "probation", "shared", "confirmed"};

	for (size_t s = 0; s < 3; s++)
		for (size_t i = 0; i < json_array_size(spis); i++)
			if (strcmp(show_text(json_array_get(spis, i), "state"),
				states[s]) == 0)
				return states[s];
	return "-";
}

static uint64_t copies_of(const json_t *spis)
{
	uint64_t copies = 0;

	for (size_t i = 0; i < json_array_size(spis); i++)
		copies += show_number(json_array_get(spis, i), "copies");
	return copies;
}

static void add_peer(struct table *table, const json_t *peer)
{
	const char *why = show_text(peer, "why");
	const json_t *ikes = json_object_get(peer, "ikes");
	const json_t *spis = json_object_get(peer, "spis");
	char text[HUMAN_MAX];

	table_cell(table, "%s", show_host(peer, "inside", "gateway"));
	table_cell(table, "%s", show_text(peer, "remote"));
	table_cell(table, "%s", show_text(peer, "public"));
	table_cell(table, "%s", show_flag(peer, "candidate") ? "yes" : "no");
	table_cell(table, "%s", state_of(spis));
	table_cell(table, "%s",
	    human_span(text, (int64_t)show_number(peer, "age_ms")));
	table_cell(table, "%s", human_span(text, show_idle(peer)));
	table_cell(table, "%s",
	    human_count(text, show_count(peer, "packets", "inside")));
	table_cell(table, "%s",
	    human_bytes(text, show_count(peer, "bytes", "inside")));
	table_cell(table, "%s",
	    human_count(text, show_count(peer, "packets", "outside")));
	table_cell(table, "%s",
	    human_bytes(text, show_count(peer, "bytes", "outside")));
	table_cell(table, "%s", human_count(text, copies_of(spis)));
	if (*why)
		table_note(table, "    %s", why);
	if (json_is_object(json_object_get(peer, "one_peer")))
		table_note(table,
		    "    the remote serves one peer per address%s: see spinat "
		    "explain %s",
		    show_flag(peer, "moved")
			? ", so it goes through another than all else"
			: "",
		    show_text(peer, "remote"));
	for (size_t i = 0; i < json_array_size(ikes); i++)
		note_ike(table, json_array_get(ikes, i));
	note_spis(table, spis, "esp-out");
	note_spis(table, spis, "esp-in");
}

static const struct table_column columns[] = {{"INSIDE", false},
    {"REMOTE", false}, {"PUBLIC", false}, {"CANDIDATE", false},
    {"STATE", false}, {"AGE", true}, {"IDLE", true}, {"ESP OUT", true},
    {"BYTES", true}, {"ESP IN", true}, {"BYTES", true}, {"COPIES", true}};

static const struct show_table layout = {
    columns, sizeof(columns) / sizeof(columns[0]), add_peer};

static int print_ipsec(void *view)
{
	struct ipsec *ipsec = view;
	size_t count = json_object_size(ipsec->peers), used = 0;
	json_t **rows;

	if (ipsec->failed)
		return 1;
	rows = calloc(count + 1, sizeof(json_t *));
	for (void *i = json_object_iter(ipsec->peers); rows && i;
	     i = json_object_iter_next(ipsec->peers, i))
		rows[used++] = json_object_iter_value(i);
	return show_rows(rows, used, ipsec->json, compare, &layout);
}

static void close_ipsec(void *view)
{
	struct ipsec *ipsec = view;

	json_decref(ipsec->peers);
	free(ipsec);
}

const struct view view_ipsec = {
    .name = "ipsec",
    .open = open_ipsec,
    .take = take_ipsec,
    .print = print_ipsec,
    .close = close_ipsec,
};
