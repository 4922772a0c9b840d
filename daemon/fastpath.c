/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/fastpath.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/clock.h"
#include "daemon/grace.h"
#include "daemon/log.h"
#include "fast/fast.h"
#include "firewall/watch.h"

/* By side and outcome. */
struct sides {
	struct fast_sums last[2][FAST_OUTCOMES_MAX];
	struct fast_sums before[2][FAST_OUTCOMES_MAX];
};

struct fastpath {
	struct fast *fast;
	struct grace *grace;
	int rules; /* firewall_watch(); -1: none */
	struct event *rules_changed, *second;
	struct sides sums;
	const char *hook;          /* NULL: nothing is attached */
	char devices[2][IFNAMSIZ]; /* by side */
	struct fast_program programs[FAST_PROGRAMS];
};

int fastpath_open(struct fastpath **result, const struct conf *conf,
    struct spinat_memory *memory, struct error *error)
{
	struct fastpath *fastpath = calloc(1, sizeof(*fastpath));
	int code;

	if (fastpath == NULL)
		return error_set(error, -ENOMEM, "out of memory");
	fastpath->rules = -1;
	code = fast_open(&fastpath->fast, &conf->engine, memory, error);
	if (code != 0) {
		fastpath_close(fastpath);
		return code;
	}
	*result = fastpath;
	return 0;
}

/* ----------------------------------------------------------- the rules */

static void on_rules_changed(evutil_socket_t fd, short what, void *context)
{
	struct fastpath *fastpath = context;

	(void)what;
	if (firewall_watch_drain(fd))
		fast_next_epoch(fastpath->fast);
}

static int watch_rules(
    struct fastpath *fastpath, struct event_base *base, struct error *error)
{
	fastpath->rules = firewall_watch();
	if (fastpath->rules < 0)
		return error_set(error, fastpath->rules,
		    "no news of changed firewall rules: %s",
		    strerror(-fastpath->rules));
	fastpath->rules_changed = event_new(base, fastpath->rules,
	    EV_READ | EV_PERSIST, on_rules_changed, fastpath);
	if (fastpath->rules_changed == NULL ||
	    event_add(fastpath->rules_changed, NULL) != 0)
		return error_set(error, -ENOMEM, "out of memory");
	return 0;
}

/* ----------------------------------------------------------- the rates */

/* What there was a second ago, and two: the rate is the difference. */
static void on_second(evutil_socket_t fd, short what, void *context)
{
	struct fastpath *fastpath = context;

	(void)fd;
	(void)what;
	for (int side = 0; side < 2; side++) {
		struct sides *sums = &fastpath->sums;
		memcpy(sums->before[side], sums->last[side],
		    fast_outcomes() * sizeof(**sums->last));
		(void)fast_get_sums(
		    fastpath->fast, (enum spinat_side)side, sums->last[side]);
	}
}

static int watch_rates(
    struct fastpath *fastpath, struct event_base *base, struct error *error)
{
	const struct timeval second = {.tv_sec = 1};

	fastpath->second = event_new(base, -1, EV_PERSIST, on_second, fastpath);
	if (fastpath->second == NULL ||
	    event_add(fastpath->second, &second) != 0)
		return error_set(error, -ENOMEM, "out of memory");
	return 0;
}

/* ----------------------------------------------------------- the start */

static int find_devices(
    const struct conf *conf, unsigned devices[2], struct error *error)
{
	const char *const names[2] = {
	    [SPINAT_INSIDE] = conf->inside_interface,
	    [SPINAT_OUTSIDE] = conf->interface,
	};

	for (int side = 0; side < 2; side++) {
		if (names[side][0] == '\0')
			return error_set(error, -EINVAL,
			    "%s: not set; the fast path needs it",
			    side == SPINAT_INSIDE ? "inside_interface"
						  : "interface");
		devices[side] = if_nametoindex(names[side]);
		if (devices[side] == 0)
			return error_set(error, -errno, "%s: %s", names[side],
			    strerror(errno));
	}
	return 0;
}

