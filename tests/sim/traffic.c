/* SPDX-License-Identifier: BSD-2-Clause */
#include "traffic.h"

#include "world.h"

enum kind {
	KIND_REQUEST, /* PING, WEB */
	KIND_REPLY,   /* PING */
	KIND_DATA,    /* BULK, and WEB's response */
	KIND_ACK,
	KIND_VOICE,
	KIND_STREAM
};

#define ACK_LENGTH  52
#define SEGMENT     1400
#define WEB_BURST   16u
#define RTO_FIRST   (300 * MSEC)
#define RTO_LONGEST (8 * SEC)
#define DELAYED_ACK (40 * MSEC)

static struct world *world_of(const struct app *app)
{
	return app->tunnel->end[0].host->world;
}

static struct end *sender(struct app *app)
{
	return &app->tunnel->end[app->from];
}

static struct end *receiver(struct app *app)
{
	return &app->tunnel->end[!app->from];
}

struct app *traffic_add(struct tunnel *tunnel, enum app_kind kind,
    enum spinat_side from, spinat_time start, spinat_time interval,
    uint16_t length, uint32_t count)
{
	struct app *app = &tunnel->apps[tunnel->app_count];

	*app = (struct app){
	    .kind = kind,
	    .from = from,
	    .start = start,
	    .interval = interval,
	    .length = length,
	    .count = count,
	    .tunnel = tunnel,
	    .number = (uint8_t)tunnel->app_count++,
	    .window = 4,
	    .rto = RTO_FIRST,
	};
	return app;
}

bool traffic_is_done(const struct app *app)
{
	switch (app->kind) {
	case APP_PING:
		return app->answered >= app->count;
	case APP_BULK:
		return app->una >= app->count;
	default:
		return app->sent >= app->count;
	}
}

/* ------------------------------------------------------ clocked senders */

static void ping_again(struct world *world, void *subject, uint64_t unused)
{
	struct app *app = subject;

	if (app->sent >= app->count)
		return;
	esp_send(
	    sender(app), app->number, KIND_REQUEST, app->sent++, app->length);
	world_after(world, app->interval, ping_again, app, unused);
}

static void stream_again(struct world *world, void *subject, uint64_t side)
{
	struct app *app = subject;

	if (app->sent >= app->count)
		return;
	esp_send(&app->tunnel->end[side], app->number,
	    app->kind == APP_VOICE ? KIND_VOICE : KIND_STREAM, app->sent,
	    app->length);
	if (side == app->from)
		app->sent++;
	world_after(world, app->interval, stream_again, app, side);
}

/* ------------------------------------------------------ TCP-like senders */

/* Segments there are to send by now. */
static uint32_t segments(const struct app *app)
{
	return app->kind == APP_BULK ? app->count : app->answered;
}

static void push(struct app *app);

static void timed_out(struct world *world, void *subject, uint64_t generation)
{
	struct app *app = subject;

	(void)world;
	if (app->generation != generation || app->una >= segments(app))
		return;
	app->next = app->una;
	app->window = 2;
	app->dup_acks = 0;
	app->rto = app->rto * 2 > RTO_LONGEST ? RTO_LONGEST : app->rto * 2;
	push(app);
}

static void push(struct app *app)
{
	const bool was_idle = app->next == app->una;
	struct world *world = world_of(app);

	while (app->next < segments(app) && app->next - app->una < app->window)
		esp_send(
		    sender(app), app->number, KIND_DATA, app->next++, SEGMENT);
	if (was_idle && app->next != app->una)
		world_after(world, app->rto, timed_out, app, ++app->generation);
}

static void on_ack(struct app *app, uint32_t sequence)
{
	if (sequence > app->una) {
		app->una = sequence;
		if (app->next < app->una)
			app->next = app->una;
		app->dup_acks = 0;
		app->rto = RTO_FIRST;
		if (app->window < 32)
			app->window++;
		app->generation++;
		if (app->next != app->una)
			world_after(world_of(app), app->rto, timed_out, app,
			    app->generation);
		push(app);
	} else if (sequence == app->una && ++app->dup_acks == 3) {
		esp_send(
		    sender(app), app->number, KIND_DATA, app->una, SEGMENT);
		app->window = app->window > 4 ? app->window / 2 : 2;
	}
}

