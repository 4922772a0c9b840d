/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinatd: the daemon.
 *
 * The start is the list `steps` below, read from top to bottom; stop() undoes
 * it from the bottom up, as far as it came.  Two rules keep inside addresses
 * from leaking: sockets are there before the rules that feed them, and the
 * rules go away at a clean stop only.  When spinatd fails they stay, with
 * nobody behind them, and what they catch is dropped.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/backend.h"
#include "conf/conf.h"
#include "daemon/address.h"
#include "daemon/background.h"
#include "daemon/clock.h"
#include "daemon/control.h"
#include "daemon/events.h"
#include "daemon/fastpath.h"
#include "daemon/follow.h"
#include "daemon/journal.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/memory.h"
#include "daemon/pidfile.h"
#include "daemon/privilege.h"
#include "daemon/text.h"
#include "firewall/firewall.h"

enum exit_code {
	EXIT_FINE = 0,
	EXIT_RUN_TIME = 1, /* this system does not let it work */
	EXIT_USAGE = 2     /* the command line or configuration is wrong */
};

struct daemon {
	int argc;
	char **argv;
	bool wants_detach, wants_help, wants_version;

	struct conf conf;
	bool follows_address; /* dynamic, and no alias_address given */
	struct pidfile pidfile;
	struct background background;
	struct events events;
	struct memory memory;
	bool may_be_fast, must_be_fast;
	struct fastpath *fastpath;    /* NULL: none */
	struct error no_fast_path;    /* why not, with the back end auto */
	struct spinat_memory regions; /* the engine's, with a fast path */
	struct spinat *engine;
	struct journal *journal;
	const struct backend_ops *ops;
	struct backend *backend;
	struct event_base *base;
	struct loop *loop;
	struct follow *follow;
	struct answer_source source;
	struct control *control;
	bool feeding;      /* our firewall rules stand */
	json_t *conflicts; /* rules beside ours, which never see all */
	spinat_time started;
};

/* ------------------------------------------------------------ the start */

static int parse_arguments(struct daemon *daemon, struct error *error)
{
	const struct conf_flag own[] = {
	    {"detach", 0, &daemon->wants_detach},
	    {"help", 'h', &daemon->wants_help},
	    {"version", 'V', &daemon->wants_version},
	    {NULL, 0, NULL},
	};

	conf_init(&daemon->conf);
	return conf_parse_args(
	    &daemon->conf, daemon->argc, daemon->argv, own, error);
}

static int check_configuration(struct daemon *daemon, struct error *error)
{
	int result = conf_check(&daemon->conf, error);

	if (result < 0)
		return result;
	/* The fast path stands before netfilter queues. */
	daemon->must_be_fast = strcmp(daemon->conf.backend, "bpf") == 0;
	daemon->may_be_fast =
	    daemon->must_be_fast || strcmp(daemon->conf.backend, "auto") == 0;
	daemon->ops = backend_find(
	    daemon->may_be_fast ? "nfqueue" : daemon->conf.backend);
	if (!daemon->ops)
		return error_set(error, -EINVAL, "there is no backend %s",
		    daemon->conf.backend);
	return 0;
}

static int check_capabilities(struct daemon *daemon, struct error *error)
{
	(void)daemon;
	return privilege_check(error);
}

static int open_log(struct daemon *daemon, struct error *error)
{
	(void)error;
	log_open(daemon->conf.log_target, daemon->conf.verbose);
	return 0;
}

static const char *pid_file(const struct daemon *daemon)
{
	return daemon->conf.pid_file ? daemon->conf.pid_file
				     : CONF_DEFAULT_PID_FILE;
}

static int take_lock(struct daemon *daemon, struct error *error)
{
	return pidfile_lock(&daemon->pidfile, pid_file(daemon), error);
}

/** Verbose stays in the foreground, and so does whatever systemd watches. */
static int enter_background(struct daemon *daemon, struct error *error)
{
	int result = 0;

	if (!daemon->conf.verbose && !getenv("NOTIFY_SOCKET"))
		result = background_start(&daemon->background, error);
	if (result == 0)
		result = pidfile_write(&daemon->pidfile, error);
	return result;
}

static int read_interfaces(struct daemon *daemon, struct error *error)
{
	daemon->follows_address =
	    daemon->conf.dynamic && daemon->conf.engine.public_count == 0;
	return address_fill(&daemon->conf, error);
}

