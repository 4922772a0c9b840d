/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/fastpath.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/budget.h"
#include "daemon/choose.h"
#include "daemon/clock.h"
#include "daemon/grace.h"
#include "daemon/log.h"
#include "fast/fast.h"
#include "firewall/tunnels.h"
#include "firewall/watch.h"

/* By side and outcome. */
struct sides {
	struct fast_sums last[2][FAST_OUTCOMES_MAX];
	struct fast_sums before[2][FAST_OUTCOMES_MAX];
};

struct fastpath {
	const struct conf *conf; /* the daemon's: addresses may change */
	struct fast *fast;
	struct grace *grace;
	struct fast_found found;
	struct spinat_adoption adoption;
	int rules; /* firewall_watch(); -1: none */
	struct event *rules_changed, *second, *beat;
	bool is_under_way; /* the loop has begun */
	struct sides sums;
	const char *hook;          /* NULL: nothing is attached */
	char devices[2][IFNAMSIZ]; /* by side */
	char why[CHOOSE_WHY];      /* what speaks against XDP; empty: nothing */
	struct fast_program programs[FAST_PROGRAMS];
};

int fastpath_open(struct fastpath **result, struct conf *conf,
    struct spinat_memory *memory, struct error *error)
{
	const struct fast_place place = {
	    .bpffs = conf->bpffs,
	    .interface = conf->interface,
	};
	const bool stays = conf->fast_path_linger != 0;
	struct fastpath *fastpath = calloc(1, sizeof(*fastpath));
	int code = 0;

	if (fastpath == NULL)
		return error_set(error, -ENOMEM, "out of memory");
	fastpath->rules = -1;
	fastpath->conf = conf;
	if (!stays)
		code = fastpath_detach(conf, error);
	if (code == 0)
		code = fast_open(&fastpath->fast, &conf->engine,
		    stays ? &place : NULL, memory, &fastpath->found, error);
	if (code != 0) {
		fastpath_close(fastpath);
		return code;
	}
	if (fastpath->found.tables)
		memcpy(conf->engine.seed, fastpath->found.seed,
		    sizeof(fastpath->found.seed));
	else if (fastpath->found.why.text[0] != '\0')
		log_notice("fast path: no flow of before goes on: %s",
		    fastpath->found.why.text);
	*result = fastpath;
	return 0;
}

void fastpath_adopt(struct fastpath *fastpath, struct spinat *engine)
{
	struct spinat_adoption *adoption = &fastpath->adoption;

	if (!fastpath->found.tables)
		return;
	spinat_adopt(engine, clock_now(), adoption);
	/* What ended just now may still be in use. */
	(void)fast_wait_grace();
	log_notice("fast path: of a spinatd that %s, %u sessions and %u SPIs "
		   "go on; %u flows are not of this configuration, %u places "
		   "were mended",
	    fastpath->found.crashed ? "crashed" : "stopped", adoption->sessions,
	    adoption->spis, adoption->refused, adoption->mended);
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

/* ------------------------------------------------------- signs of life */

static void on_beat(evutil_socket_t fd, short what, void *context)
{
	struct fastpath *fastpath = context;

	(void)fd;
	(void)what;
	fast_beat(fastpath->fast, clock_now());
	/* Not before what is left to the daemon is read: rules may have changed
	 * while nobody watched. */
	if (!fastpath->is_under_way)
		fast_next_epoch(fastpath->fast);
	fastpath->is_under_way = true;
}

static int start_beat(
    struct fastpath *fastpath, struct event_base *base, struct error *error)
{
	const struct timeval pause = {.tv_usec = FAST_BEAT_MS * 1000};

	fast_set_linger(fastpath->fast, fastpath->conf->fast_path_linger);
	fastpath->beat = event_new(base, -1, EV_PERSIST, on_beat, fastpath);
	if (fastpath->beat == NULL || event_add(fastpath->beat, &pause) != 0)
		return error_set(error, -ENOMEM, "out of memory");
	event_active(fastpath->beat, EV_TIMEOUT, 1);
	return 0;
}

/* -------------------------------------------------------- every second */

static void set_limits(struct fastpath *fastpath)
{
	struct fast_limits limits;

	budget_limits(&limits, fastpath->conf, firewall_has_tunnels());
	fast_set_limits(fastpath->fast, &limits);
}

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
	set_limits(fastpath);
}

static int begin_seconds(
    struct fastpath *fastpath, struct event_base *base, struct error *error)
{
	const struct timeval second = {.tv_sec = 1};

	set_limits(fastpath);
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

static enum choose_wish wish_of(const struct conf *conf)
{
	return strcmp(conf->fast_path, "auto") == 0 ? CHOOSE_AUTO
	    : strcmp(conf->fast_path, "xdp") == 0   ? CHOOSE_XDP
						    : CHOOSE_TC;
}

/* At which hook they are to be, or to stay. */
static int choose(struct choice *choice, const struct conf *conf,
    bool is_attached, struct error *error)
{
	struct choose_facts facts = {.wish = wish_of(conf),
	    .page = (uint32_t)sysconf(_SC_PAGESIZE),
	    .is_attached = is_attached};
	int code = device_read(
	    &facts.devices[SPINAT_INSIDE], conf->inside_interface, error);

	if (code == 0)
		code = device_read(
		    &facts.devices[SPINAT_OUTSIDE], conf->interface, error);
	if (code != 0)
		return code;
	*choice = choose_hook(&facts);
	return choice->is_possible
	    ? 0
	    : error_set(error, -EOPNOTSUPP, "fast_path xdp: %s", choice->why);
}

static enum fast_way way_of(const struct conf *conf)
{
	return strcmp(conf->fast_path, "clsact") == 0 ? FAST_BY_FILTERS
						      : FAST_BY_LINKS;
}

/* What a device sends at XDP is known only now. */
static int attach(
    struct fastpath *fastpath, struct choice *choice, struct error *error)
{
	const struct conf *conf = fastpath->conf;
	int code = fast_attach(fastpath->fast, way_of(conf), error);

