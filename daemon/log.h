/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the daemon tells people: one line per fact, in plain words, to stderr,
 * syslog or the journal.
 *
 * While the daemon starts, everything is said on stderr too, so that whoever
 * typed the command sees why it failed; log_settle() ends that.
 */
#ifndef SPINAT_DAEMON_LOG_H
#define SPINAT_DAEMON_LOG_H

#include <stdbool.h>

/** syslog's numbers, which the journal shares. */
enum log_level {
	LOG_LEVEL_ERROR = 3,   /* spinatd cannot do its work */
	LOG_LEVEL_WARNING = 4, /* it can, but somebody should look */
	LOG_LEVEL_NOTICE = 5,  /* start, stop, a change of address */
	LOG_LEVEL_INFO = 6,    /* flows, statistics, denied packets */
	LOG_LEVEL_DEBUG = 7    /* verbose only */
};

/** Chooses where to: "stderr", "syslog" or "journal".  Verbose tells stderr
 * too, to the end. */
void log_open(const char *target, bool verbose);
/** The start is over: only the chosen target from here on. */
void log_settle(void);
void log_close(void);
bool log_is_on_stderr(void);

__attribute__((format(printf, 2, 3))) void log_say(
    enum log_level level, const char *format, ...);

#define log_error(...)   log_say(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_say(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_say(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_say(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_say(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