static void emit(
    void *context, enum spinat_side to, const uint8_t *data, size_t length)
{
	struct daemon *daemon = context;

	if (daemon->backend)
		daemon->ops->emit(daemon->backend, to, data, length);
}

static void event(void *context, const struct spinat_event *event)
{
	struct daemon *daemon = context;

	events_log(&daemon->events, event);
}

static int complete_configuration(struct daemon *daemon, struct error *error)
{
	struct spinat_config *config = &daemon->conf.engine;
	const char *what = "something";

	config->ops = (struct spinat_ops){
	    .emit = emit, .event = event, .context = daemon};
	config->events |= events_init(&daemon->events, &daemon->conf);
	if (getrandom(config->seed, sizeof(config->seed), 0) !=
	    (ssize_t)sizeof(config->seed))
		return error_set(
		    error, -EIO, "the system gives no random numbers");
	if (spinat_config_check(config, &what) < 0)
		return error_set(error, -EINVAL, "%s", what);
	return 0;
}

/** The back end auto goes on without a fast path, and says why. */
static int may_go_on(
    struct daemon *daemon, int result, const struct error *error)
{
	if (result == 0 || daemon->must_be_fast)
		return result;
	daemon->no_fast_path = *error;
	log_notice("no fast path: %s; all packets come by netfilter queues",
	    error->text);
	return 0;
}

/** The tables that the programs in the kernel share, if there are to be any. */
static int make_tables(struct daemon *daemon, struct error *error)
{
	if (!daemon->may_be_fast)
		return 0;
	return may_go_on(daemon,
	    fastpath_open(
		&daemon->fastpath, &daemon->conf, &daemon->regions, error),
	    error);
}

static int create_engine(struct daemon *daemon)
{
	const struct spinat_config *config = &daemon->conf.engine;
	struct spinat_memory *regions = &daemon->regions;

	if (!daemon->fastpath)
		return spinat_create(&daemon->engine, config,
		    daemon->memory.base, daemon->memory.size, daemon->started);
	regions->base[SPINAT_REGION_ENGINE] = daemon->memory.base;
	regions->size[SPINAT_REGION_ENGINE] = daemon->memory.size;
	return spinat_create_shared(
	    &daemon->engine, config, regions, daemon->started);
}

static int make_engine(struct daemon *daemon, struct error *error)
{
	const struct spinat_config *config = &daemon->conf.engine;
	size_t sizes[SPINAT_REGIONS] = {0};
	int result = make_tables(daemon, error);

	if (result == 0 && daemon->fastpath)
		result = spinat_region_sizes(config, sizes);
	if (result == 0)
		result = memory_map(&daemon->memory,
		    daemon->fastpath ? sizes[SPINAT_REGION_ENGINE]
				     : spinat_memory_size(config),
		    error);
	if (result < 0)
		return result;
	log_notice("%zu MiB for %u flows, on %s%s",
	    spinat_memory_size(config) >> 20, config->max_flows,
	    daemon->memory.pages,
	    daemon->fastpath ? "; what the kernel shares, on 4 KiB pages" : "");
	daemon->started = clock_now();
	result = create_engine(daemon);
	if (result < 0)
		return error_set(error, result, "the engine does not start: %s",
		    strerror(-result));
	return 0;
}

static const char *redirect_fault(int result)
{
	switch (result) {
	case -EEXIST:
		return "its public ports are taken by another redirect";
	case -ENOSPC:
		return "there are too many redirects";
	default:
		return "it is not possible";
	}
}

static int add_redirects(struct daemon *daemon, struct error *error)
{
	for (unsigned i = 0; i < daemon->conf.redirect_count; i++) {
		const struct spinat_redirect *rule = &daemon->conf.redirects[i];
		char inside[TEXT_ADDRESS_MAX];
		int result = spinat_add_redirect(daemon->engine, rule);

		if (result < 0)
			return error_set(error, result,
			    "redirect %u, to inside host %s: %s", i + 1,
			    text_address(inside, rule->inside),
			    redirect_fault(result));
	}
	return 0;
}

/** Before the journal: it brings back what is not there. */
static int adopt_flows(struct daemon *daemon, struct error *error)
{
	(void)error;
	if (daemon->fastpath)
		fastpath_adopt(daemon->fastpath, daemon->engine);
	return 0;
}

