/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events as JSON lines, through jansson.
 *
 * json_object_set_new() and friends take NULL for a value and then fail: memory
 * running out shows at the latest when the line is dumped, in one place.
 */
#include "replay/events.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/output.h"

struct events {
	struct output output;
};

/* A line under construction. */
struct line {
	json_t *root;
	const struct replay_clock *clock;
	bool failed;
};

int events_create(struct events **events, const char *path, struct error *error)
{
	struct events *made = calloc(1, sizeof(*made));
	int code;

	if (made == NULL)
		return error_set(error, -ENOMEM, "%s: out of memory", path);
	code = output_open(&made->output, path, error);
	if (code != 0) {
		free(made);
		return code;
	}
	*events = made;
	return 0;
}

int events_finish(struct events *events, struct error *error)
{
	int code;

	if (events == NULL)
		return 0;
	code = output_close(&events->output, error);
	free(events);
	return code;
}

/* --------------------------------------------------------------- values */

static void put(
    struct line *line, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0)
		line->failed = true;
}

static void put_count(
    struct line *line, json_t *object, const char *key, uint64_t value)
{
	put(line, object, key, json_integer((json_int_t)value));
}

/* A time on the captures' clock; null where the engine means never. */
static json_t *time_value(const struct line *line, spinat_time time)
{
	char text[REPLAY_STAMP_TEXT];

	if (time <= 0 || time == SPINAT_NEVER)
		return json_null();
	replay_clock_format(text, replay_clock_capture(line->clock, time));
	return json_string(text);
}

static json_t *address_value(spinat_be32 address)
{
	char text[INET_ADDRSTRLEN] = "";
	struct in_addr in = {.s_addr = address.raw};

	inet_ntop(AF_INET, &in, text, sizeof(text));
	return json_string(text);
}

static json_t *spi_value(spinat_be32 spi)
{
	return json_sprintf("0x%08x", (unsigned)ntohl(spi.raw));
}

static json_t *cookie_value(const uint8_t cookie[8])
{
	char text[17];

	for (unsigned i = 0; i < 8; i++)
		snprintf(text + 2 * i, 3, "%02x", cookie[i]);
	return json_string(text);
}

static json_t *endpoint_value(
    struct line *line, const struct spinat_endpoint *endpoint)
{
	json_t *object = json_object();

	put(line, object, "address", address_value(endpoint->address));
	put_count(line, object, "port", ntohs(endpoint->port.raw));
	return object;
}

static const char *side_name(unsigned side)
{
	return side == SPINAT_INSIDE ? "inside" : "outside";
}

static json_t *counts_value(struct line *line, const uint64_t counts[2])
{
	json_t *object = json_object();

	for (unsigned side = 0; side < 2; side++)
		put_count(line, object, side_name(side), counts[side]);
	return object;
}

static json_t *times_value(struct line *line, const spinat_time times[2])
{
	json_t *object = json_object();

	for (unsigned side = 0; side < 2; side++)
		put(line, object, side_name(side),
		    time_value(line, times[side]));
	return object;
}

static const char *kind_name(unsigned kind)
{
	switch (kind) {
	case SPINAT_FLOW_SESSION:
		return "session";
	case SPINAT_FLOW_ESP_OUT:
		return "esp-out";
	case SPINAT_FLOW_ESP_IN:
		return "esp-in";
	default:
		return "unknown";
	}
}

/* ------------------------------------------------------------- subjects */

static void put_packet(
    struct line *line, const struct spinat_packet_info *packet)
{
	json_t *root = line->root;

	put(line, root, "about", json_string("packet"));
	put(line, root, "side", json_string(side_name(packet->side)));
	put_count(line, root, "protocol", packet->protocol);
	put(line, root, "source", endpoint_value(line, &packet->source));
	put(line, root, "destination",
	    endpoint_value(line, &packet->destination));
	put_count(line, root, "length", packet->length);
	if (packet->spi.raw != 0)
		put(line, root, "spi", spi_value(packet->spi));
}

