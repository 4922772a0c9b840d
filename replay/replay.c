/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replay.
 *
 *   receive ─► timers up to the batch's stamp ─► translate ─► finish ─┐
 *      ▲                                                              │
 *      └──────────────────── next deadline ◄──────────────────────────┘
 *
 * A timer that is due at the very time of a packet runs before it.
 */
#include "replay/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "replay/events.h"

struct replay {
	const struct replay_options *options;
	struct backend *backend;
	struct events *events;
	struct spinat *engine;
	void *memory;
	size_t memory_size;
	spinat_time deadline; /* of the engine's next timer */
	spinat_time now;
};

/* ------------------------------------------------------------ the options */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* seed = seed * base + digit; false: it does not fit. */
static bool seed_push(uint8_t seed[32], unsigned base, unsigned digit)
{
	unsigned carry = digit;

	for (unsigned i = 32; i-- > 0;) {
		unsigned value = seed[i] * base + carry;
		seed[i] = (uint8_t)value;
		carry = value >> 8;
	}
	return carry == 0;
}

bool replay_read_seed(uint8_t seed[32], const char *text)
{
	uint8_t read[32] = {0};
	unsigned base = 10;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	} else if (strlen(text) == 64) {
		base = 16;
	}
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		int digit = hex_digit(*text);

		if (digit < 0 || (unsigned)digit >= base ||
		    !seed_push(read, base, (unsigned)digit))
			return false;
	}
	memcpy(seed, read, sizeof(read));
	return true;
}

bool replay_read_seconds(spinat_time *time, const char *text)
{
	spinat_time seconds = 0, fraction = 0, unit = SPINAT_SECOND;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		seconds = seconds * 10 + (*at - '0');
		if (seconds > REPLAY_UNTIL_MAX / SPINAT_SECOND)
			return false;
	}
	if (at == text)
		return false;
	if (*at == '.') {
		for (at++; *at >= '0' && *at <= '9' && unit > 1; at++) {
			unit /= 10;
			fraction += (*at - '0') * unit;
		}
	}
	if (*at != '\0' ||
	    seconds * SPINAT_SECOND + fraction > REPLAY_UNTIL_MAX)
		return false;
	*time = seconds * SPINAT_SECOND + fraction;
	return true;
}

/* ------------------------------------------------------------ the engine */

static void on_emit(
    void *context, enum spinat_side to, const uint8_t *data, size_t length)
{
	struct replay *replay = context;

	backend_pcap.emit(replay->backend, to, data, length);
}

static void on_event(void *context, const struct spinat_event *event)
{
	struct replay *replay = context;

	if (replay->events != NULL)
		events_write(replay->events,
		    backend_pcap_clock(replay->backend), replay->engine, event);
}

/* "FILE:LINE:COLUMN: what" */
static int fail_at(const struct conf *conf, const struct conf_place *place,
    int code, const char *what, struct error *error)
{
	return error_set(error, code, "%s:%u:%u: %s",
	    conf->sources[place->source], place->line, place->column, what);
}

static int make_engine(
    struct replay *replay, const struct conf *conf, struct error *error)
{
	const struct replay_options *options = replay->options;
	struct spinat_config config = conf->engine;
	const char *what = NULL;
	int code;