/** Rules are there already: what they make of a host is not in the journal. */
static int read_journal(struct daemon *daemon, struct error *error)
{
	(void)error;
	if (strcmp(daemon->conf.journal, CONF_NO_JOURNAL) != 0)
		journal_open(
		    &daemon->journal, daemon->conf.journal, daemon->engine);
	return 0;
}

static int open_backend(struct daemon *daemon, struct error *error)
{
	return daemon->ops->open(&daemon->backend, &daemon->conf, error);
}

static int open_loop(struct daemon *daemon, struct error *error)
{
	daemon->base = event_base_new();
	if (!daemon->base)
		return error_set(error, -ENOMEM, "libevent does not start");
	return loop_open(&daemon->loop, daemon->base, daemon->engine,
	    daemon->ops, daemon->backend, error);
}

static int follow_address(struct daemon *daemon, struct error *error)
{
	if (!daemon->follows_address)
		return 0;
	return follow_open(&daemon->follow, daemon->base, &daemon->conf,
	    daemon->engine, error);
}

/** Null: there is none, or none could be had. */
static json_t *about_journal(const struct daemon *daemon, spinat_time now)
{
	struct journal_stats stats;

	if (!daemon->journal)
		return json_null();
	journal_get_stats(daemon->journal, &stats);
	return json_pack("{s:s, s:I, s:I, s:b, s:o, s:{s:I, s:I, s:I, s:I, "
			 "s:I}}",
	    "path", daemon->conf.journal, "rows_written",
	    (json_int_t)stats.rows, "errors", (json_int_t)stats.errors,
	    "behind", stats.is_behind, "last_write_ms",
	    stats.written == 0
		? json_null()
		: json_integer((now - stats.written) / CLOCK_NSEC_PER_MSEC),
	    "at_start", "back", (json_int_t)stats.back, "run_out",
	    (json_int_t)stats.run_out, "elsewhere", (json_int_t)stats.elsewhere,
	    "no_room", (json_int_t)stats.no_room, "damaged",
	    (json_int_t)stats.damaged);
}

/** Null: none was asked for. */
static json_t *about_fast_path(const struct daemon *daemon)
{
	return daemon->no_fast_path.text[0] == '\0'
	    ? fastpath_report(daemon->fastpath)
	    : json_pack("{s:n, s:s}", "hook", "why", daemon->no_fast_path.text);
}

/** What "show stats" says of the daemon itself. */
static void about(void *context, json_t *stats)
{
	const struct daemon *daemon = context;
	const struct spinat_config *config = &daemon->conf.engine;
	const spinat_time now = clock_now(), up = now - daemon->started;
	json_t *public = json_array();
	char address[TEXT_ADDRESS_MAX];

	for (unsigned i = 0; i < config->public_count; i++)
		(void)json_array_append_new(public,
		    json_string(
			text_address(address, config->public_addresses[i])));
	(void)json_object_set_new(
	    stats, "version", json_string(spinat_version()));
	(void)json_object_set_new(stats, "pid", json_integer(getpid()));
	(void)json_object_set_new(
	    stats, "up_ms", json_integer(up / CLOCK_NSEC_PER_MSEC));
	(void)json_object_set_new(
	    stats, "backend", json_string(daemon->ops->name));
	(void)json_object_set_new(stats, "fast_path", about_fast_path(daemon));
	(void)json_object_set_new(stats, "conflicts",
	    daemon->conflicts ? json_incref(daemon->conflicts) : json_array());
	(void)json_object_set_new(stats, "mode",
	    json_string(
		config->mode == SPINAT_MODE_FULL ? "full" : "ipsec-only"));
	(void)json_object_set_new(
	    stats, "interface", json_string(daemon->conf.interface));
	(void)json_object_set_new(stats, "public", public);
	(void)json_object_set_new(
	    stats, "memory_pages", json_string(daemon->memory.pages));
	(void)json_object_set_new(stats, "journal", about_journal(daemon, now));
}

static int open_control(struct daemon *daemon, struct error *error)
{
	const char *path = daemon->conf.control_socket
	    ? daemon->conf.control_socket
	    : CONF_DEFAULT_SOCKET;
	int result;

	daemon->source = (struct answer_source){
	    .engine = daemon->engine, .about = about, .context = daemon};
	result = control_open(
	    &daemon->control, daemon->base, &daemon->source, error);
	return result < 0 ? result
			  : control_listen(daemon->control, path, error);
}