static void put_flow(struct line *line, const struct spinat_flow_info *flow)
{
	json_t *root = line->root;

	put(line, root, "about", json_string("flow"));
	put_count(line, root, "id", flow->id);
	put(line, root, "kind", json_string(kind_name(flow->kind)));
	put_count(line, root, "protocol", flow->protocol);
	put(line, root, "hairpin", json_boolean(flow->hairpin));
	put(line, root, "redirected", json_boolean(flow->redirected));
	put(line, root, "state",
	    json_string(flow->state != NULL ? flow->state : ""));
	if (flow->kind != SPINAT_FLOW_SESSION)
		put(line, root, "spi", spi_value(flow->spi));
	put(line, root, "inside", endpoint_value(line, &flow->inside));
	put(line, root, "public", endpoint_value(line, &flow->public_end));
	put(line, root, "remote", endpoint_value(line, &flow->remote));
	put(line, root, "remote_seen",
	    endpoint_value(line, &flow->remote_seen));
	put(line, root, "packets", counts_value(line, flow->packets));
	put(line, root, "bytes", counts_value(line, flow->bytes));
	put(line, root, "created", time_value(line, flow->created));
	put(line, root, "last_seen", times_value(line, flow->last_seen));
	put(line, root, "expires", time_value(line, flow->expires));
	if (flow->kind != SPINAT_FLOW_SESSION) {
		put(line, root, "why",
		    json_string(flow->why != NULL ? flow->why : ""));
		put_count(line, root, "sequence", flow->sequence);
	}
	if (flow->kind == SPINAT_FLOW_ESP_IN) {
		put_count(line, root, "candidates", flow->candidates);
		put_count(line, root, "copies", flow->copies);
	}
}

static json_t *rows_value(struct line *line, const int rows[SPINAT_SCORE_ROWS])
{
	json_t *object = json_object();

	for (unsigned row = 0; row < SPINAT_SCORE_ROWS; row++)
		if (rows[row] != 0)
			put(line, object, spinat_score_row_name(row),
			    json_integer(rows[row]));
	return object;
}

static json_t *claim_value(
    struct line *line, const struct spinat_claim_info *claim)
{
	json_t *object = json_object();

	put(line, object, "inside", address_value(claim->inside));
	put(line, object, "holds", json_boolean(claim->holds));
	put(line, object, "owner", json_boolean(claim->owner));
	put(line, object, "refuted", json_boolean(claim->refuted));
	put(line, object, "objected", json_boolean(claim->objected));
	put_count(line, object, "copies", claim->copies);
	put_count(line, object, "sent", claim->sent);
	put(line, object, "score", json_integer(claim->score));
	put(line, object, "rows", rows_value(line, claim->rows));
	return object;
}

/* Who else was in question for an SPI of which something was decided. */
static void put_claims(struct line *line, const struct spinat *engine,
    const struct spinat_event *event)
{
	struct spinat_claim_info claim;
	json_t *list;

	if (event->about.flow.kind != SPINAT_FLOW_ESP_IN ||
	    event->kind == SPINAT_EVENT_EXPIRED)
		return;
	list = json_array();
	for (unsigned i = 0;
	     spinat_get_claim(engine, event->about.flow.id, i, &claim); i++)
		if (json_array_append_new(list, claim_value(line, &claim)) != 0)
			line->failed = true;
	put(line, line->root, "claims", list);
}