int fastpath_start(struct fastpath *fastpath, const struct conf *conf,
    struct spinat *engine, struct event_base *base, struct error *error)
{
	const bool xdp = strcmp(conf->fast_path, "xdp") == 0;
	unsigned devices[2];
	/* Whatever follows, what ends must be given back. */
	int code = grace_open(&fastpath->grace, base, engine, error);

	if (code == 0)
		code = find_devices(conf, devices, error);
	if (code == 0)
		code = fast_load(fastpath->fast, engine,
		    xdp ? FAST_XDP : FAST_TC, devices, CLOCK_BEGIN, error);
	if (code == 0)
		code = watch_rules(fastpath, base, error);
	if (code == 0)
		code = watch_rates(fastpath, base, error);
	if (code == 0)
		code = fast_attach(fastpath->fast, error);
	if (code != 0)
		return code;
	fastpath->hook = xdp ? "XDP" : "tc";
	/* Who may not load programs is not told their size either. */
	fast_get_programs(fastpath->fast, fastpath->programs);
	memcpy(
	    fastpath->devices[SPINAT_INSIDE], conf->inside_interface, IFNAMSIZ);
	memcpy(fastpath->devices[SPINAT_OUTSIDE], conf->interface, IFNAMSIZ);
	fast_next_epoch(fastpath->fast);
	return 0;
}

void fastpath_stop(struct fastpath *fastpath)
{
	if (fastpath == NULL)
		return;
	if (fastpath->fast != NULL)
		fast_detach(fastpath->fast);
	fastpath->hook = NULL;
	if (fastpath->rules_changed != NULL)
		event_free(fastpath->rules_changed);
	fastpath->rules_changed = NULL;
	if (fastpath->second != NULL)
		event_free(fastpath->second);
	fastpath->second = NULL;
	grace_close(fastpath->grace);
	fastpath->grace = NULL;
}

void fastpath_close(struct fastpath *fastpath)
{
	if (fastpath == NULL)
		return;
	fastpath_stop(fastpath);
	if (fastpath->rules >= 0)
		(void)close(fastpath->rules);
	fast_close(fastpath->fast);
	free(fastpath);
}

/* ---------------------------------------------------------- the report */

const char *fastpath_hook(const struct fastpath *fastpath)
{
	return fastpath == NULL ? NULL : fastpath->hook;
}

static json_t *report_side(
    const struct fastpath *fastpath, enum spinat_side side)
{
	struct fast_sums now[FAST_OUTCOMES_MAX];
	const struct fast_sums *last = fastpath->sums.last[side];
	const struct fast_sums *before = fastpath->sums.before[side];
	json_t *made = json_object();

	if (fast_get_sums(fastpath->fast, side, now) != 0)
		return made;
	for (unsigned o = 0; o < fast_outcomes(); o++)
		(void)json_object_set_new(made, fast_outcome_name(o),
		    json_pack("{s:s, s:I, s:I, s:I}", "text",
			fast_outcome_text(o), "packets",
			(json_int_t)now[o].packets, "bytes",
			(json_int_t)now[o].bytes, "packets_per_second",
			(json_int_t)(last[o].packets - before[o].packets)));
	return made;
}

static json_t *report_programs(const struct fastpath *fastpath)
{
	json_t *made = json_object();

	for (unsigned i = 0; i < FAST_PROGRAMS; i++)
		(void)json_object_set_new(made, fastpath->programs[i].name,
		    json_integer(fastpath->programs[i].instructions));
	return made;
}

json_t *fastpath_report(const struct fastpath *fastpath)
{
	if (fastpath_hook(fastpath) == NULL)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o}", "hook",
	    fastpath->hook, "inside_interface",
	    fastpath->devices[SPINAT_INSIDE], "interface",
	    fastpath->devices[SPINAT_OUTSIDE], "map_bytes",
	    (json_int_t)fast_map_bytes(fastpath->fast), "instructions",
	    report_programs(fastpath), "inside",
	    report_side(fastpath, SPINAT_INSIDE), "outside",
	    report_side(fastpath, SPINAT_OUTSIDE));
}