static void on_conflict(void *context, const char *rule)
{
	struct daemon *daemon = context;

	log_warning("a rule sends elsewhere what comes to ports that spinatd "
		    "maps: \"%s\"; it never sees packets of spinatd's flows "
		    "and redirects: take a port that is not mapped, or "
		    "redirect_port instead",
	    rule);
	if (daemon->conflicts == NULL)
		daemon->conflicts = json_array();
	(void)json_array_append_new(daemon->conflicts, json_string(rule));
}

static int install_firewall(struct daemon *daemon, struct error *error)
{
	int result = firewall_install(&daemon->conf, error);

	daemon->feeding = result == 0;
	if (result == 0)
		firewall_find_dnat(&daemon->conf, on_conflict, daemon);
	return result;
}

/** After the rules: what the programs leave needs its way.  Without programs
 * of ours there must be none of an earlier daemon either. */
static int start_fast_path(struct daemon *daemon, struct error *error)
{
	int result = 0;

	if (daemon->fastpath)
		result = may_go_on(daemon,
		    fastpath_start(
			daemon->fastpath, daemon->engine, daemon->base, error),
		    error);
	if (result == 0 && !fastpath_hook(daemon->fastpath))
		result = fastpath_detach(&daemon->conf, error);
	return result;
}

static int reduce_privileges(struct daemon *daemon, struct error *error)
{
	(void)daemon;
	return privilege_reduce(error);
}

/** Last: its thread has the capabilities that are left. */
static int write_journal(struct daemon *daemon, struct error *error)
{
	(void)error;
	journal_start(daemon->journal, daemon->base);
	return 0;
}

static const struct step {
	int (*take)(struct daemon *daemon, struct error *error);
	enum exit_code failure;
} steps[] = {
    {check_configuration, EXIT_USAGE},
    {check_capabilities, EXIT_RUN_TIME},
    {open_log, EXIT_RUN_TIME},
    {take_lock, EXIT_RUN_TIME},
    {enter_background, EXIT_RUN_TIME},
    {read_interfaces, EXIT_RUN_TIME},
    {complete_configuration, EXIT_USAGE},
    {make_engine, EXIT_RUN_TIME},
    {add_redirects, EXIT_USAGE},
    {adopt_flows, EXIT_RUN_TIME},
    {read_journal, EXIT_RUN_TIME},
    {open_backend, EXIT_RUN_TIME},
    {open_loop, EXIT_RUN_TIME},
    {follow_address, EXIT_RUN_TIME},
    {open_control, EXIT_RUN_TIME},
    {install_firewall, EXIT_RUN_TIME},
    {start_fast_path, EXIT_RUN_TIME},
    {reduce_privileges, EXIT_RUN_TIME},
    {write_journal, EXIT_RUN_TIME},
};

static enum exit_code take(struct daemon *daemon, const struct step *step)
{
	struct error error = {"it does not say why"};

	if (step->take(daemon, &error) == 0)
		return EXIT_FINE;
	log_error("%s", error.text);
	return step->failure;
}

static enum exit_code start(struct daemon *daemon)
{
	enum exit_code code = EXIT_FINE;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(022);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !code; i++)
		code = take(daemon, &steps[i]);
	return code;
}

/* ------------------------------------------------------------- the work */

static void announce(struct daemon *daemon)
{
	const struct spinat_config *config = &daemon->conf.engine;
	const char *hook = fastpath_hook(daemon->fastpath);
	char address[TEXT_ADDRESS_MAX];

	log_notice("version %s translates to %s (%s, %s%s%s)", spinat_version(),
	    text_address(address, config->public_addresses[0]),
	    config->mode == SPINAT_MODE_FULL ? "everything"
					     : "IKE and ESP only",
	    daemon->ops->name, hook ? ", known flows in the kernel at " : "",
	    hook ? hook : "");
	log_settle();
	background_ready(&daemon->background, log_is_on_stderr());
	background_notify("READY=1\nSTATUS=translating");
}

static enum exit_code work(struct daemon *daemon)
{
	announce(daemon);
	return loop_run(daemon->loop) < 0 ? EXIT_RUN_TIME : EXIT_FINE;
}

/* ------------------------------------------------------------- the stop */

/** Only after work that ended cleanly; else the rules stay and drop. */
static enum exit_code leave_firewall(struct daemon *daemon, enum exit_code code)
{
	struct error error;

