/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's events as log lines, each class with a limit of its own, so
 * that a flood of junk never hides an IPsec line.  What a limit holds back is
 * counted and said with the next line of its class.
 */
#include "daemon/events.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/log.h"
#include "daemon/text.h"

#define LINE_MAX_BYTES 320
/* Of what is its own; its inside address is the public one. */
#define GATEWAY "the gateway itself"

uint32_t events_init(struct events *events, const struct conf *conf)
{
	uint32_t mask = 1u << SPINAT_EVENT_NOTICE | 1u << SPINAT_EVENT_REFUSED |
	    1u << SPINAT_EVENT_ONE_PEER | 1u << SPINAT_EVENT_MOVED;

	*events = (struct events){
	    .sessions = {.per_second = 100, .burst = 500},
	    .ipsec = {.per_second = 100, .burst = 500},
	    .refused = {.per_second = 1, .burst = 10},
	    .dropped = {.per_second = 10, .burst = 50},
	};
	if (conf->log || conf->verbose)
		mask |= 1u << SPINAT_EVENT_CREATED | 1u << SPINAT_EVENT_BOUND |
		    1u << SPINAT_EVENT_CONFIRMED | 1u << SPINAT_EVENT_DOUBTED |
		    1u << SPINAT_EVENT_REFUTED | 1u << SPINAT_EVENT_EXPIRED;
	if (conf->log_denied)
		mask |= 1u << SPINAT_EVENT_DROPPED;
	return mask;
}

static void describe_packet(
    char text[LINE_MAX_BYTES], const struct spinat_packet_info *packet)
{
	char protocol[TEXT_PROTOCOL_MAX], spi[TEXT_SPI_MAX];
	char source[TEXT_ENDPOINT_MAX], destination[TEXT_ENDPOINT_MAX];

	(void)snprintf(text, LINE_MAX_BYTES,
	    "%s %s > %s%s%s, %" PRIu32 " bytes, from the %s",
	    text_protocol(protocol, packet->protocol),
	    text_endpoint(source, &packet->source),
	    text_endpoint(destination, &packet->destination),
	    packet->spi.raw ? " SPI " : "",
	    packet->spi.raw ? text_spi(spi, packet->spi) : "", packet->length,
	    packet->side == SPINAT_INSIDE ? "inside" : "outside");
}

static void describe_flow(
    char text[LINE_MAX_BYTES], const struct spinat_flow_info *flow)
{
	char protocol[TEXT_PROTOCOL_MAX], spi[TEXT_SPI_MAX];
	char inside[TEXT_ENDPOINT_MAX], outside[TEXT_ENDPOINT_MAX];
	char remote[TEXT_ENDPOINT_MAX];
	const char *host;

	host = flow->inside.address.raw == flow->public_end.address.raw
	    ? GATEWAY
	    : text_endpoint(inside, &flow->inside);
	text_endpoint(outside, &flow->public_end);
	text_endpoint(remote, &flow->remote);
	if (flow->kind == SPINAT_FLOW_ESP_OUT)
		(void)snprintf(text, LINE_MAX_BYTES,
		    "ESP SPI %s of %s to %s as %s", text_spi(spi, flow->spi),
		    host, remote, outside);
	else if (flow->kind == SPINAT_FLOW_ESP_IN)
		(void)snprintf(text, LINE_MAX_BYTES,
		    "ESP SPI %s of %s to %s at %s", text_spi(spi, flow->spi),
		    remote, host, outside);
	else
		(void)snprintf(text, LINE_MAX_BYTES, "%s %s to %s as %s%s",
		    text_protocol(protocol, flow->protocol), host, remote,
		    outside, flow->hairpin ? " (hairpin)" : "");
}

static void describe_ike(
    char text[LINE_MAX_BYTES], const struct spinat_ike_info *ike)
{
	char initiator[TEXT_COOKIE_MAX], responder[TEXT_COOKIE_MAX];
	char inside[TEXT_ADDRESS_MAX], remote[TEXT_ADDRESS_MAX];
	char outside[TEXT_ENDPOINT_MAX];
	const struct spinat_endpoint end = {
	    ike->public_address, ike->public_port};

	(void)snprintf(text, LINE_MAX_BYTES,
	    "IKEv%u SA of %s with %s as %s, cookies %s:%s",
	    (unsigned)ike->version,
	    ike->inside.raw == ike->public_address.raw
		? GATEWAY
		: text_address(inside, ike->inside),
	    text_address(remote, ike->remote), text_endpoint(outside, &end),
	    text_cookie(initiator, ike->initiator_spi),
	    text_cookie(responder, ike->responder_spi));
}

static void describe_peer(
    char text[LINE_MAX_BYTES], const struct spinat_peer_info *peer)
{
	char inside[TEXT_ADDRESS_MAX], remote[TEXT_ADDRESS_MAX];
	char public_address[TEXT_ADDRESS_MAX];

	(void)snprintf(text, LINE_MAX_BYTES, "IPsec of %s with %s through %s",
	    text_address(inside, peer->inside),
	    text_address(remote, peer->remote),
	    text_address(public_address, peer->public_address));
}