	if (config.public_count == 0)
		return error_set(error, -EINVAL,
		    "%s: replay needs an alias_address: captures do not tell "
		    "the address of interface \"%s\"",
		    options->conf_path, conf->interface);
	memcpy(config.seed, options->seed, sizeof(config.seed));
	config.events = (1u << SPINAT_EVENT_KINDS) - 1;
	config.ops = (struct spinat_ops){
	    .emit = on_emit, .event = on_event, .context = replay};
	code = spinat_config_check(&config, &what);
	if (code != 0)
		return error_set(error, code, "%s: %s", options->conf_path,
		    what != NULL ? what : strerror(-code));
	/* Pages from mmap() are zeroed and aligned to more than 64 bytes. */
	replay->memory_size = spinat_memory_size(&config);
	replay->memory = mmap(NULL, replay->memory_size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (replay->memory == MAP_FAILED) {
		code = -errno;
		replay->memory = NULL;
		return error_set(error, code,
		    "%zu bytes of memory for %u flows: %s; a smaller "
		    "max_flows needs less",
		    replay->memory_size, config.max_flows, strerror(-code));
	}
	code = spinat_create(&replay->engine, &config, replay->memory,
	    replay->memory_size, replay->now);
	if (code != 0)
		return error_set(error, code,
		    "%s: the engine cannot be made: %s", options->conf_path,
		    strerror(-code));
	for (unsigned i = 0; i < conf->redirect_count; i++) {
		code = spinat_add_redirect(replay->engine, &conf->redirects[i]);
		if (code != 0)
			return fail_at(conf, &conf->redirect_places[i], code,
			    code == -EEXIST ? "its public ports are another "
					      "rule's already"
				: code == -ENOSPC
				? "there are more rules than fit"
				: "such a rule cannot be",
			    error);
	}
	return 0;
}

/* --------------------------------------------------------------- the run */

/* Runs every timer that is due up to and including `time`. */
static void run_timers(struct replay *replay, spinat_time time)
{
	while (replay->deadline <= time) {
		if (replay->deadline > replay->now)
			replay->now = replay->deadline;
		backend_pcap_advance(replay->backend, replay->now);
		replay->deadline =
		    spinat_run_timers(replay->engine, replay->now);
	}
	replay->now = time;
	backend_pcap_advance(replay->backend, time);
}

static int run_packets(struct replay *replay, struct error *error)
{
	struct backend_batch batch;

	replay->deadline = spinat_run_timers(replay->engine, replay->now);
	for (;;) {
		int code = backend_pcap.receive(replay->backend, -1, &batch);

		if (code != 0)
			return error_set(
			    error, code, "reading: %s", strerror(-code));
		if (batch.count == 0)
			return 0;
		run_timers(replay, batch.stamp);
		spinat_translate(
		    replay->engine, batch.stamp, batch.packets, batch.count);
		code = backend_pcap.finish(replay->backend, &batch);
		if (code != 0)
			return error_set(
			    error, code, "writing: %s", strerror(-code));
		replay->deadline =
		    spinat_run_timers(replay->engine, replay->now);
	}
}

/* ------------------------------------------------------------ the telling */

static void warn_of_captures(const struct replay_options *options,
    const struct backend_pcap_counts *counts, FILE *out)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct capture_counts *read = &counts->read[i];
		const char *path = options->files.from[i];

		if (read->backward > 0)
			fprintf(out,
			    "%s: packet %" PRIu64 ": its time stamp is earlier "
			    "than the one before: taken as equal (%" PRIu64
			    " such)\n",
			    path, read->first_backward, read->backward);
		if (read->cut > 0)
			fprintf(out,
			    "%s: %" PRIu64 " packets are cut by the snapshot "
			    "length: the engine drops them; capture with "
			    "\"-s 0\"\n",
			    path, read->cut);
	}
}

static void summarize(const struct replay *replay, FILE *out)
{
	static const char *const sides[2] = {"inside", "outside"};
	struct backend_pcap_counts counts;
	struct spinat_stats stats;

	backend_pcap_count(replay->backend, &counts);
	spinat_get_stats(replay->engine, &stats);
	for (unsigned i = 0; i < 2; i++)
		fprintf(out,
		    "from %-8s %10" PRIu64 " packets, %" PRIu64
		    " not IPv4 skipped, %" PRIu64 " cut\n",
		    sides[i], counts.read[i].packets, counts.read[i].skipped,
		    counts.read[i].cut);
	for (unsigned i = 2; i-- > 0;)
		fprintf(out, "to %-10s %10" PRIu64 " packets\n", sides[i],
		    counts.written[i]);
	for (unsigned i = 0; i < SPINAT_VERDICT_COUNT; i++)
		fprintf(out, "%-13s %10" PRIu64 "\n", spinat_verdict_name(i),
		    counts.verdicts[i]);
	fprintf(out, "%-13s %10" PRIu64 "\n", "emitted", counts.emitted);
	fprintf(out,
	    "%-13s %10" PRIu64 " created, %" PRIu64 " ended, %u at the end\n",
	    "flows", stats.flows_created, stats.flows_ended, stats.flows);
	fprintf(out, "%-13s %10u at the end\n", "ike", stats.ike);
	for (unsigned i = SPINAT_REASON_NONE + 1; i < SPINAT_REASON_COUNT; i++)
		if (stats.reasons[i] > 0)
			fprintf(out, "reason %-20s %10" PRIu64 "  %s\n",
			    spinat_reason_name(i), stats.reasons[i],
			    spinat_reason_text(i));
}

