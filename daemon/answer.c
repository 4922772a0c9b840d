/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers of the control socket.
 *
 * A request is a list of steps (walk the associations, walk the flows ...),
 * an answer a position in it.  Packets wait while a piece is made, so a piece
 * is bounded by time, not by lines: a filter that lets nothing through walks
 * as politely as one that shows everything.
 */
#include "daemon/answer.h"

#include <errno.h>

#include "daemon/clock.h"
#include "daemon/report.h"

/** Records looked at between two looks at the clock. */
#define ANSWER_STRIDE 16

enum step {
	STEP_END,
	STEP_PEERS,
	STEP_FLOWS,
	STEP_IKE,
	STEP_STATS,
	STEP_CLAIMS
};

#define STEPS_MAX 5

static const enum step steps[REQUEST_SHOWS][STEPS_MAX] = {
    [REQUEST_FLOWS] = {STEP_FLOWS, STEP_END},
    [REQUEST_IPSEC] = {STEP_PEERS, STEP_FLOWS, STEP_IKE, STEP_END},
    [REQUEST_IKE] = {STEP_IKE, STEP_END},
    [REQUEST_STATS] = {STEP_STATS, STEP_END},
    /* An SPI's flows come first: they say which associations matter. */
    [REQUEST_EXPLAIN] = {STEP_FLOWS, STEP_CLAIMS, STEP_PEERS, STEP_IKE,
	STEP_END},
};

static int append(const char *bytes, size_t length, void *to)
{
	return evbuffer_add(to, bytes, length);
}

/** Writes {"name": value} and a newline; takes the reference of `value`. */
static int put_line(struct evbuffer *to, const char *name, json_t *value)
{
	json_t *line = json_object();
	int result = -ENOMEM;

	/* json_object_set_new() takes the reference even when it fails. */
	if (json_object_set_new(line, name, value) == 0 &&
	    json_dump_callback(line, append, to, JSON_COMPACT) == 0 &&
	    evbuffer_add(to, "\n", 1) == 0)
		result = 0;
	json_decref(line);
	return result;
}

int answer_error(struct evbuffer *to, const char *text)
{
	json_t *message = json_string(text);

	/* Text that quotes what is not UTF-8 cannot be JSON. */
	return put_line(to, "error",
	    message ? message : json_string("the request is not UTF-8"));
}

void answer_begin(struct answer *answer, const struct request *request)
{
	*answer = (struct answer){.request = *request};
}

static bool has_remote(const struct answer *answer, spinat_be32 remote)
{
	for (unsigned i = 0; i < answer->remote_count; i++)
		if (answer->remotes[i].raw == remote.raw)
			return true;
	return false;
}

static void note_remote(struct answer *answer, spinat_be32 remote)
{
	if (answer->remote_count < ANSWER_REMOTES &&
	    !has_remote(answer, remote))
		answer->remotes[answer->remote_count++] = remote;
}

/* One step of a walk: 1 when it goes on, 0 at its end, -ENOMEM. */

static int next_flow(struct answer *answer, const struct spinat *engine,
    struct evbuffer *to, spinat_time now)
{
	struct spinat_flow_info flow;
	const enum spinat_walk step =
	    spinat_next_flow(engine, &answer->cursor, &flow);

	if (step != SPINAT_WALK_FOUND)
		return step == SPINAT_WALK_ON;
	if (!request_wants_flow(&answer->request, &flow))
		return 1;
	note_remote(answer, flow.remote.address);
	answer->count++;
	return put_line(to, "flow", report_flow(&flow, now)) < 0 ? -ENOMEM : 1;
}

static int next_ike(struct answer *answer, const struct spinat *engine,
    struct evbuffer *to, spinat_time now)
{
	struct spinat_ike_info ike;
	const enum spinat_walk step =
	    spinat_next_ike(engine, &answer->cursor, &ike);

	if (step != SPINAT_WALK_FOUND)
		return step == SPINAT_WALK_ON;
	if (!request_wants_ike(&answer->request, &ike) ||
	    (answer->request.by_spi && !has_remote(answer, ike.remote)))
		return 1;
	answer->count++;
	return put_line(to, "ike", report_ike(&ike, now)) < 0 ? -ENOMEM : 1;
}

static int next_peer(struct answer *answer, const struct spinat *engine,
    struct evbuffer *to, spinat_time now)
{
	struct spinat_peer_info peer;
	const enum spinat_walk step =
	    spinat_next_peer(engine, &answer->cursor, &peer);

	if (step != SPINAT_WALK_FOUND)
		return step == SPINAT_WALK_ON;
	if (!request_wants_peer(&answer->request, &peer) ||
	    (answer->request.by_spi && !has_remote(answer, peer.remote)))
		return 1;
	answer->count++;
	return put_line(to, "peer", report_peer(&peer, now)) < 0 ? -ENOMEM : 1;
}

static int next_claim(struct answer *answer, const struct spinat *engine,
    struct evbuffer *to, spinat_time now)
{
	struct spinat_claim_info claim;
	const enum spinat_walk step =
	    spinat_next_claim(engine, &answer->cursor, &claim);

	if (step != SPINAT_WALK_FOUND)
		return step == SPINAT_WALK_ON;
	if (!request_wants_claim(&answer->request, &claim))
		return 1;
	answer->count++;
	return put_line(to, "claim", report_claim(&claim, now)) < 0 ? -ENOMEM
								    : 1;
}

static int put_stats(struct answer *answer, const struct answer_source *source,
    struct evbuffer *to)
{
	struct spinat_stats stats;
	json_t *made;

	spinat_get_stats(source->engine, &stats);
	made = report_stats(&stats);
	if (made && source->about)
		source->about(source->context, made);
	answer->count++;
	return put_line(to, "stats", made) < 0 ? -ENOMEM : 0;
}

static int take_step(struct answer *answer, enum step step,
    const struct answer_source *source, struct evbuffer *to, spinat_time now)
{
	switch (step) {
	case STEP_PEERS:
		return next_peer(answer, source->engine, to, now);
	case STEP_FLOWS:
		return next_flow(answer, source->engine, to, now);
	case STEP_IKE:
		return next_ike(answer, source->engine, to, now);
	case STEP_CLAIMS:
		return next_claim(answer, source->engine, to, now);
	case STEP_STATS:
		return put_stats(answer, source, to);
	case STEP_END:
		break;
	}
	return 0;
}

static int put_end(const struct answer *answer, struct evbuffer *to)
{
	json_t *end = json_object();

	(void)json_object_set_new(
	    end, "count", json_integer((json_int_t)answer->count));
	return put_line(to, "end", end) < 0 ? -ENOMEM : 1;
}

int answer_continue(struct answer *answer, const struct answer_source *source,
    struct evbuffer *to, size_t room, spinat_time deadline)
{
	const enum step *list = steps[answer->request.show];
	spinat_time now = clock_now();
	unsigned looked = 0;

	while (list[answer->stage] != STEP_END &&
	    answer->count < answer->request.limit) {
		int got =
		    take_step(answer, list[answer->stage], source, to, now);

		if (got < 0)
			return got;
		if (got == 0) {
			answer->stage++;
			answer->cursor = 0;
		}
		if (++looked % ANSWER_STRIDE == 0)
			now = clock_now();
		if (now >= deadline || evbuffer_get_length(to) >= room)
			return 0;
	}
	return put_end(answer, to);
}