static void put_ike(struct line *line, const struct spinat_ike_info *ike)
{
	json_t *root = line->root;

	put(line, root, "about", json_string("ike"));
	put_count(line, root, "id", ike->id);
	put(line, root, "inside", address_value(ike->inside));
	put(line, root, "public", address_value(ike->public_address));
	put_count(line, root, "public_port", ntohs(ike->public_port.raw));
	put(line, root, "remote", address_value(ike->remote));
	put(line, root, "initiator_spi", cookie_value(ike->initiator_spi));
	put(line, root, "responder_spi", cookie_value(ike->responder_spi));
	put_count(line, root, "version", ike->version);
	put(line, root, "inside_initiated",
	    json_boolean(ike->inside_initiated));
	put(line, root, "floated", json_boolean(ike->floated));
	put(line, root, "state",
	    json_string(ike->state != NULL ? ike->state : ""));
	put(line, root, "packets", counts_value(line, ike->packets));
	put(line, root, "created", time_value(line, ike->created));
	put(line, root, "last_seen", times_value(line, ike->last_seen));
	put(line, root, "expires", time_value(line, ike->expires));
}

static json_t *one_peer_value(
    struct line *line, const struct spinat_peer_info *peer)
{
	json_t *object;

	if (peer->endings == 0)
		return json_null();
	object = json_object();
	put_count(line, object, "endings", peer->endings);
	put(line, object, "ended", address_value(peer->ended));
	put(line, object, "rival", address_value(peer->rival));
	put(line, object, "ended_at", time_value(line, peer->ended_at));
	return object;
}

static void put_peer(struct line *line, const struct spinat_peer_info *peer)
{
	json_t *root = line->root;

	put(line, root, "about", json_string("association"));
	put_count(line, root, "id", peer->id);
	put(line, root, "inside", address_value(peer->inside));
	put(line, root, "public", address_value(peer->public_address));
	put(line, root, "remote", address_value(peer->remote));
	put(line, root, "candidate", json_boolean(peer->candidate));
	put(line, root, "why", json_string(peer->why));
	put(line, root, "redirected", json_boolean(peer->redirected));
	put(line, root, "moved", json_boolean(peer->moved));
	put(line, root, "one_peer", one_peer_value(line, peer));
	put_count(line, root, "ike_count", peer->ike_count);
	put_count(line, root, "out_count", peer->out_count);
	put_count(line, root, "in_count", peer->in_count);
	put(line, root, "packets", counts_value(line, peer->packets));
	put(line, root, "bytes", counts_value(line, peer->bytes));
	put(line, root, "created", time_value(line, peer->created));
	put(line, root, "last_seen", times_value(line, peer->last_seen));
}

static int dump(const char *text, size_t length, void *context)
{
	return fwrite(text, 1, length, (FILE *)context) == length ? 0 : -1;
}

void events_write(struct events *events, const struct replay_clock *clock,
    const struct spinat *engine, const struct spinat_event *event)
{
	struct line line = {.root = json_object(), .clock = clock};
	const char *text = event->why;

	if (text == NULL)
		text = spinat_reason_text(event->reason);
	put(&line, line.root, "event",
	    json_string(spinat_event_name(event->kind)));
	put(&line, line.root, "time", time_value(&line, event->now));
	put(&line, line.root, "reason",
	    json_string(spinat_reason_name(event->reason)));
	put(&line, line.root, "text", json_string(text));
	if (event->by.raw != 0)
		put(&line, line.root, "by", address_value(event->by));
	switch (event->subject) {
	case SPINAT_ABOUT_PACKET:
		put_packet(&line, &event->about.packet);
		break;
	case SPINAT_ABOUT_FLOW:
		put_flow(&line, &event->about.flow);
		put_claims(&line, engine, event);
		break;
	case SPINAT_ABOUT_IKE:
		put_ike(&line, &event->about.ike);
		break;
	case SPINAT_ABOUT_PEER:
		put_peer(&line, &event->about.peer);
		break;
	default:
		break;
	}
	if (line.failed)
		events->output.failure = -ENOMEM;
	else if (events->output.failure == 0 &&
	    (json_dump_callback(line.root, dump, events->output.file,
		 JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII) != 0 ||
		fputc('\n', events->output.file) == EOF))
		events->output.failure = errno != 0 ? -errno : -EIO;
	json_decref(line.root);
}
