/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket.
 *
 * It shares one thread with the packets, so it never does much at a time.  In
 * each turn of the event loop one client at most gets CONTROL_TURN_NS of the
 * walk it asked for, in rotation; a client that does not read fills its
 * output buffer up to CONTROL_OUTPUT_HIGH and then waits for itself alone.
 *
 * A client: idle (reading) -> answering (not reading) -> idle ... -> closing
 * (only what is left to write) -> gone.
 *
 * Everything that comes from the socket is data: a bad line gets an "error"
 * answer, a line too long gets one and is the last.
 */
#include "daemon/control.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/pidfile.h"

/** How long packets may wait for one piece of an answer. */
#define CONTROL_TURN_NS (200 * INT64_C(1000))
/** An answer pauses at so many bytes unread ... */
#define CONTROL_OUTPUT_HIGH ((size_t)64 << 10)
/** ... and goes on when so few are left. */
#define CONTROL_OUTPUT_LOW ((size_t)16 << 10)
#define CONTROL_BACKLOG    8

enum client_state {
	CLIENT_FREE,
	CLIENT_IDLE,
	CLIENT_ANSWERING,
	CLIENT_CLOSING
};

struct client {
	struct control *control;
	struct bufferevent *stream;
	enum client_state state;
	bool finished; /* it will send no more */
	struct answer answer;
};

struct control {
	struct event_base *base;
	const struct answer_source *source;
	struct event *accept;
	struct event *turn;
	unsigned next; /* client whose turn it is */
	char *path;    /* bound by us; NULL: none */
	struct client clients[CONTROL_MAX_CLIENTS];
};

static struct evbuffer *output(const struct client *client)
{
	return bufferevent_get_output(client->stream);
}

static void client_free(struct client *client)
{
	bufferevent_free(client->stream);
	client->stream = NULL;
	client->state = CLIENT_FREE;
}

/** Closes as soon as what is written has been read. */
static void client_close(struct client *client)
{
	client->state = CLIENT_CLOSING;
	(void)bufferevent_disable(client->stream, EV_READ);
	bufferevent_setwatermark(client->stream, EV_WRITE, 0, 0);
	if (evbuffer_get_length(output(client)) == 0)
		client_free(client);
}

static bool is_runnable(const struct client *client)
{
	return client->state == CLIENT_ANSWERING &&
	    evbuffer_get_length(output(client)) < CONTROL_OUTPUT_HIGH;
}

static void schedule(struct control *control)
{
	static const struct timeval at_once = {0, 0};

	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++)
		if (is_runnable(&control->clients[i])) {
			(void)event_add(control->turn, &at_once);
			return;
		}
}

static void client_refuse(struct client *client, const char *text)
{
	if (answer_error(output(client), text) < 0)
		client_close(client);
}

static void client_ask(struct client *client, const char *line, size_t length)
{
	struct request request;
	struct error error;

	if (request_parse(&request, line, length, &error) < 0) {
		client_refuse(client, error.text);
		return;
	}
	answer_begin(&client->answer, &request);
	client->state = CLIENT_ANSWERING;
	/* Its next request waits in its own buffers until this is done. */
	(void)bufferevent_disable(client->stream, EV_READ);
}

/** A last line without its newline. */
static void client_ask_last(struct client *client, struct evbuffer *input)
{
	char line[REQUEST_MAX];
	int length = evbuffer_remove(input, line, sizeof(line));

	if (length > 0)
		client_ask(client, line, (size_t)length);
}

/** Takes requests until one needs an answer, or there are none. */
static void client_read(struct client *client)
{
	struct evbuffer *input = bufferevent_get_input(client->stream);

	while (client->state == CLIENT_IDLE) {
		size_t waiting = evbuffer_get_length(input);
		size_t length = waiting;
		char *line = evbuffer_readln(input, &length, EVBUFFER_EOL_LF);

		if (line) {
			if (length)
				client_ask(client, line, length);
			free(line);
		} else if (waiting >= REQUEST_MAX) {
			client_refuse(client, "the request is too long");
			if (client->state == CLIENT_IDLE)
				client_close(client);
		} else if (client->finished && waiting) {
			client_ask_last(client, input);
		} else {
			break;
		}
	}
	if (client->state == CLIENT_IDLE && client->finished)
		client_close(client);
	else if (client->state == CLIENT_IDLE)
		(void)bufferevent_enable(client->stream, EV_READ);
	schedule(client->control);
}

static void on_read(struct bufferevent *stream, void *context)
{
	(void)stream;
	client_read(context);
}

static void on_write(struct bufferevent *stream, void *context)
{
	struct client *client = context;

	(void)stream;
	if (client->state == CLIENT_CLOSING) {
		if (evbuffer_get_length(output(client)) == 0)
			client_free(client);
		return;
	}
	schedule(client->control);
}

static void on_event(struct bufferevent *stream, short what, void *context)
{
	struct client *client = context;

	(void)stream;
	if (what & BEV_EVENT_EOF && client->state == CLIENT_IDLE) {
		client->finished = true;
		client_read(client);
		return;
	}
	/* A fault, or it neither asked nor read for CONTROL_IDLE_SEC. */
	client_free(client);
}