	if (code != 0 || choice->hook == FAST_TC)
		return code;
	code = choose(choice, conf, true, error);
	if (code != 0 || choice->hook == FAST_XDP)
		return code;
	fast_use_tc(fastpath->fast);
	return fast_attach(fastpath->fast, way_of(conf), error);
}

static void tell_choice(struct fastpath *fastpath, const struct choice *choice)
{
	fastpath->hook = choice->hook == FAST_XDP ? "XDP" : "tc";
	memcpy(fastpath->why, choice->why, sizeof(fastpath->why));
	if (choice->why[0] == '\0')
		return;
	if (wish_of(fastpath->conf) == CHOOSE_XDP)
		log_warning("fast_path xdp: %s", choice->why);
	else
		log_notice("the fast path is at tc: %s", choice->why);
}

int fastpath_start(struct fastpath *fastpath, struct spinat *engine,
    struct event_base *base, struct error *error)
{
	const struct conf *conf = fastpath->conf;
	struct choice choice;
	unsigned devices[2];
	/* Whatever follows, what ends must be given back. */
	int code = grace_open(&fastpath->grace, base, engine, error);

	if (code == 0)
		code = find_devices(conf, devices, error);
	if (code == 0)
		code = choose(&choice, conf, false, error);
	if (code == 0)
		code = fast_load(fastpath->fast, engine, choice.hook, devices,
		    CLOCK_BEGIN, error);
	if (code == 0)
		code = watch_rules(fastpath, base, error);
	if (code == 0)
		code = begin_seconds(fastpath, base, error);
	if (code == 0)
		code = start_beat(fastpath, base, error);
	if (code == 0)
		code = attach(fastpath, &choice, error);
	if (code != 0) {
		/* Those of a daemon before would go on. */
		fast_detach(fastpath->fast);
		return code;
	}
	tell_choice(fastpath, &choice);
	/* Who may not load programs is not told their size either. */
	fast_get_programs(fastpath->fast, fastpath->programs);
	memcpy(
	    fastpath->devices[SPINAT_INSIDE], conf->inside_interface, IFNAMSIZ);
	memcpy(fastpath->devices[SPINAT_OUTSIDE], conf->interface, IFNAMSIZ);
	return 0;
}

bool fastpath_leave(struct fastpath *fastpath)
{
	if (fastpath_hook(fastpath) == NULL || !fast_outlives(fastpath->fast))
		return false;
	fast_leave(fastpath->fast);
	return true;
}

/* Nothing of it runs in the loop any more. */
static void end_events(struct fastpath *fastpath)
{
	struct event **const events[] = {
	    &fastpath->rules_changed, &fastpath->second, &fastpath->beat};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (*events[i] != NULL)
			event_free(*events[i]);
		*events[i] = NULL;
	}
	grace_close(fastpath->grace);
	fastpath->grace = NULL;
}

void fastpath_stop(struct fastpath *fastpath, bool is_over)
{
	if (fastpath == NULL)
		return;
	if (is_over)
		fast_detach(fastpath->fast);
	fastpath->hook = NULL;
	end_events(fastpath);
}

void fastpath_close(struct fastpath *fastpath)
{
	if (fastpath == NULL)
		return;
	if (fastpath->rules >= 0)
		(void)close(fastpath->rules);
	fast_close(fastpath->fast);
	free(fastpath);
}

int fastpath_detach(const struct conf *conf, struct error *error)
{
	unsigned count;
	const int code = fast_forget_all(conf->bpffs, &count);

	if (count != 0)
		log_notice("fast path: removed from %u interface%s", count,
		    count == 1 ? "" : "s");
	return code == 0
	    ? 0
	    : error_set(error, code,
		  "programs at tc of an earlier daemon cannot be removed: %s",
		  strerror(-code));
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

/* What it went on with. */
static json_t *report_start(const struct fastpath *fastpath)
{
	const struct spinat_adoption *adoption = &fastpath->adoption;

	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "found",
	    !fastpath->found.tables       ? "nothing"
		: fastpath->found.crashed ? "crashed"
					  : "stopped",
	    "sessions", (json_int_t)adoption->sessions, "spis",
	    (json_int_t)adoption->spis, "refused",
	    (json_int_t)adoption->refused, "mended",
	    (json_int_t)adoption->mended);
}

json_t *fastpath_report(const struct fastpath *fastpath)
{
	if (fastpath_hook(fastpath) == NULL)
		return json_null();
	return json_pack(
	    "{s:s, s:s, s:s, s:s, s:s, s:I, s:o, s:b, s:I, s:o, s:o, s:o}",
	    "hook", fastpath->hook, "attached_by",
	    fast_way(fastpath->fast) == FAST_BY_LINKS ? "links"
						      : "clsact filters",
	    "why", fastpath->why, "inside_interface",
	    fastpath->devices[SPINAT_INSIDE], "interface",
	    fastpath->devices[SPINAT_OUTSIDE], "map_bytes",
	    (json_int_t)fast_map_bytes(fastpath->fast), "at_start",
	    report_start(fastpath), "outlives", fast_outlives(fastpath->fast),
	    "linger_seconds",
	    (json_int_t)(fastpath->conf->fast_path_linger / SPINAT_SECOND),
	    "instructions", report_programs(fastpath), "inside",
	    report_side(fastpath, SPINAT_INSIDE), "outside",
	    report_side(fastpath, SPINAT_OUTSIDE));
}
