/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration of spinatd: natd's option lines, "name value", and the
 * same names as long options.  Parsed into one struct; nothing is applied
 * here.  Strings are owned by the struct and freed by conf_free().
 */
#ifndef SPINAT_CONF_CONF_H
#define SPINAT_CONF_CONF_H

#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>

#include "conf/error.h"
#include "spinat/spinat.h"

#define CONF_DEFAULT_SOCKET   "/run/spinat/spinatd.sock"
#define CONF_DEFAULT_PID_FILE "/run/spinat/spinatd.pid"
#define CONF_DEFAULT_BPFFS    "/sys/fs/bpf"
#define CONF_DEFAULT_JOURNAL  "/var/lib/spinat/journal.db"
#define CONF_MAX_REDIRECTS    4096u
#define CONF_OPTION_MAX       64 /* rows of the option table at most */

/** Instead of a journal's path. */
#define CONF_NO_JOURNAL "off"

/** Where something was said: conf.sources[source], line and column from 1;
 * line 0: on the command line (the source is then "--NAME"). */
struct conf_place {
	bool said;
	uint16_t source;
	unsigned line, column;
};

struct conf {
	/** Filled as far as the text says; public_addresses and inside stay
	 * empty when they are to be read from the interfaces (conf_interfaces).
	 */
	struct spinat_config engine;
	/** Those that name their remote before those for any, as natd has it;
	 * then in the order of the text. */
	struct spinat_redirect *redirects;
	unsigned redirect_count;

	char interface[IFNAMSIZ];        /* outside */
	char inside_interface[IFNAMSIZ]; /* may be empty for replay */
	bool dynamic;                    /* follow the interface's address */
	char backend[16];                /* auto | bpf | nfqueue | tun */
	char fast_path[8];               /* auto | tc | clsact | xdp: of bpf */
	spinat_time fast_path_linger;    /* without a daemon; 0: not at all */
	/* Packets of no known flow that its programs leave to the daemon, a
	 * second and direction: of all, of one source; 0: any number. */
	unsigned miss_budget, miss_budget_source;
	unsigned queue;    /* the first of four nfqueue numbers, default 5000 */
	char firewall[12]; /* auto | iptables | nft */

	char *control_socket;
	char *pid_file;
	char *bpffs;
	char *journal;    /* a path, or CONF_NO_JOURNAL */
	bool log;         /* statistics and flows to syslog, as natd's log */
	bool log_denied;  /* dropped packets too, rate limited */
	bool verbose;     /* stay in the foreground, log to stderr */
	char *log_target; /* stderr | syslog | journal */

	/* For messages about the whole: where things were said. */
	char **sources; /* files read, and options of the command line */
	unsigned source_count;
	struct conf_place *redirect_places; /* of redirects[], one each */
	struct conf_place places[CONF_OPTION_MAX]; /* by option, the last */
};

/** Defaults everywhere. */
void conf_init(struct conf *conf);
void conf_free(struct conf *conf);
/** A copy with memory of its own; free both.  -ENOMEM. */
int conf_copy(struct conf *copy, const struct conf *conf);

/** Parses a file.  On error -EINVAL (or -errno), error->text begins with
 * "FILE:LINE:COLUMN: " and `conf` is unchanged. */
int conf_read_file(struct conf *conf, const char *path, struct error *error);
/** The same from memory; `name` stands in for the file in messages. */
int conf_read_text(struct conf *conf, const char *name, const char *text,
    size_t length, struct error *error);
/** One option as from the command line: "same_ports", "yes"; a name, or
 * natd's letter.  `value` NULL: the bare name.  "config" reads a file. */
int conf_option(struct conf *conf, const char *name, const char *value,
    struct error *error);

/** A flag of the caller's own among the arguments (--help). */
struct conf_flag {
	const char *name;
	char short_name; /* 0: none */
	bool *set;       /* becomes true */
};

/**
 * A whole command line, argv[1] on, in order: "--name value", "--name=value",
 * and natd's "-name value" and "-n value"; the words up to the next one with a
 * dash are the value.  -f FILE is read where it stands, so that what follows
 * overrides it.  `flags` ends with a NULL name, or is NULL.  All or nothing
 * but for the flags.
 */
int conf_parse_args(struct conf *conf, int argc, char *const *argv,
    const struct conf_flag *flags, struct error *error);

/** What only the whole tells: no interface and no alias_address, an
 * alias_address in the inside_network, two redirects of one port ...  The
 * first fault; error->text begins with the place where that was said. */
int conf_check(const struct conf *conf, struct error *error);

/** Hears of faults (`fatal`) and of what is allowed but hardly meant. */
typedef void conf_say(void *context, bool fatal, const char *text);
/** As conf_check(), but says every fault and every warning.  The number of
 * faults. */
unsigned conf_inspect(const struct conf *conf, conf_say *say, void *context);
/** Reads a file to its end whatever is wrong in it, says all that is, then
 * inspects the whole.  The number of faults. */
unsigned conf_diagnose_file(
    struct conf *conf, const char *path, conf_say *say, void *context);

/** Whether ports of port_range are given out at all. */
bool conf_gives_ports(const struct conf *conf);

/** In plain words what this configuration would do. */
void conf_print_summary(const struct conf *conf, FILE *out);
/** One line for each option, for --help. */
void conf_print_options(FILE *out);

#endif
