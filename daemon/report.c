/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the engine knows, as JSON, in the shapes that the events of spinat
 * replay use as well.
 *
 * Pairs {"inside", "outside"} count by the side that packets came from.  Times
 * are milliseconds before or after now, since the engine's clock says nothing
 * to anybody else; null means never.
 */
#include "daemon/report.h"

#include "daemon/clock.h"
#include "daemon/text.h"

static const char *const side_names[2] = {
    [SPINAT_INSIDE] = "inside", [SPINAT_OUTSIDE] = "outside"};

static const char *const kind_names[] = {
    [SPINAT_FLOW_SESSION] = "session",
    [SPINAT_FLOW_ESP_OUT] = "esp-out",
    [SPINAT_FLOW_ESP_IN] = "esp-in",
};

#define KIND_COUNT (sizeof(kind_names) / sizeof(kind_names[0]))

static void put(json_t *to, const char *name, json_t *value)
{
	/* Takes the reference even when it fails, and fails on NULL. */
	(void)json_object_set_new(to, name, value);
}

static void put_text(json_t *to, const char *name, const char *text)
{
	put(to, name, json_string(text ? text : ""));
}

static void put_number(json_t *to, const char *name, uint64_t number)
{
	put(to, name, json_integer((json_int_t)number));
}

static void put_flag(json_t *to, const char *name, bool flag)
{
	put(to, name, json_boolean(flag));
}

static void put_address(json_t *to, const char *name, spinat_be32 address)
{
	char text[TEXT_ADDRESS_MAX];

	put_text(to, name, text_address(text, address));
}

static void put_endpoint(
    json_t *to, const char *name, const struct spinat_endpoint *endpoint)
{
	json_t *made = json_object();

	put_address(made, "address", endpoint->address);
	put_number(made, "port", text_host16(endpoint->port));
	put(to, name, made);
}

static void put_counts(json_t *to, const char *name, const uint64_t counts[2])
{
	json_t *made = json_object();

	for (int side = 0; side < 2; side++)
		put_number(made, side_names[side], counts[side]);
	put(to, name, made);
}

static json_t *span(spinat_time time)
{
	return json_integer((time > 0 ? time : 0) / CLOCK_NSEC_PER_MSEC);
}

static void put_times(json_t *to, spinat_time created,
    const spinat_time last_seen[2], spinat_time now)
{
	json_t *idle = json_object();

	put(to, "age_ms", span(now - created));
	for (int side = 0; side < 2; side++)
		put(idle, side_names[side],
		    last_seen[side] ? span(now - last_seen[side])
				    : json_null());
	put(to, "idle_ms", idle);
}

static void put_expiry(json_t *to, spinat_time expires, spinat_time now)
{
	put(to, "expires_ms",
	    expires == SPINAT_NEVER ? json_null() : span(expires - now));
}

json_t *report_flow(const struct spinat_flow_info *flow, spinat_time now)
{
	json_t *made = json_object();
	char text[TEXT_PROTOCOL_MAX], spi[TEXT_SPI_MAX];

	put_number(made, "id", flow->id);
	put_text(made, "kind",
	    flow->kind < KIND_COUNT ? kind_names[flow->kind] : "unknown");
	put_number(made, "protocol", flow->protocol);
	put_text(made, "protocol_name", text_protocol(text, flow->protocol));
	if (flow->kind != SPINAT_FLOW_SESSION)
		put_text(made, "spi", text_spi(spi, flow->spi));
	put_endpoint(made, "inside", &flow->inside);
	put_endpoint(made, "public", &flow->public_end);
	put_endpoint(made, "remote", &flow->remote);
	put_endpoint(made, "remote_seen", &flow->remote_seen);
	put_text(made, "state", flow->state);
	if (flow->why)
		put_text(made, "why", flow->why);
	if (flow->kind != SPINAT_FLOW_SESSION)
		put_number(made, "sequence", flow->sequence);
	if (flow->kind == SPINAT_FLOW_ESP_IN) {
		put_number(made, "candidates", flow->candidates);
		put_number(made, "copies", flow->copies);
	}
	put_flag(made, "hairpin", flow->hairpin);
	put_flag(made, "redirected", flow->redirected);
	put_counts(made, "packets", flow->packets);
	put_counts(made, "bytes", flow->bytes);
	put_times(made, flow->created, flow->last_seen, now);
	put_expiry(made, flow->expires, now);
	return made;
}

json_t *report_ike(const struct spinat_ike_info *ike, spinat_time now)
{
	json_t *made = json_object();
	char cookie[TEXT_COOKIE_MAX];

	put_number(made, "id", ike->id);
	put_address(made, "inside", ike->inside);
	put_address(made, "public", ike->public_address);
	put_address(made, "remote", ike->remote);
	put_text(
	    made, "initiator_spi", text_cookie(cookie, ike->initiator_spi));
	put_text(
	    made, "responder_spi", text_cookie(cookie, ike->responder_spi));
	put_number(made, "version", ike->version);
	put_flag(made, "inside_initiated", ike->inside_initiated);
	put_flag(made, "floated", ike->floated);
	put_number(made, "public_port", text_host16(ike->public_port));
	put_text(made, "state", ike->state);
	put_counts(made, "packets", ike->packets);
	put_times(made, ike->created, ike->last_seen, now);
	put_expiry(made, ike->expires, now);
	return made;
}

