/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entering a network namespace by the name that `ip netns` knows, and what the
 * programs here do when something goes wrong: say it and end.
 */
#ifndef SPINAT_BENCH_GATEWAY_NETNS_H
#define SPINAT_BENCH_GATEWAY_NETNS_H

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(
    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	exit(1);
}

static inline void enter_netns(const char *name)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof path, "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
		die("namespace %s: %s", name, strerror(errno));
	(void)close(fd);
}

/** The index of a device of the namespace that we are in. */
static inline unsigned device_index(const char *name)
{
	const unsigned index = if_nametoindex(name);

	if (index == 0)
		die("device %s: %s", name, strerror(errno));
	return index;
}

static inline void parse_mac(const char *text, unsigned char *mac)
{
	unsigned value[6];

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &value[0], &value[1],
		&value[2], &value[3], &value[4], &value[5]) != 6)
		die("not a hardware address: %s", text);
	for (int i = 0; i < 6; i++)
		mac[i] = (unsigned char)value[i];
}

#endif
