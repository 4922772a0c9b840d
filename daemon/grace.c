/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/grace.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fast/fast.h"

/** Between two looks for flows that ended: a table that is nearly full shall
 * not wait for long. */
#define GRACE_PAUSE_MS 20

/* The loop asks by one descriptor and hears by the other. */
struct grace {
	struct spinat *engine;
	struct event *timer, *over;
	int asked, done; /* eventfd */
	pthread_t waiter;
	bool is_running;
};

#define GRACE_STOP UINT64_C(0x100000000)

static void tell(int fd, uint64_t what)
{
	/* It cannot be full: each is read before the next is written. */
	(void)!write(fd, &what, sizeof(what));
}

static void *wait_for_each(void *context)
{
	struct grace *grace = context;
	uint64_t what;

	while (read(grace->asked, &what, sizeof(what)) == sizeof(what) &&
	    what < GRACE_STOP) {
		/* Where there is no membarrier() nothing is given back: the
		 * table fills up, which is seen, and safe. */
		if (fast_wait_grace() == 0)
			tell(grace->done, 1);
	}
	return NULL;
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct grace *grace = context;

	(void)fd;
	(void)what;
	if (spinat_grace_begin(grace->engine))
		tell(grace->asked, 1);
}

static void on_over(evutil_socket_t fd, short what, void *context)
{
	struct grace *grace = context;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) == sizeof(count))
		spinat_grace_end(grace->engine);
}

static int start_waiter(struct grace *grace)
{
	sigset_t all, before;
	int cause;

	/* Signals are the loop's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	cause = pthread_create(&grace->waiter, NULL, wait_for_each, grace);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	grace->is_running = cause == 0;
	return -cause;
}

static int start(struct grace *grace, struct event_base *base)
{
	const struct timeval pause = {.tv_usec = GRACE_PAUSE_MS * 1000};

	grace->asked = eventfd(0, EFD_CLOEXEC);
	grace->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (grace->asked < 0 || grace->done < 0)
		return -errno;
	grace->timer = event_new(base, -1, EV_PERSIST, on_timer, grace);
	grace->over =
	    event_new(base, grace->done, EV_READ | EV_PERSIST, on_over, grace);
	if (grace->timer == NULL || grace->over == NULL ||
	    event_add(grace->timer, &pause) != 0 ||
	    event_add(grace->over, NULL) != 0)
		return -ENOMEM;
	return start_waiter(grace);
}

int grace_open(struct grace **result, struct event_base *base,
    struct spinat *engine, struct error *error)
{
	struct grace *grace = calloc(1, sizeof(*grace));
	int code;

	if (grace == NULL)
		return error_set(error, -ENOMEM, "out of memory");
	grace->engine = engine;
	grace->asked = grace->done = -1;
	code = start(grace, base);
	if (code != 0) {
		grace_close(grace);
		return error_set(error, code,
		    "cannot wait for grace periods: %s", strerror(-code));
	}
	*result = grace;
	return 0;
}

void grace_close(struct grace *grace)
{
	if (grace == NULL)
		return;
	if (grace->is_running) {
		tell(grace->asked, GRACE_STOP);
		(void)pthread_join(grace->waiter, NULL);
	}
	if (grace->timer != NULL)
		event_free(grace->timer);
	if (grace->over != NULL)
		event_free(grace->over);
	if (grace->asked >= 0)
		(void)close(grace->asked);
	if (grace->done >= 0)
		(void)close(grace->done);
	free(grace);
}