static void ack(struct app *app, struct end *end)
{
	app->unacked = 0;
	app->ack_generation++;
	esp_send(end, app->number, KIND_ACK, app->expected, ACK_LENGTH);
}

static void ack_late(struct world *world, void *subject, uint64_t generation)
{
	struct app *app = subject;

	(void)world;
	if (app->ack_generation == generation)
		ack(app, receiver(app));
}

static void on_data(struct app *app, struct end *end, uint32_t sequence)
{
	if (sequence != app->expected) {
		ack(app, end);
		return;
	}
	app->expected++;
	app->received++;
	if (++app->unacked >= 2)
		ack(app, end);
	else
		world_after(world_of(app), DELAYED_ACK, ack_late, app,
		    ++app->ack_generation);
}

/* ------------------------------------------------------ request, response */

/* `from` sends the data; the other end asks for it.  `sent` is the number of
 * the request under way, `answered` the segments that were asked for. */
static void ask(struct world *world, void *subject, uint64_t request)
{
	struct app *app = subject;

	if (app->sent != request)
		return;
	esp_send(receiver(app), app->number, KIND_REQUEST, app->sent,
	    (uint16_t)(200 + request * 37 % 400));
	world_after(world, SEC, ask, app, request);
}

static void on_request(struct app *app, uint32_t request)
{
	const uint32_t until = (request + 1) * WEB_BURST;

	if (app->answered >= until)
		return;
	app->answered = until;
	push(app);
}

static void think(struct app *app)
{
	struct world *world = world_of(app);

	if (app->expected < (app->sent + 1) * WEB_BURST)
		return;
	if (++app->sent < app->count)
		world_after(world, rng_exponential(&world->rng, app->interval),
		    ask, app, app->sent);
}

/* ------------------------------------------------------------ both ends */

struct answer {
	struct app *app;
	struct end *end;
	uint32_t sequence;
};

static void reply(struct world *world, void *subject, uint64_t unused)
{
	const struct answer *answer = subject;

	(void)world;
	(void)unused;
	esp_send(answer->end, answer->app->number, KIND_REPLY, answer->sequence,
	    answer->app->length);
}

static void reply_later(struct app *app, struct end *end, uint32_t sequence)
{
	struct world *world = world_of(app);
	struct answer *answer = world_take(world, sizeof *answer);

	*answer = (struct answer){app, end, sequence};
	world_after(world, end->host->reaction, reply, answer, 0);
}

void traffic_receive(struct end *end, const struct esp_content *content)
{
	struct app *app = &end->tunnel->apps[content->app];

	switch ((enum kind)content->kind) {
	case KIND_REQUEST:
		if (app->kind == APP_WEB)
			on_request(app, content->sequence);
		else
			reply_later(app, end, content->sequence);
		break;
	case KIND_REPLY:
		app->answered++;
		break;
	case KIND_DATA:
		on_data(app, end, content->sequence);
		if (app->kind == APP_WEB)
			think(app);
		break;
	case KIND_ACK:
		on_ack(app, content->sequence);
		break;
	case KIND_VOICE:
	case KIND_STREAM:
		app->received++;
		break;
	}
}

static void begin(struct world *world, void *subject, uint64_t unused)
{
	struct app *app = subject;

	switch (app->kind) {
	case APP_PING:
		ping_again(world, app, unused);
		break;
	case APP_BULK:
		push(app);
		break;
	case APP_WEB:
		ask(world, app, 0);
		break;
	case APP_VOICE:
		stream_again(world, app, SPINAT_INSIDE);
		stream_again(world, app, SPINAT_OUTSIDE);
		break;
	case APP_STREAM:
		stream_again(world, app, app->from);
		break;
	case APP_KINDS:
		break;
	}
}

void traffic_up(struct end *end)
{
	struct tunnel *tunnel = end->tunnel;

	for (unsigned a = 0; a < tunnel->app_count; a++) {
		struct app *app = &tunnel->apps[a];
		const int beginner =
		    app->kind == APP_WEB ? !app->from : (int)app->from;

		if (app->started || &tunnel->end[beginner] != end)
			continue;
		app->started = true;
		world_after(end->host->world, app->start, begin, app, 0);
	}
}
