/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lock is flock() on a descriptor of our own, which stays open for as long
 * as SQLite has the file: closing any descriptor of a file drops the locks that
 * SQLite holds on it.
 */
#include "daemon/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"

#define PATH_ROOM 1200

static bool is_current(int fd, const char *path)
{
	struct stat held, named;

	return fstat(fd, &held) == 0 && lstat(path, &named) == 0 &&
	    held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

int store_file_lock(const char *path, int *lock, struct error *error)
{
	struct stat status;
	int cause = 0, fd;

	fd = open(
	    path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0) {
		cause = errno;
		return error_set(error, -cause, "%s: cannot open it: %s", path,
		    strerror(cause));
	}
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		cause =
		    error_set(error, -EINVAL, "%s is not a regular file", path);
	else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		cause = error_set(error, -EBUSY,
		    "%s: another process has it; each spinatd needs a journal "
		    "of its own",
		    path);
	else if (!is_current(fd, path))
		cause = error_set(
		    error, -EBUSY, "%s: another process moved it", path);
	if (cause < 0) {
		close(fd);
		return cause;
	}
	*lock = fd;
	return 0;
}

static void name_aside(const char *path, char name[PATH_ROOM], bool damaged)
{
	const time_t now = time(NULL);
	struct tm tm = {0};
	char stamp[32] = "";

	(void)localtime_r(&now, &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	(void)snprintf(name, PATH_ROOM, "%s.%s-%s", path,
	    damaged ? "damaged" : "version", stamp);
	for (int i = 2; access(name, F_OK) == 0 && i < 100; i++)
		(void)snprintf(name, PATH_ROOM, "%s.%s-%s-%d", path,
		    damaged ? "damaged" : "version", stamp, i);
}

/* What SQLite keeps beside it goes along, or it would be taken for the new
 * one's. */
static int move_along(const char *path, const char *to)
{
	static const char *const suffixes[] = {"-wal", "-journal"};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char from[PATH_ROOM + 8], new[PATH_ROOM + 8];

		(void)snprintf(from, sizeof(from), "%s%s", path, suffixes[i]);
		(void)snprintf(new, sizeof(new), "%s%s", to, suffixes[i]);
		if (rename(from, new) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

int store_file_set_aside(const char *path, bool damaged, struct error *error)
{
	char name[PATH_ROOM];
	int cause;

	name_aside(path, name, damaged);
	cause = move_along(path, name);
	if (cause == 0 && rename(path, name) < 0)
		cause = -errno;
	if (cause < 0)
		return error_set(error, cause,
		    "%s is %s and cannot be set aside: %s", path,
		    damaged ? "damaged" : "of another version",
		    strerror(-cause));
	log_warning("journal: %s was %s and is now %s; a new one is begun, and "
		    "what it knew of IPsec is learnt anew",
	    path, damaged ? "damaged" : "written by another version", name);
	return 0;
}