	if (!daemon->feeding)
		return code;
	if (code == EXIT_FINE && firewall_remove(&error) < 0) {
		log_error(
		    "the firewall rules could not be removed: %s", error.text);
		code = EXIT_RUN_TIME;
	}
	if (code != EXIT_FINE)
		log_error("the firewall rules stay, so that nothing leaves "
			  "untranslated: start spinatd again, or remove them "
			  "with spinatd --detach");
	return code;
}

/** Programs that go on for a while need what drops the rest: the rules stay,
 * so that a restart interrupts no known flow and lets nothing out. */
static bool leave_to_next(struct daemon *daemon, enum exit_code code)
{
	if (code != EXIT_FINE || !daemon->fastpath ||
	    !fastpath_leave(daemon->fastpath))
		return false;
	loop_drain(daemon->loop);
	log_notice("known flows go on in the kernel for %lld s, until spinatd "
		   "starts again; the firewall rules stay: spinatd --detach "
		   "removes all",
	    (long long)(daemon->conf.fast_path_linger / SPINAT_SECOND));
	return true;
}

static enum exit_code stop(struct daemon *daemon, enum exit_code code)
{
	struct spinat_stats stats;
	bool is_left;

	background_notify("STOPPING=1");
	is_left = leave_to_next(daemon, code);
	fastpath_stop(daemon->fastpath, code == EXIT_FINE && !is_left);
	if (!is_left)
		code = leave_firewall(daemon, code);
	journal_close(daemon->journal);
	control_close(daemon->control);
	follow_close(daemon->follow);
	loop_close(daemon->loop);
	if (daemon->base)
		event_base_free(daemon->base);
	if (daemon->backend)
		daemon->ops->close(daemon->backend);
	if (daemon->engine && code == EXIT_FINE) {
		spinat_get_stats(daemon->engine, &stats);
		events_log_stats(&stats);
	}
	fastpath_close(daemon->fastpath);
	memory_unmap(&daemon->memory);
	pidfile_release(&daemon->pidfile);
	conf_free(&daemon->conf);
	json_decref(daemon->conflicts);
	log_close();
	return code;
}

/* ------------------------------------------------------ the command line */

/** spinatd --detach: what an earlier spinatd left in the kernel. */
static enum exit_code detach(struct daemon *daemon)
{
	static const struct step list[] = {
	    {check_capabilities, EXIT_RUN_TIME},
	    {take_lock, EXIT_RUN_TIME},
	};
	enum exit_code code = EXIT_FINE;
	struct error error;

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]) && !code; i++)
		code = take(daemon, &list[i]);
	if (code == EXIT_FINE &&
	    (fastpath_detach(&daemon->conf, &error) < 0 ||
		firewall_detach(&error) < 0)) {
		log_error("%s", error.text);
		code = EXIT_RUN_TIME;
	}
	pidfile_release(&daemon->pidfile);
	conf_free(&daemon->conf);
	return code;
}

static void print_usage(void)
{
	puts("usage: spinatd [-f FILE] [--NAME VALUE ...]\n"
	     "       spinatd --detach [-f FILE]\n"
	     "       spinatd --help | --version\n"
	     "\n"
	     "Translates the packets of a private network to one public "
	     "address, IPsec\n"
	     "included.\n"
	     "\n"
	     "      --detach     remove what a spinatd left in the kernel: "
	     "firewall rules,\n"
	     "                   programs of the fast path\n"
	     "  -f, --config FILE\n"
	     "\n"
	     "and every name of spinat.conf(5):\n");
	conf_print_options(stdout);
}

static void print_version(void)
{
	printf("spinatd %s\n", spinat_version());
}

int main(int argc, char **argv)
{
	static const struct step parse = {parse_arguments, EXIT_USAGE};
	struct daemon daemon = {.argc = argc,
	    .argv = argv,
	    .pidfile.fd = -1,
	    .background.ready = -1};
	enum exit_code code = take(&daemon, &parse);

	if (daemon.wants_help || daemon.wants_version) {
		daemon.wants_help ? print_usage() : print_version();
		conf_free(&daemon.conf);
		return EXIT_FINE;
	}
	if (code == EXIT_FINE && daemon.wants_detach)
		return (int)detach(&daemon);
	if (code == EXIT_FINE)
		code = start(&daemon);
	if (code == EXIT_FINE)
		code = work(&daemon);
	return (int)stop(&daemon, code);
}
