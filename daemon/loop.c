/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop.
 *
 * A descriptor that is ready is read for LOOP_BATCHES batches at most, then
 * the others (the control socket, timers, signals) have their turn; what is
 * left makes it ready again at once.  The engine's timers run on one libevent
 * timer, and after each wake-up, since packets may have brought the next
 * deadline nearer.
 */
#include "daemon/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/clock.h"
#include "daemon/events.h"
#include "daemon/log.h"

#define LOOP_BATCHES 8
/** libevent's timers count in microseconds from a clock that it caches: never
 * ask for less than this. */
#define LOOP_TIMER_MIN_NS (1 * CLOCK_NSEC_PER_MSEC)

static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

#define SIGNAL_COUNT (sizeof(signals) / sizeof(signals[0]))

struct loop {
	struct event_base *base;
	struct spinat *engine;
	const struct backend_ops *ops;
	struct backend *backend;
	struct event *descriptors[BACKEND_MAX_DESCRIPTORS];
	struct event *signals[SIGNAL_COUNT];
	struct event *timer;
	spinat_time armed; /* when the timer fires; SPINAT_NEVER: it does not */
	int broken;        /* -errno of the back end */
	struct backend_batch batch;
};

static void run_timers(struct loop *loop, spinat_time now)
{
	spinat_time next = spinat_run_timers(loop->engine, now);
	spinat_time wait = next - now;
	struct timeval tv;

	if (next == SPINAT_NEVER || next >= loop->armed)
		return;
	if (wait < LOOP_TIMER_MIN_NS)
		wait = LOOP_TIMER_MIN_NS;
	tv.tv_sec = (time_t)(wait / SPINAT_SECOND);
	tv.tv_usec = (suseconds_t)(wait % SPINAT_SECOND / 1000);
	if (event_add(loop->timer, &tv) == 0)
		loop->armed = next;
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct loop *loop = context;

	(void)fd;
	(void)what;
	loop->armed = SPINAT_NEVER;
	run_timers(loop, clock_now());
}

static void give_up(struct loop *loop, int cause)
{
	log_error(
	    "the %s back end broke: %s", loop->ops->name, strerror(-cause));
	loop->broken = cause;
	(void)event_base_loopbreak(loop->base);
}

static void on_packets(evutil_socket_t fd, short what, void *context)
{
	struct loop *loop = context;
	struct backend_batch *batch = &loop->batch;
	spinat_time now = clock_now();

	(void)what;
	for (int i = 0; i < LOOP_BATCHES; i++) {
		int result = loop->ops->receive(loop->backend, fd, batch);

		if (result == 0 && batch->count == 0)
			break;
		if (result == 0) {
			now = clock_now();
			spinat_translate(
			    loop->engine, now, batch->packets, batch->count);
			result = loop->ops->finish(loop->backend, batch);
		}
		if (result < 0) {
			give_up(loop, result);
			return;
		}
	}
	run_timers(loop, now);
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
	struct loop *loop = context;
	struct spinat_stats stats;

	(void)what;
	switch ((int)number) {
	case SIGHUP:
		log_warning("SIGHUP: the configuration cannot be read again "
			    "yet; stop and start spinatd instead");
		break;
	case SIGUSR1:
		spinat_get_stats(loop->engine, &stats);
		events_log_stats(&stats);
		break;
	default:
		log_notice(
		    "stopping on %s", number == SIGTERM ? "SIGTERM" : "SIGINT");
		(void)event_base_loopbreak(loop->base);
	}
}

static int watch(struct event **event, struct loop *loop, int number,
    short what, event_callback_fn callback)
{
	*event = event_new(loop->base, number, what, callback, loop);
	if (!*event)
		return -ENOMEM;
	return event_add(*event, NULL) < 0 ? -ENOMEM : 0;
}

static int watch_all(struct loop *loop)
{
	int fds[BACKEND_MAX_DESCRIPTORS];
	int count = loop->ops->descriptors(loop->backend, fds);
	int result = 0;

	for (size_t i = 0; i < SIGNAL_COUNT && result == 0; i++)
		result = watch(&loop->signals[i], loop, signals[i],
		    EV_SIGNAL | EV_PERSIST, on_signal);
	for (int i = 0; i < count && result == 0; i++)
		result = watch(&loop->descriptors[i], loop, fds[i],
		    EV_READ | EV_PERSIST, on_packets);
	loop->timer = evtimer_new(loop->base, on_timer, loop);
	return loop->timer ? result : -ENOMEM;
}

int loop_open(struct loop **loop, struct event_base *base,
    struct spinat *engine, const struct backend_ops *ops,
    struct backend *backend, struct error *error)
{
	struct loop *made = calloc(1, sizeof(*made));
	int result;

	if (!made)
		return error_set(error, -ENOMEM, "out of memory");
	*made = (struct loop){.base = base,
	    .engine = engine,
	    .ops = ops,
	    .backend = backend,
	    .armed = SPINAT_NEVER};
	result = watch_all(made);
	if (result < 0) {
		loop_close(made);
		return error_set(error, result,
		    "cannot watch the packets and signals: %s",
		    strerror(-result));
	}
	*loop = made;
	return 0;
}

int loop_run(struct loop *loop)
{
	run_timers(loop, clock_now());
	if (event_base_dispatch(loop->base) < 0 && loop->broken == 0)
		give_up(loop, -EIO);
	return loop->broken;
}

void loop_drain(struct loop *loop)
{
	(void)event_base_loop(loop->base, EVLOOP_NONBLOCK);
}

void loop_close(struct loop *loop)
{
	if (!loop)
		return;
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		if (loop->signals[i])
			event_free(loop->signals[i]);
	for (int i = 0; i < BACKEND_MAX_DESCRIPTORS; i++)
		if (loop->descriptors[i])
			event_free(loop->descriptors[i]);
	if (loop->timer)
		event_free(loop->timer);
	free(loop);
}
