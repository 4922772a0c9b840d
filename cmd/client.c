/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking spinatd over its control socket: one JSON line there, JSON lines
 * back, the last being "end" or "error" (see daemon/answer.h).
 */
#include "cmd/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/** How long the daemon may keep silent. */
#define CLIENT_PATIENCE_SEC 10

static int complain(const char *socket, const char *what, const char *hint)
{
	fprintf(stderr, "spinat: %s: %s%s%s\n", socket, what, hint ? "\n" : "",
	    hint ? hint : "");
	return 1;
}

static int cannot_connect(const char *socket, int cause)
{
	switch (cause) {
	case ENOENT:
		return complain(socket, "there is no such socket",
		    "spinat: does spinatd run?  If it has another "
		    "control_socket, name it with -s");
	case ECONNREFUSED:
		return complain(socket, "nobody listens on this socket",
		    "spinat: spinatd has ended without cleaning up; start it "
		    "again");
	case EACCES:
		return complain(socket, "you may not use this socket",
		    "spinat: it belongs to root: try sudo, or change its "
		    "group");
	case EAGAIN:
		return complain(socket, "spinatd is too busy to answer",
		    "spinat: try again");
	default:
		return complain(socket, strerror(cause), NULL);
	}
}

static int open_socket(const char *path, FILE **stream)
{
	struct timeval patience = {CLIENT_PATIENCE_SEC, 0};
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd, cause;

	if (strlen(path) >= sizeof(to.sun_path))
		return complain(path, "the path of a socket is shorter", NULL);
	memcpy(to.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return complain(path, strerror(errno), NULL);
	(void)setsockopt(
	    fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(
	    fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0) {
		*stream = fdopen(fd, "r+");
		if (*stream)
			return 0;
	}
	cause = errno;
	close(fd);
	return cannot_connect(path, cause);
}

static int send_request(FILE *stream, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	ssize_t sent = -1;

	if (text) {
		size_t length = strlen(text);

		text[length] = '\n'; /* in place of its end */
		sent = send(fileno(stream), text, length + 1, MSG_NOSIGNAL);
	}
	free(text);
	return sent < 0 ? -1 : 0;
}

enum outcome { GOES_ON, COMPLETE, FAILED };

static enum outcome take_line(const char *socket, const char *line,
    size_t length, void (*take)(void *, const char *, json_t *), void *context)
{
	json_t *root = json_loadb(line, length, 0, NULL);
	void *member = json_object_iter(root);
	const char *kind = json_object_iter_key(member);
	json_t *value = json_object_iter_value(member);
	enum outcome outcome = GOES_ON;

	if (!kind) {
		(void)complain(
		    socket, "the answer is not one of spinatd", NULL);
		outcome = FAILED;
	} else if (strcmp(kind, "error") == 0) {
		const char *text = json_string_value(value);

		(void)complain(
		    socket, text ? text : "it reports an error", NULL);
		outcome = FAILED;
	} else if (strcmp(kind, "end") == 0) {
		outcome = COMPLETE;
	} else {
		take(context, kind, value);
	}
	json_decref(root);
	return outcome;
}

static int read_answer(const char *socket, FILE *stream,
    void (*take)(void *, const char *, json_t *), void *context)
{
	enum outcome outcome = GOES_ON;
	char *line = NULL;
	size_t room = 0;
	int result = 1;

	while (outcome == GOES_ON) {
		ssize_t length = getline(&line, &room, stream);

		if (length < 0)
			break;
		outcome =
		    take_line(socket, line, (size_t)length, take, context);
	}
	if (outcome == COMPLETE)
		result = 0;
	else if (outcome == GOES_ON)
		(void)complain(socket,
		    ferror(stream) && errno == EAGAIN
			? "spinatd keeps silent"
			: "the answer ends in the middle",
		    NULL);
	free(line);
	return result;
}

int client_ask(const char *socket, const json_t *request,
    void (*take)(void *context, const char *kind, json_t *value), void *context)
{
	FILE *stream;
	int result = open_socket(socket, &stream);

	if (result != 0)
		return result;
	if (send_request(stream, request) < 0)
		result = complain(socket, strerror(errno), NULL);
	else
		result = read_answer(socket, stream, take, context);
	(void)fclose(stream);
	return result;
}
