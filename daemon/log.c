/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log lines to stderr, syslog or the journal.
 *
 * The journal is written to in its own datagram protocol (fields "NAME=value",
 * one a line, see systemd's "Native Journal Protocol"), which needs no library
 * and keeps the priority; where its socket is not there, stderr with the "<N>"
 * prefix of sd-daemon(3) does the same.  A line never holds a newline, so the
 * protocol's binary form is not needed.
 */
#include "daemon/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#define LOG_IDENT          "spinatd"
#define LOG_LINE_MAX       1024
#define LOG_JOURNAL_SOCKET "/run/systemd/journal/socket"

enum target { TO_STDERR, TO_SYSLOG, TO_JOURNAL };

/* One daemon has one log: the only state that is global here. */
static struct {
	enum target target;
	bool verbose;  /* debug lines too */
	bool mirrored; /* stderr is told as well */
	int journal;   /* descriptor, -1: by the "<N>" prefix on stderr */
} sink = {.target = TO_STDERR, .mirrored = true, .journal = -1};

static int journal_connect(void)
{
	struct sockaddr_un to = {
	    .sun_family = AF_UNIX, .sun_path = LOG_JOURNAL_SOCKET};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static enum target target_named(const char *name)
{
	if (name && strcmp(name, "syslog") == 0)
		return TO_SYSLOG;
	if (name && strcmp(name, "journal") == 0)
		return TO_JOURNAL;
	return TO_STDERR;
}

void log_open(const char *target, bool verbose)
{
	log_close();
	sink.verbose = verbose;
	sink.target = target_named(target);
	/* Under systemd stderr ends where the others do: once is enough. */
	sink.mirrored = sink.target != TO_STDERR && !getenv("JOURNAL_STREAM");
	if (sink.target == TO_SYSLOG)
		openlog(LOG_IDENT, LOG_PID | LOG_NDELAY, LOG_DAEMON);
	if (sink.target == TO_JOURNAL)
		sink.journal = journal_connect();
}

void log_settle(void)
{
	sink.mirrored = sink.mirrored && sink.verbose;
}

void log_close(void)
{
	if (sink.target == TO_SYSLOG)
		closelog();
	if (sink.journal >= 0)
		close(sink.journal);
	sink.journal = -1;
	sink.target = TO_STDERR;
}

bool log_is_on_stderr(void)
{
	return sink.target == TO_STDERR ||
	    (sink.target == TO_JOURNAL && sink.journal < 0);
}

static void say_stderr(const char *line)
{
	(void)dprintf(STDERR_FILENO, LOG_IDENT ": %s\n", line);
}

static void say_journal(enum log_level level, const char *line)
{
	char text[LOG_LINE_MAX + 128];
	int length;

	length = snprintf(text, sizeof(text),
	    "PRIORITY=%d\nSYSLOG_IDENTIFIER=" LOG_IDENT "\nMESSAGE=%s\n",
	    (int)level, line);
	if (sink.journal >= 0 && length > 0 && (size_t)length < sizeof(text) &&
	    send(sink.journal, text, (size_t)length, MSG_NOSIGNAL) >= 0)
		return;
	(void)dprintf(STDERR_FILENO, "<%d>%s\n", (int)level, line);
}

void log_say(enum log_level level, const char *format, ...)
{
	int saved = errno;
	char line[LOG_LINE_MAX];
	va_list arguments;

	if (level == LOG_LEVEL_DEBUG && !sink.verbose)
		return;
	va_start(arguments, format);
	if (vsnprintf(line, sizeof(line), format, arguments) < 0)
		line[0] = '\0';
	va_end(arguments);
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';

	if (sink.target == TO_SYSLOG)
		syslog((int)level, "%s", line);
	if (sink.target == TO_JOURNAL)
		say_journal(level, line);
	if (sink.target == TO_STDERR || sink.mirrored)
		say_stderr(line);
	errno = saved;
}
