/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinat explain in words.
 *
 * An inbound SPI gets a sentence and below it a line for each host that may own
 * it, or might have: its score, the rows of that, best host first.  What the
 * rows mean is said once, at the end.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/explain.h"
#include "cmd/human.h"
#include "cmd/show.h"

#define GATEWAY "the gateway"

struct text {
	const struct explanation *got;
	json_t *legend; /* text of a row -> its name */
};

static const char *end_address(const json_t *flow, const char *name)
{
	return show_text(json_object_get(flow, name), "address");
}

static int64_t signed_number(const json_t *value, const char *name)
{
	return json_integer_value(json_object_get(value, name));
}

static bool is_text(const json_t *value, const char *name, const char *text)
{
	return strcmp(show_text(value, name), text) == 0;
}

/* --------------------------------------------------------------- claims */

static void print_row(
    struct text *text, const json_t *claim, const json_t *row, bool first)
{
	const json_t *agreed = json_object_get(claim, "agreed_before_ms");
	const int64_t before = json_integer_value(agreed);
	const int64_t weight = signed_number(row, "weight");
	char span[HUMAN_MAX];

	printf("%s%s %+" PRId64, first ? "  " : ", ", show_text(row, "row"),
	    weight);
	if (is_text(row, "row", "expected") && weight > 0 &&
	    json_is_integer(agreed))
		printf(" (%s before)",
		    before < 1000 ? "just" : human_span(span, before));
	(void)json_object_set_new(text->legend, show_text(row, "text"),
	    json_string(show_text(row, "row")));
}

static void print_rows(struct text *text, const json_t *claim)
{
	const json_t *rows = json_object_get(claim, "rows");

	if (json_array_size(rows) == 0)
		printf("  nothing speaks for or against it");
	for (size_t i = 0; i < json_array_size(rows); i++)
		print_row(text, claim, json_array_get(rows, i), i == 0);
}

static void print_claim(struct text *text, const json_t *claim)
{
	const uint64_t copies = show_number(claim, "copies");
	char span[HUMAN_MAX];

	printf("    %-15s", show_host(claim, "inside", GATEWAY));
	if (show_flag(claim, "gone")) {
		printf("  its association has ended\n");
		return;
	}
	if (show_flag(claim, "refuted")) {
		printf("  refuted %s ago: it said that it does not own this "
		       "SPI\n",
		    human_span(span, signed_number(claim, "refuted_ms")));
		return;
	}
	printf("  %4" PRId64, signed_number(claim, "score"));
	print_rows(text, claim);
	if (copies)
		printf("; got %" PRIu64 " %s", copies,
		    copies == 1 ? "copy" : "copies");
	puts(show_flag(claim, "owner") && !show_flag(claim, "holds")
		? "; owns it too"
		: "");
}

/* Who has the SPI first, then by score. */
static int compare_claims(const void *left, const void *right)
{
	const json_t *a = *(json_t *const *)left;
	const json_t *b = *(json_t *const *)right;
	const int64_t l = signed_number(a, "score");
	const int64_t r = signed_number(b, "score");

	if (show_flag(a, "holds") != show_flag(b, "holds"))
		return show_flag(a, "holds") ? -1 : 1;
	if (show_flag(a, "refuted") != show_flag(b, "refuted"))
		return show_flag(a, "refuted") ? 1 : -1;
	return l == r ? 0 : (l > r ? -1 : 1);
}

static void print_claims(struct text *text, const json_t *spi)
{
	const json_t *all = text->got->claims;
	const size_t count = json_array_size(all);
	json_t **claims = calloc(count + 1, sizeof(json_t *));
	size_t used = 0;

	for (size_t i = 0; claims && i < count; i++) {
		json_t *claim = json_array_get(all, i);

		if (show_number(claim, "flow") == show_number(spi, "id") &&
		    is_text(claim, "spi", show_text(spi, "spi")))
			claims[used++] = claim;
	}
	if (claims)
		qsort(claims, used, sizeof(json_t *), compare_claims);
	/* One that was never in question needs no weighing. */
	for (size_t i = 0; i < used; i++)
		if (used > 1 || !show_flag(claims[i], "holds"))
			print_claim(text, claims[i]);
	free(claims);
}

/* ----------------------------------------------------------------- SPIs */

