/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pid file and its lock.
 *
 * flock() belongs to the open file and so passes through fork(): the parent
 * takes the lock, while somebody still reads its stderr, and the daemon keeps
 * it.  A file left by a crash is no obstacle, its lock died with its holder.
 */
#include "daemon/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIDFILE_TRIES 8

int pidfile_make_directory(const char *path, struct error *error)
{
	char *directory = strdup(path);
	char *slash;
	int result = 0;

	if (!directory)
		return error_set(error, -ENOMEM, "out of memory");
	slash = strrchr(directory, '/');
	if (slash && slash != directory) {
		*slash = '\0';
		if (mkdir(directory, 0755) < 0 && errno != EEXIST) {
			result = -errno;
			error_set(error, result,
			    "%s: cannot make this directory: %s", directory,
			    strerror(-result));
		}
	}
	free(directory);
	return result;
}

/** Whether the locked file is still the one that `path` leads to: its last
 * holder may have removed it between our open() and our lock. */
static bool is_current(int fd, const char *path)
{
	struct stat held, named;

	return fstat(fd, &held) == 0 && stat(path, &named) == 0 &&
	    held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

static int refuse(int fd, const char *path, struct error *error)
{
	char text[32];
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);
	long pid;

	text[length > 0 ? length : 0] = '\0';
	pid = strtol(text, NULL, 10);
	if (pid > 0)
		return error_set(error, -EEXIST,
		    "already running: pid %ld holds %s", pid, path);
	return error_set(
	    error, -EEXIST, "already running: another process holds %s", path);
}

int pidfile_lock(struct pidfile *pidfile, const char *path, struct error *error)
{
	int result;

	*pidfile = (struct pidfile){.fd = -1, .path = path};
	result = pidfile_make_directory(path, error);
	if (result < 0)
		return result;
	for (int i = 0; i < PIDFILE_TRIES; i++) {
		int fd = open(path,
		    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		    0644);

		if (fd < 0) {
			result = -errno;
			return error_set(error, result,
			    "%s: cannot open the pid file: %s", path,
			    strerror(-result));
		}
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			result = errno == EWOULDBLOCK
			    ? refuse(fd, path, error)
			    : error_set(error, -errno,
				  "%s: cannot lock the pid file: %s", path,
				  strerror(errno));
			close(fd);
			return result;
		}
		if (is_current(fd, path)) {
			pidfile->fd = fd;
			return 0;
		}
		close(fd);
	}
	return error_set(error, -EAGAIN,
	    "%s: the pid file keeps being replaced by another process", path);
}

int pidfile_write(struct pidfile *pidfile, struct error *error)
{
	int cause;

	if (pidfile->fd < 0)
		return 0;
	if (ftruncate(pidfile->fd, 0) == 0 &&
	    lseek(pidfile->fd, 0, SEEK_SET) == 0 &&
	    dprintf(pidfile->fd, "%ld\n", (long)getpid()) > 0)
		return 0;
	cause = errno;
	return error_set(error, -cause, "%s: cannot write the pid file: %s",
	    pidfile->path, strerror(cause));
}

void pidfile_release(struct pidfile *pidfile)
{
	if (pidfile->fd < 0)
		return;
	(void)unlink(pidfile->path);
	close(pidfile->fd);
	pidfile->fd = -1;
}