/* What shows that its remote serves one peer per address. */
static json_t *one_peer(const struct spinat_peer_info *peer, spinat_time now)
{
	json_t *made = json_object();

	put_number(made, "endings", peer->endings);
	put_address(made, "ended", peer->ended);
	put_address(made, "rival", peer->rival);
	put(made, "ended_ms", span(now - peer->ended_at));
	return made;
}

json_t *report_peer(const struct spinat_peer_info *peer, spinat_time now)
{
	json_t *made = json_object();

	put_number(made, "id", peer->id);
	put_address(made, "inside", peer->inside);
	put_address(made, "public", peer->public_address);
	put_address(made, "remote", peer->remote);
	put_flag(made, "candidate", peer->candidate);
	put_text(made, "why", peer->why);
	put_flag(made, "redirected", peer->redirected);
	put_flag(made, "moved", peer->moved);
	put(made, "one_peer",
	    peer->endings != 0 ? one_peer(peer, now) : json_null());
	put_number(made, "ike_count", peer->ike_count);
	put_number(made, "out_count", peer->out_count);
	put_number(made, "in_count", peer->in_count);
	put_counts(made, "packets", peer->packets);
	put_counts(made, "bytes", peer->bytes);
	put_times(made, peer->created, peer->last_seen, now);
	return made;
}

/* The rows that weigh anything. */
static json_t *score_rows(const int rows[SPINAT_SCORE_ROWS])
{
	json_t *list = json_array();

	for (unsigned row = 0; row < SPINAT_SCORE_ROWS; row++) {
		json_t *one;

		if (rows[row] == 0)
			continue;
		one = json_object();
		put_text(one, "row", spinat_score_row_name(row));
		put(one, "weight", json_integer(rows[row]));
		put_text(one, "text", spinat_score_row_text(row, rows[row]));
		(void)json_array_append_new(list, one);
	}
	return list;
}

json_t *report_claim(const struct spinat_claim_info *claim, spinat_time now)
{
	json_t *made = json_object();
	char spi[TEXT_SPI_MAX];

	put_number(made, "flow", claim->flow);
	put_text(made, "spi", text_spi(spi, claim->spi));
	put_address(made, "inside", claim->inside);
	put_address(made, "public", claim->public_address);
	put_address(made, "remote", claim->remote);
	put_address(made, "holder", claim->holder);
	put_text(made, "state", claim->state);
	put_flag(made, "holds", claim->holds);
	put_flag(made, "owner", claim->owner);
	put_flag(made, "refuted", claim->refuted);
	put(made, "refuted_ms",
	    claim->refuted_at ? span(now - claim->refuted_at) : json_null());
	put_flag(made, "objected", claim->objected);
	put_flag(made, "gone", claim->gone);
	put(made, "agreed_before_ms",
	    claim->agreed_before == SPINAT_NEVER ? json_null()
						 : span(claim->agreed_before));
	put_number(made, "copies", claim->copies);
	put_number(made, "sent", claim->sent);
	put(made, "score", json_integer(claim->score));
	put(made, "rows", score_rows(claim->rows));
	return made;
}

static json_t *verdicts(const uint64_t counts[SPINAT_VERDICT_COUNT])
{
	json_t *made = json_object();

	for (unsigned i = 0; i < SPINAT_VERDICT_COUNT; i++)
		put_number(made, spinat_verdict_name((enum spinat_verdict)i),
		    counts[i]);
	return made;
}

/** The reasons that have happened, with their sentences. */
static json_t *reasons(const uint64_t counts[SPINAT_REASON_COUNT])
{
	json_t *list = json_array();

	for (unsigned i = 1; i < SPINAT_REASON_COUNT; i++) {
		enum spinat_reason reason = (enum spinat_reason)i;
		json_t *one;

		if (!counts[i])
			continue;
		one = json_object();
		put_text(one, "reason", spinat_reason_name(reason));
		put_number(one, "count", counts[i]);
		put_text(one, "text", spinat_reason_text(reason));
		(void)json_array_append_new(list, one);
	}
	return list;
}

json_t *report_stats(const struct spinat_stats *stats)
{
	json_t *made = json_object();

	put_counts(made, "packets", stats->packets);
	put_counts(made, "bytes", stats->bytes);
	put(made, "verdicts", verdicts(stats->verdicts));
	put(made, "reasons", reasons(stats->reasons));
	put_number(made, "flows", stats->flows);
	put_number(made, "max_flows", stats->max_flows);
	put_number(made, "flows_created", stats->flows_created);
	put_number(made, "flows_ended", stats->flows_ended);
	put_number(made, "mappings", stats->mappings);
	put_number(made, "ike", stats->ike);
	put_number(made, "max_ike", stats->max_ike);
	put_number(made, "peers", stats->peers);
	put_number(made, "max_peers", stats->max_peers);
	put_number(made, "fragments_held", stats->fragments_held);
	put_number(made, "emitted", stats->emitted);
	put_number(made, "copies", stats->copies);
	put_number(made, "probation", stats->probation);
	put_number(made, "memory", stats->memory);
	return made;
}