static void print_spi(struct text *text, const json_t *spi)
{
	const bool out = is_text(spi, "kind", "esp-out");
	const uint64_t copies = show_number(spi, "copies");
	const char *inside = show_host(spi, "inside", GATEWAY);
	const char *remote = end_address(spi, "remote");
	char age[HUMAN_MAX], packets[HUMAN_MAX];

	if (out)
		printf("  %s from %s goes to %s", show_text(spi, "spi"), inside,
		    remote);
	else
		printf("  %s from %s goes to %s", show_text(spi, "spi"), remote,
		    inside);
	printf(": %s, %s old, %s packets: %s.\n", show_text(spi, "state"),
	    human_span(age, signed_number(spi, "age_ms")),
	    human_count(packets,
		show_count(spi, "packets", out ? "inside" : "outside")),
	    show_text(spi, "why"));
	if (copies)
		printf("    %" PRIu64 " %s of its packets went to other "
		       "hosts.\n",
		    copies, copies == 1 ? "copy" : "copies");
	if (!out)
		print_claims(text, spi);
}

static bool belongs(const json_t *spi, const json_t *peer)
{
	return is_text(peer, "inside", end_address(spi, "inside")) &&
	    is_text(peer, "remote", end_address(spi, "remote")) &&
	    is_text(peer, "public", end_address(spi, "public"));
}

static void print_spis(struct text *text, const json_t *peer, const char *kind)
{
	const json_t *spis = text->got->spis;

	for (size_t i = 0; i < json_array_size(spis); i++) {
		const json_t *spi = json_array_get(spis, i);

		if (is_text(spi, "kind", kind) && belongs(spi, peer))
			print_spi(text, spi);
	}
}

/* --------------------------------------------------------- associations */

static bool same_ends(const json_t *a, const json_t *b)
{
	return is_text(a, "inside", show_text(b, "inside")) &&
	    is_text(a, "remote", show_text(b, "remote")) &&
	    is_text(a, "public", show_text(b, "public"));
}

static void print_ikes(struct text *text, const json_t *peer)
{
	const json_t *ikes = text->got->ikes;
	char age[HUMAN_MAX];

	for (size_t i = 0; i < json_array_size(ikes); i++) {
		const json_t *ike = json_array_get(ikes, i);

		if (same_ends(ike, peer))
			printf("  IKEv%" PRIu64 " SA %s:%s as %s:%" PRIu64
			       ": %s%s, %s old.\n",
			    show_number(ike, "version"),
			    show_text(ike, "initiator_spi"),
			    show_text(ike, "responder_spi"),
			    show_text(ike, "public"),
			    show_number(ike, "public_port"),
			    show_text(ike, "state"),
			    show_flag(ike, "floated")
				? ", on 4500 (NAT traversal)"
				: "",
			    human_span(age, signed_number(ike, "age_ms")));
	}
}

static void print_candidate(const json_t *peer)
{
	printf("  %s %s for an unknown SPI of %s: %s.\n",
	    show_host(peer, "inside", GATEWAY),
	    show_flag(peer, "candidate") ? "is a candidate" : "is no candidate",
	    show_text(peer, "remote"), show_text(peer, "why"));
}

static void print_moved(const json_t *peer)
{
	if (show_flag(peer, "moved"))
		printf("  It goes through %s, not through the public address "
		       "of all else of %s, since the remote serves one peer "
		       "per address.\n",
		    show_text(peer, "public"), show_text(peer, "inside"));
}

static void print_peer(struct text *text, const json_t *peer)
{
	printf("%s with %s through %s\n", show_host(peer, "inside", GATEWAY),
	    show_text(peer, "remote"), show_text(peer, "public"));
	print_candidate(peer);
	print_moved(peer);
	print_ikes(text, peer);
	print_spis(text, peer, "esp-out");
	print_spis(text, peer, "esp-in");
	puts("");
}

static int compare_peers(const void *left, const void *right)
{
	const json_t *a = *(json_t *const *)left;
	const json_t *b = *(json_t *const *)right;
	static const char *const names[] = {"remote", "inside", "public"};

	for (int i = 0; i < 3; i++) {
		const uint32_t l = show_order(show_text(a, names[i]));
		const uint32_t r = show_order(show_text(b, names[i]));

		if (l != r)
			return l < r ? -1 : 1;
	}
	return 0;
}