static void describe(
    char text[LINE_MAX_BYTES], const struct spinat_event *event)
{
	switch (event->subject) {
	case SPINAT_ABOUT_PACKET:
		describe_packet(text, &event->about.packet);
		return;
	case SPINAT_ABOUT_FLOW:
		describe_flow(text, &event->about.flow);
		return;
	case SPINAT_ABOUT_IKE:
		describe_ike(text, &event->about.ike);
		return;
	case SPINAT_ABOUT_PEER:
		describe_peer(text, &event->about.peer);
		return;
	default:
		(void)snprintf(text, LINE_MAX_BYTES, "something");
	}
}

/** The limit that an event falls under; NULL: none (once per host, or per
 * remote and hour, anyway). */
static struct limit *limit_of(
    struct events *events, const struct spinat_event *event)
{
	if ((event->kind == SPINAT_EVENT_NOTICE &&
		event->subject != SPINAT_ABOUT_IKE) ||
	    event->kind == SPINAT_EVENT_ONE_PEER)
		return NULL;
	if (event->kind == SPINAT_EVENT_REFUSED)
		return &events->refused;
	if (event->kind == SPINAT_EVENT_DROPPED)
		return &events->dropped;
	if (event->subject == SPINAT_ABOUT_FLOW &&
	    event->about.flow.kind == SPINAT_FLOW_SESSION)
		return &events->sessions;
	return &events->ipsec;
}

static const struct {
	enum log_level level;
	const char *before;
} phrases[SPINAT_EVENT_KINDS] = {
    [SPINAT_EVENT_CREATED] = {LOG_LEVEL_INFO, "new"},
    [SPINAT_EVENT_BOUND] = {LOG_LEVEL_INFO, "bound"},
    [SPINAT_EVENT_CONFIRMED] = {LOG_LEVEL_INFO, "confirmed"},
    [SPINAT_EVENT_DOUBTED] = {LOG_LEVEL_INFO, "doubted"},
    [SPINAT_EVENT_REFUTED] = {LOG_LEVEL_INFO, "refuted"},
    [SPINAT_EVENT_REFUSED] = {LOG_LEVEL_WARNING, "refused"},
    [SPINAT_EVENT_DROPPED] = {LOG_LEVEL_INFO, "dropped"},
    [SPINAT_EVENT_EXPIRED] = {LOG_LEVEL_INFO, "ended"},
    [SPINAT_EVENT_NOTICE] = {LOG_LEVEL_WARNING, "note"},
    [SPINAT_EVENT_ONE_PEER] = {LOG_LEVEL_WARNING, "displaced"},
    [SPINAT_EVENT_MOVED] = {LOG_LEVEL_NOTICE, "moved"},
};

void events_log(struct events *events, const struct spinat_event *event)
{
	struct limit *limit = limit_of(events, event);
	char subject[LINE_MAX_BYTES], by[TEXT_ADDRESS_MAX] = "";
	const char *why = event->why;
	uint64_t held_back = 0;

	if (event->kind >= SPINAT_EVENT_KINDS)
		return;
	if (limit && !limit_allows(limit, event->now, &held_back))
		return;
	if (!why && event->reason != SPINAT_REASON_NONE)
		why = spinat_reason_text((enum spinat_reason)event->reason);
	if (held_back)
		log_say(phrases[event->kind].level,
		    "%s: %" PRIu64 " more like these were not logged",
		    phrases[event->kind].before, held_back);
	describe(subject, event);
	if (event->by.raw)
		text_address(by, event->by);
	log_say(phrases[event->kind].level, "%s: %s%s%s%s%s",
	    phrases[event->kind].before, subject, *by ? ", by " : "", by,
	    why ? ": " : "", why ? why : "");
}

void events_log_stats(const struct spinat_stats *stats)
{
	log_notice("packets: %" PRIu64 " from the inside, %" PRIu64
		   " from the outside; %" PRIu64 " translated, %" PRIu64
		   " passed, %" PRIu64 " dropped",
	    stats->packets[SPINAT_INSIDE], stats->packets[SPINAT_OUTSIDE],
	    stats->verdicts[SPINAT_TRANSLATED], stats->verdicts[SPINAT_PASSED],
	    stats->verdicts[SPINAT_DROPPED]);
	log_notice("flows: %" PRIu32 " of %" PRIu32 ", %" PRIu64
		   " made, %" PRIu64 " ended; IKE SAs: %" PRIu32 " of %" PRIu32
		   "; associations: %" PRIu32 " of %" PRIu32
		   "; inbound SPIs in probation: %" PRIu32 ", %" PRIu64
		   " copies made",
	    stats->flows, stats->max_flows, stats->flows_created,
	    stats->flows_ended, stats->ike, stats->max_ike, stats->peers,
	    stats->max_peers, stats->probation, stats->copies);
	for (unsigned i = 1; i < SPINAT_REASON_COUNT; i++)
		if (stats->reasons[i])
			log_notice("%s: %" PRIu64 ": %s",
			    spinat_reason_name((enum spinat_reason)i),
			    stats->reasons[i],
			    spinat_reason_text((enum spinat_reason)i));
}
