/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket: spinat(1) asks, the daemon answers.
 *
 * A unix stream socket of mode 0660; a line of JSON each way is one message
 * (request.h, answer.h).  Several requests may follow each other on one
 * connection and are answered in turn.
 */
#ifndef SPINAT_DAEMON_CONTROL_H
#define SPINAT_DAEMON_CONTROL_H

#include <event2/event.h>

#include "daemon/answer.h"

#define CONTROL_MAX_CLIENTS 16
/** A client that neither asks nor reads for so long is closed. */
#define CONTROL_IDLE_SEC 30

struct control;

/** Makes a server without a socket.  `source` is borrowed until
 * control_close(). */
int control_open(struct control **control, struct event_base *base,
    const struct answer_source *source, struct error *error);
/** Binds `path`, making its directory.  -EADDRINUSE: a daemon answers there;
 * a socket that nobody listens on any more is replaced. */
int control_listen(
    struct control *control, const char *path, struct error *error);
/** Serves a connected socket, and closes it in the end.  -EBUSY: there are
 * CONTROL_MAX_CLIENTS already. */
int control_adopt(struct control *control, int fd);
/** How many are being served. */
unsigned control_clients(const struct control *control);
/** Closes every client and removes the socket. */
void control_close(struct control *control);

#endif