/* Once for each remote: they are sorted by it. */
static void print_one_peer(const json_t *peer, const json_t *before)
{
	const json_t *shown = json_object_get(peer, "one_peer");
	char span[HUMAN_MAX];

	if (!json_is_object(shown) ||
	    (before && is_text(before, "remote", show_text(peer, "remote"))))
		return;
	printf("%s serves one peer per address, it seems: %" PRIu64
	       " times it ended the\nsession of one inside host as that of "
	       "another began, last that of %s, %s ago,\nas %s began.  What "
	       "helps: more public addresses and \"ipsec_addresses "
	       "spread\",\nNAT traversal (UDP 4500), or different "
	       "identities.\n\n",
	    show_text(peer, "remote"), show_number(shown, "endings"),
	    show_text(shown, "ended"),
	    human_span(span, signed_number(shown, "ended_ms")),
	    show_text(shown, "rival"));
}

static void print_peers(struct text *text)
{
	const size_t count = json_array_size(text->got->peers);
	json_t **peers = calloc(count + 1, sizeof(json_t *));

	for (size_t i = 0; peers && i < count; i++)
		peers[i] = json_array_get(text->got->peers, i);
	if (peers)
		qsort(peers, count, sizeof(json_t *), compare_peers);
	for (size_t i = 0; peers && i < count; i++) {
		if (text->got->is_spi) {
			print_candidate(peers[i]);
			continue;
		}
		print_one_peer(peers[i], i == 0 ? NULL : peers[i - 1]);
		print_peer(text, peers[i]);
	}
	free(peers);
}

/* ------------------------------------------------------------ the whole */

/* If it is a remote: how much there is. */
static void print_remote(const struct explanation *got)
{
	const json_t *spis = got->spis;
	uint64_t in = 0, probation = 0, copies = 0, hosts = 0;
	bool own = false;

	for (size_t i = 0; i < json_array_size(got->peers); i++) {
		const json_t *peer = json_array_get(got->peers, i);

		if (!is_text(peer, "remote", got->of))
			continue;
		if (is_text(peer, "inside", show_text(peer, "public")))
			own = true;
		else
			hosts++;
	}
	for (size_t i = 0; i < json_array_size(spis); i++) {
		const json_t *spi = json_array_get(spis, i);

		if (!is_text(spi, "kind", "esp-in") ||
		    strcmp(end_address(spi, "remote"), got->of) != 0)
			continue;
		in++;
		probation += is_text(spi, "state", "probation");
		copies += show_number(spi, "copies");
	}
	if (hosts || own)
		printf("%s, a remote of %" PRIu64
		       " inside host%s%s: it sends with "
		       "%" PRIu64 " SPI%s, %" PRIu64 " of them in probation; "
		       "%" PRIu64 " copies were made.\n\n",
		    got->of, hosts, hosts == 1 ? "" : "s",
		    own ? " and of the gateway itself" : "", in,
		    in == 1 ? "" : "s", probation, copies);
}

/* What others have, and the host was or is in question for. */
static void print_others(struct text *text)
{
	const json_t *claims = text->got->claims;
	bool first = true;

	for (size_t i = 0; i < json_array_size(claims); i++) {
		const json_t *claim = json_array_get(claims, i);

		if (!is_text(claim, "inside", text->got->of) ||
		    show_flag(claim, "holds"))
			continue;
		if (first)
			printf("%s also might own, or have owned\n",
			    text->got->of);
		first = false;
		printf("  %s from %s, which goes to %s (%s)\n",
		    show_text(claim, "spi"), show_text(claim, "remote"),
		    show_host(claim, "holder", GATEWAY),
		    show_text(claim, "state"));
		print_claim(text, claim);
	}
	if (!first)
		puts("");
}

static void print_legend(struct text *text)
{
	if (json_object_size(text->legend) == 0)
		return;
	puts("Scores are in decibans: ten more are odds of ten to one.");
	for (void *i = json_object_iter(text->legend); i;
	     i = json_object_iter_next(text->legend, i))
		printf("  %-10s  %s\n",
		    json_string_value(json_object_iter_value(i)),
		    json_object_iter_key(i));
}

int explain_print(const struct explanation *got)
{
	struct text text = {.got = got, .legend = json_object()};

	if (got->is_spi) {
		for (size_t i = 0; i < json_array_size(got->spis); i++)
			print_spi(&text, json_array_get(got->spis, i));
		if (json_array_size(got->spis) != 0 &&
		    json_array_size(got->peers) != 0)
			puts("\nThe hosts with this remote");
	} else {
		print_remote(got);
	}
	if (!got->is_spi || json_array_size(got->spis) != 0)
		print_peers(&text);
	if (!got->is_spi)
		print_others(&text);
	else if (json_object_size(text.legend) != 0)
		puts("");
	print_legend(&text);
	json_decref(text.legend);
	return 0;
}
