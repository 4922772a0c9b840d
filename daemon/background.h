/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Going into the background.  The command returns only when the daemon is
 * ready, or has failed, and then with the daemon's exit code.
 */
#ifndef SPINAT_DAEMON_BACKGROUND_H
#define SPINAT_DAEMON_BACKGROUND_H

#include <stdbool.h>

#include "conf/error.h"

struct background {
	int ready; /* the pipe to the waiting command; -1: in the foreground */
};

/** Forks.  Returns in the child; the parent waits and never returns. */
int background_start(struct background *background, struct error *error);
/** The daemon works: lets the command end with 0 and leaves its terminal, but
 * for stderr if that is where the log goes. */
void background_ready(struct background *background, bool keep_stderr);

/** Tells systemd, if it started us: "READY=1", "STOPPING=1", "STATUS=...". */
void background_notify(const char *state);

#endif