/** Gives the client a piece of its answer. */
static void client_turn(struct client *client)
{
	int done = answer_continue(&client->answer, client->control->source,
	    output(client), CONTROL_OUTPUT_HIGH, clock_now() + CONTROL_TURN_NS);

	if (done < 0) {
		client_free(client);
	} else if (done > 0) {
		client->state = CLIENT_IDLE;
		client_read(client);
	}
}

static void on_turn(evutil_socket_t fd, short what, void *context)
{
	struct control *control = context;

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		struct client *client = &control->clients[control->next];

		control->next = (control->next + 1) % CONTROL_MAX_CLIENTS;
		if (is_runnable(client)) {
			client_turn(client);
			break;
		}
	}
	schedule(control);
}

int control_adopt(struct control *control, int fd)
{
	static const struct timeval idle = {CONTROL_IDLE_SEC, 0};
	struct client *client = NULL;

	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS && !client; i++)
		if (control->clients[i].state == CLIENT_FREE)
			client = &control->clients[i];
	if (!client) {
		close(fd);
		return -EBUSY;
	}
	*client = (struct client){.control = control, .state = CLIENT_IDLE};
	client->stream =
	    bufferevent_socket_new(control->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!client->stream) {
		client->state = CLIENT_FREE;
		close(fd);
		return -ENOMEM;
	}
	bufferevent_setcb(client->stream, on_read, on_write, on_event, client);
	bufferevent_setwatermark(client->stream, EV_READ, 0, REQUEST_MAX);
	bufferevent_setwatermark(
	    client->stream, EV_WRITE, CONTROL_OUTPUT_LOW, 0);
	(void)bufferevent_set_timeouts(client->stream, &idle, &idle);
	(void)bufferevent_enable(client->stream, EV_READ | EV_WRITE);
	return 0;
}

static void on_accept(evutil_socket_t listener, short what, void *context)
{
	static const char full[] =
	    "{\"error\":\"spinatd serves too many clients, try again\"}\n";
	struct control *control = context;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (fd < 0)
		return;
	if (control_clients(control) == CONTROL_MAX_CLIENTS)
		(void)send(fd, full, sizeof(full) - 1, MSG_NOSIGNAL);
	(void)control_adopt(control, fd);
}

unsigned control_clients(const struct control *control)
{
	unsigned count = 0;

	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++)
		count += control->clients[i].state != CLIENT_FREE;
	return count;
}

int control_open(struct control **control, struct event_base *base,
    const struct answer_source *source, struct error *error)
{
	struct control *made = calloc(1, sizeof(*made));

	if (made) {
		made->base = base;
		made->source = source;
		made->turn = evtimer_new(base, on_turn, made);
	}
	if (!made || !made->turn) {
		free(made);
		return error_set(error, -ENOMEM, "out of memory");
	}
	*control = made;
	return 0;
}

/** Whether somebody listens at `to`. */
static bool is_answered(const struct sockaddr_un *to)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool answered = false;

	if (fd < 0)
		return false;
	answered = connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0 ||
	    errno == EAGAIN;
	close(fd);
	return answered;
}

/** Binds and listens, replacing what a crash left.  Gives the descriptor. */
static int bind_socket(const struct sockaddr_un *to)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat old;
	mode_t mask;
	int result;

	if (fd < 0)
		return -errno;
	if (lstat(to->sun_path, &old) == 0 && S_ISSOCK(old.st_mode))
		(void)unlink(to->sun_path);
	/* The socket is never open to others, not even for a moment. */
	mask = umask(0117);
	result = bind(fd, (const struct sockaddr *)to, sizeof(*to));
	(void)umask(mask);
	if (result == 0)
		result = listen(fd, CONTROL_BACKLOG);
	if (result < 0) {
		result = -errno;
		close(fd);
		return result;
	}
	return fd;
}

int control_listen(
    struct control *control, const char *path, struct error *error)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd, result;

	if (strlen(path) >= sizeof(to.sun_path))
		return error_set(error, -ENAMETOOLONG,
		    "%s: the path of a socket has at most %zu characters", path,
		    sizeof(to.sun_path) - 1);
	memcpy(to.sun_path, path, strlen(path));
	if (is_answered(&to))
		return error_set(error, -EADDRINUSE,
		    "%s: another spinatd answers on this control socket", path);
	result = pidfile_make_directory(path, error);
	if (result < 0)
		return result;
	fd = bind_socket(&to);
	if (fd < 0)
		return error_set(error, fd,
		    "%s: cannot make the control socket: %s", path,
		    strerror(-fd));
	control->path = strdup(path);
	control->accept = event_new(
	    control->base, fd, EV_READ | EV_PERSIST, on_accept, control);
	if (!control->path || !control->accept ||
	    event_add(control->accept, NULL) < 0) {
		if (!control->accept)
			close(fd);
		(void)unlink(path);
		return error_set(error, -ENOMEM, "out of memory");
	}
	return 0;
}

void control_close(struct control *control)
{
	if (!control)
		return;
	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++)
		if (control->clients[i].state != CLIENT_FREE)
			client_free(&control->clients[i]);
	if (control->accept) {
		close(event_get_fd(control->accept));
		event_free(control->accept);
	}
	if (control->path)
		(void)unlink(control->path);
	event_free(control->turn);
	free(control->path);
	free(control);
}
