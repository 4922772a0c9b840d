/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Going into the background, and telling whoever waits for it.
 *
 * The fork comes early, before anything is opened; the parent stays until the
 * child writes one byte or dies, so that "spinatd && echo up" says the truth
 * and a failed start shows its reason on the terminal.
 */
#include "daemon/background.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/** The parent: its exit code is the child's fate. */
_Noreturn static void wait_for(pid_t child, int ready)
{
	char byte;
	ssize_t got;
	int status;

	do
		got = read(ready, &byte, 1);
	while (got < 0 && errno == EINTR);
	if (got == 1)
		_exit(0);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			_exit(1);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int background_start(struct background *background, struct error *error)
{
	int ends[2];
	pid_t child;
	int cause;

	background->ready = -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		goto fail;
	child = fork();
	if (child < 0) {
		cause = errno;
		close(ends[0]);
		close(ends[1]);
		errno = cause;
		goto fail;
	}
	if (child > 0) {
		close(ends[1]);
		wait_for(child, ends[0]);
	}
	close(ends[0]);
	background->ready = ends[1];
	(void)setsid();
	return 0;
fail:
	cause = errno;
	return error_set(error, -cause, "cannot go into the background: %s",
	    strerror(cause));
}

void background_ready(struct background *background, bool keep_stderr)
{
	int null;

	if (background->ready < 0)
		return;
	(void)!chdir("/");
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
		if (!keep_stderr)
			(void)dup2(null, STDERR_FILENO);
		if (null > STDERR_FILENO)
			close(null);
	}
	(void)!write(background->ready, "", 1);
	close(background->ready);
	background->ready = -1;
}

void background_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t length;
	int fd;

	if (!path || (path[0] != '/' && path[0] != '@'))
		return;
	length = strlen(path);
	if (length >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, length);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL,
	    (const struct sockaddr *)&to,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	close(fd);
}