/* ------------------------------------------------------------------- all */

/* No output may be the configuration, and the events no other file. */
static int check_paths(
    const struct replay_options *options, struct error *error)
{
	const struct backend_pcap_files *files = &options->files;

	for (unsigned i = 0; i < 2; i++) {
		if (capture_same_file(files->to[i], options->conf_path))
			return error_set(error, -EINVAL,
			    "%s: is the configuration; write to another file",
			    files->to[i]);
		if (capture_same_file(options->events, files->from[i]))
			return error_set(error, -EINVAL,
			    "%s: is an input; write to another file",
			    options->events);
	}
	if (capture_same_file(options->events, options->conf_path))
		return error_set(error, -EINVAL,
		    "%s: is the configuration; write to another file",
		    options->events);
	return 0;
}

/* After the outputs exist: two names of one file are seen only then. */
static int open_events(struct replay *replay, struct error *error)
{
	const struct replay_options *options = replay->options;

	if (options->events == NULL)
		return 0;
	for (unsigned i = 0; i < 2; i++)
		if (capture_same_file(options->events, options->files.to[i]))
			return error_set(error, -EINVAL,
			    "%s: named for two outputs; write to two files",
			    options->events);
	return events_create(&replay->events, options->events, error);
}

/* Closes what was written.  The first fault wins: `code` if it is one. */
static int close_outputs(struct replay *replay, int code, struct error *error)
{
	struct error later;
	int failed =
	    backend_pcap_flush(replay->backend, code == 0 ? error : &later);

	if (code == 0)
		code = failed;
	failed = events_finish(replay->events, code == 0 ? error : &later);
	replay->events = NULL;
	return code == 0 ? failed : code;
}

int replay_run(const struct conf *conf, const struct replay_options *options,
    FILE *summary, FILE *warnings, struct error *error)
{
	struct replay replay = {.options = options, .now = REPLAY_START};
	struct backend_pcap_counts counts;
	int code = check_paths(options, error);

	if (code != 0)
		return code;
	/* The engine first: a configuration it refuses must not cost the
	 * outputs of an earlier run. */
	code = make_engine(&replay, conf, error);
	if (code != 0)
		goto out;
	code = backend_pcap_open(&replay.backend, &options->files, error);
	if (code != 0)
		goto out;
	code = open_events(&replay, error);
	if (code != 0)
		goto out;
	code = run_packets(&replay, error);
	if (code == 0)
		code = backend_pcap_damage(replay.backend, error);
	if (code == 0)
		run_timers(&replay, replay.now + options->until);
	if (code == -EBADMSG)
		fprintf(warnings,
		    "a capture is damaged: what was read before that is "
		    "written, timers did not run on\n");
	code = close_outputs(&replay, code, error);
	backend_pcap_count(replay.backend, &counts);
	warn_of_captures(options, &counts, warnings);
	summarize(&replay, summary);
out:
	(void)events_finish(replay.events, &(struct error){""});
	if (replay.backend != NULL)
		backend_pcap.close(replay.backend);
	if (replay.memory != NULL)
		munmap(replay.memory, replay.memory_size);
	return code;
}
