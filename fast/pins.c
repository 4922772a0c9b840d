/* SPDX-License-Identifier: BSD-2-Clause */
#include "fast/pins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>

/* Through /proc, so that it stays the directory that was locked. */
#define PATH_MAX_BYTES 96

/* ---------------------------------------------------------- directories */

static int mount_if_absent(const char *bpffs, struct error *error)
{
	struct statfs about;

	if (statfs(bpffs, &about) == 0 &&
	    (unsigned long)about.f_type == BPF_FS_MAGIC)
		return 0;
	if (mount("bpf", bpffs, "bpf", 0, "mode=0700") == 0)
		return 0;
	return error_set(error, -errno,
	    "no BPF file system on %s, and it cannot be mounted: %s", bpffs,
	    strerror(errno));
}

/* "4026531840-" of this network namespace. */
static int prefix_of_namespace(char *prefix, size_t size)
{
	struct stat about;

	if (stat("/proc/self/ns/net", &about) != 0)
		return -errno;
	(void)snprintf(prefix, size, "%" PRIuMAX "-", (uintmax_t)about.st_ino);
	return 0;
}

/* Makes it if there is none; -EWOULDBLOCK: somebody has it locked. */
static int open_locked(int home, const char *name)
{
	int fd;

	if (mkdirat(home, name, 0700) != 0 && errno != EEXIST)
		return -errno;
	fd =
	    openat(home, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	(void)close(fd);
	return -EWOULDBLOCK;
}

static void path_of_home(const char *bpffs, char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%s/spinat", bpffs);
}

/* Below the home.  The file system takes no dots, and an interface's name has
 * no colons. */
static int open_directory(int home, const char *interface)
{
	char name[64];
	int code = prefix_of_namespace(name, sizeof(name));

	if (code != 0)
		return code;
	strncat(name, interface, sizeof(name) - strlen(name) - 1);
	for (char *at = name; *at != '\0'; at++)
		if (*at == '.')
			*at = ':';
	return open_locked(home, name);
}

static int open_home(const char *bpffs)
{
	char path[PATH_MAX];
	int fd;

	path_of_home(bpffs, path);
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int pins_open(struct pins *pins, const char *bpffs, const char *interface,
    struct error *error)
{
	int code, home;

	pins->directory = -1;
	code = mount_if_absent(bpffs, error);
	if (code != 0)
		return code;
	home = open_home(bpffs);
	code = home < 0 ? home : open_directory(home, interface);
	if (home >= 0)
		(void)close(home);
	if (code == -EWOULDBLOCK)
		return error_set(error, -EBUSY,
		    "another spinatd has a fast path on %s", interface);
	if (code < 0)
		return error_set(
		    error, code, "%s/spinat: %s", bpffs, strerror(-code));
	pins->directory = code;
	return 0;
}

void pins_close(struct pins *pins)
{
	if (pins->directory >= 0)
		(void)close(pins->directory);
	pins->directory = -1;
}

/* ------------------------------------------------------------- one name */

static void path_of(const struct pins *pins, const char *name, char *path)
{
	(void)snprintf(
	    path, PATH_MAX_BYTES, "/proc/self/fd/%d/%s", pins->directory, name);
}

int pins_put(const struct pins *pins, const char *name, int fd)
{
	char path[PATH_MAX_BYTES];

	if (pins->directory < 0)
		return 0;
	pins_remove(pins, name);
	path_of(pins, name, path);
	return bpf_obj_pin(fd, path) != 0 ? -errno : 0;
}

int pins_get(const struct pins *pins, const char *name)
{
	char path[PATH_MAX_BYTES];
	int fd;

	if (pins->directory < 0)
		return -ENOENT;
	path_of(pins, name, path);
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

void pins_remove(const struct pins *pins, const char *name)
{
	if (pins->directory >= 0)
		(void)unlinkat(pins->directory, name, 0);
}

/* ----------------------------------------------------------- everything */

static void remove_names(int directory)
{
	const int copy =
	    openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (names == NULL) {
		if (copy >= 0)
			(void)close(copy);
		return;
	}
	while ((entry = readdir(names)) != NULL)
		if (entry->d_name[0] != '.')
			(void)unlinkat(directory, entry->d_name, 0);
	(void)closedir(names);
}

void pins_clear(const struct pins *pins)
{
	if (pins->directory >= 0)
		remove_names(pins->directory);
}

unsigned pins_forget_all(const char *bpffs)
{
	char prefix[32], path[PATH_MAX];
	const struct dirent *entry;
	unsigned count = 0;
	DIR *home;

	path_of_home(bpffs, path);
	home = opendir(path);
	if (home == NULL)
		return 0;
	if (prefix_of_namespace(prefix, sizeof(prefix)) != 0)
		prefix[0] = '\0';
	while ((entry = readdir(home)) != NULL) {
		int directory;

		if (prefix[0] == '\0' ||
		    strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		directory = open_locked(dirfd(home), entry->d_name);
		if (directory < 0)
			continue;
		remove_names(directory);
		(void)close(directory);
		if (unlinkat(dirfd(home), entry->d_name, AT_REMOVEDIR) == 0)
			count++;
	}
	(void)closedir(home);
	return count;
}
