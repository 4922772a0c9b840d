/* SPDX-License-Identifier: BSD-2-Clause */
#include "firewall/hostports.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RANGE_FILE    "/proc/sys/net/ipv4/ip_local_port_range"
#define RESERVED_FILE "/proc/sys/net/ipv4/ip_local_reserved_ports"
#define FIRST_FREE    1024 /* below are the ports of services */

enum { PORTS = 65536, LIST_SIZE = 1 << 19 };

static int read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size_t have = 0;
	ssize_t got = 0;
	while (have < size - 1 &&
	    (got = read(fd, text + have, size - 1 - have)) > 0)
		have += (size_t)got;
	int code = got < 0 ? -errno : 0;
	close(fd);
	text[have] = 0;
	return code;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t wrote = write(fd, text, strlen(text));
	int code = wrote < 0 ? -errno : 0;
	if (wrote >= 0 && (size_t)wrote != strlen(text))
		code = -EIO;
	close(fd);
	return code;
}

bool hostports_parse(const char *list, bool map[PORTS], bool value)
{
	while (*list != 0 && *list != '\n') {
		char *end;
		unsigned long low = strtoul(list, &end, 10), high = low;
		if (end == list)
			return false;
		if (*end == '-') {
			list = end + 1;
			high = strtoul(list, &end, 10);
			if (end == list)
				return false;
		}
		if (low > high || high >= PORTS)
			return false;
		for (unsigned long port = low; port <= high; port++)
			map[port] = value;
		if (*end == ',')
			end++;
		else if (*end != 0 && *end != '\n')
			return false;
		list = end;
	}
	return true;
}

bool hostports_format(const bool map[PORTS], char *list, size_t size)
{
	size_t at = 0;

	list[0] = 0;
	for (unsigned low = 0; low < PORTS; low++) {
		if (!map[low])
			continue;
		unsigned high = low;
		while (high + 1 < PORTS && map[high + 1])
			high++;
		int wrote = low == high
		    ? snprintf(
			  list + at, size - at, "%s%u", at > 0 ? "," : "", low)
		    : snprintf(list + at, size - at, "%s%u-%u",
			  at > 0 ? "," : "", low, high);
		if (wrote < 0 || (size_t)wrote >= size - at)
			return false;
		at += (size_t)wrote;
		low = high;
	}
	return true;
}

/** The larger piece of [FIRST_FREE, 65535] outside of [low, high]. */
static void larger_rest(
    unsigned low, unsigned high, unsigned *rest_low, unsigned *rest_high)
{
	unsigned below = low > FIRST_FREE ? low - FIRST_FREE : 0;
	unsigned above = PORTS - 1 - high;
	*rest_low = below >= above ? FIRST_FREE : high + 1;
	*rest_high = below >= above ? low - 1 : PORTS - 1;
}

int hostports_check(uint16_t low, uint16_t high, struct error *error)
{
	char text[64];
	unsigned own_low, own_high, range[2], own[2];

	int code = read_file(RANGE_FILE, text, sizeof(text));
	if (code != 0)
		return error_set(error, code, "cannot read %s: %s", RANGE_FILE,
		    strerror(-code));
	if (sscanf(text, "%u %u", &own_low, &own_high) != 2)
		return error_set(
		    error, -EPROTO, "cannot understand %s", RANGE_FILE);
	if (high < own_low || low > own_high)
		return 0;
	larger_rest(own_low, own_high, &range[0], &range[1]);
	larger_rest(low, high, &own[0], &own[1]);
	return error_set(error, -EINVAL,
	    "port_range %u-%u overlaps the ports of the gateway's own "
	    "connections, %u-%u: set port_range within %u-%u, or run "
	    "`sysctl -w net.ipv4.ip_local_port_range=\"%u %u\"`",
	    low, high, own_low, own_high, range[0], range[1], own[0], own[1]);
}

/** Adds (value true) or removes the ports of `change` from those reserved;
 * `difference`, if not NULL, is told which really changed. */
static int change_reserved(
    const bool change[PORTS], bool value, bool *difference)
{
	char *list = malloc(LIST_SIZE);
	bool *map = calloc(PORTS, sizeof(*map));
	int code = -ENOMEM;
	if (list == NULL || map == NULL)
		goto out;
	code = read_file(RESERVED_FILE, list, LIST_SIZE);
	if (code != 0)
		goto out;
	code = -EPROTO;
	if (!hostports_parse(list, map, true))
		goto out;
	for (unsigned port = 0; port < PORTS; port++) {
		if (!change[port])
			continue;
		if (difference != NULL)
			difference[port] = map[port] != value;
		map[port] = value;
	}
	code = -E2BIG;
	if (hostports_format(map, list, LIST_SIZE - 1)) {
		strcat(list, "\n"); /* an empty write would change nothing */
		code = write_file(RESERVED_FILE, list);
	}
out:
	free(map);
	free(list);
	return code;
}

int hostports_reserve(
    uint16_t low, uint16_t high, char *added, size_t size, struct error *error)
{
	bool *maps = calloc((size_t)2 * PORTS, sizeof(*maps));
	if (maps == NULL)
		return error_set(error, -ENOMEM, "out of memory");
	for (unsigned port = low; port <= high; port++)
		maps[port] = true;
	int code = change_reserved(maps, true, maps + PORTS);
	if (code == 0 && !hostports_format(maps + PORTS, added, size))
		added[0] = 0; /* stay reserved: harmless */
	free(maps);
	if (code != 0)
		return error_set(error, code,
		    "cannot reserve port_range in %s: %s", RESERVED_FILE,
		    strerror(-code));
	return 0;
}

int hostports_release(const char *added, struct error *error)
{
	bool *map = calloc(PORTS, sizeof(*map));
	if (map == NULL)
		return error_set(error, -ENOMEM, "out of memory");
	int code = hostports_parse(added, map, true) ? 0 : -EPROTO;
	if (code == 0)
		code = change_reserved(map, false, NULL);
	free(map);
	if (code != 0)
		return error_set(error, code,
		    "cannot release the ports %s in %s: %s", added,
		    RESERVED_FILE, strerror(-code));
	return 0;
}
