/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running a program.  Its three standard descriptors are files in memory, so
 * neither side ever waits for the other.
 */
#include "firewall/command.h"

#include <errno.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_SIZE = 128 };

static bool find(const char *name, char path[PATH_SIZE])
{
	static const char *const directories[] = {"/usr/sbin", "/sbin",
	    "/usr/local/sbin", "/usr/bin", "/bin", "/usr/local/bin"};
	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories);
	     i++) {
		snprintf(path, PATH_SIZE, "%s/%s", directories[i], name);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

bool command_exists(const char *name)
{
	char path[PATH_SIZE];
	return find(name, path);
}

static int write_all(int fd, const char *text)
{
	size_t left = text == NULL ? 0 : strlen(text);
	while (left > 0) {
		ssize_t written = write(fd, text, left);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		text += written;
		left -= (size_t)written;
	}
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

static char *read_all(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	if (size < 0)
		return NULL;
	char *text = malloc((size_t)size + 1);
	if (text == NULL)
		return NULL;
	size_t have = 0;
	while (have < (size_t)size) {
		ssize_t got =
		    pread(fd, text + have, (size_t)size - have, (off_t)have);
		if (got <= 0)
			break;
		have += (size_t)got;
	}
	text[have] = 0;
	return text;
}

static int spawn_and_wait(
    const char *path, const char *const argv[], const int fds[3])
{
	char locale[] = "LC_ALL=C",
	     search[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
	char *const environment[] = {locale, search, NULL};
	posix_spawn_file_actions_t actions;
	pid_t child;
	int status;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	int code = 0;
	for (int i = 0; i < 3 && code == 0; i++)
		code = posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	if (code == 0) /* posix_spawn does not write to the arguments */
		code = posix_spawn(&child, path, &actions, NULL,
		    (char *const *)(uintptr_t)argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	if (code != 0)
		return -code;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

int command_run(
    const char *const argv[], const char *input, char **output, char **errors)
{
	char path[PATH_SIZE];
	int fds[3] = {-1, -1, -1};
	int code = 0;

	if (output != NULL)
		*output = NULL;
	if (errors != NULL)
		*errors = NULL;
	if (!find(argv[0], path))
		return -ENOENT;
	for (int i = 0; i < 3; i++) {
		fds[i] = memfd_create(argv[0], MFD_CLOEXEC);
		if (fds[i] < 0) {
			code = -errno;
			goto out;
		}
	}
	code = write_all(fds[0], input);
	if (code != 0)
		goto out;
	code = spawn_and_wait(path, argv, fds);
	if (output != NULL)
		*output = read_all(fds[1]);
	if (errors != NULL)
		*errors = read_all(fds[2]);
	if ((output != NULL && *output == NULL) ||
	    (errors != NULL && *errors == NULL))
		code = -ENOMEM;
out:
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return code;
}
