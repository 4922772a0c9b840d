/* SPDX-License-Identifier: BSD-2-Clause */
#include "firewall/watch.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

int firewall_watch(void)
{
	const struct sockaddr_nl any = {.nl_family = AF_NETLINK};
	const int group = NFNLGRP_NFTABLES;
	const int fd = socket(AF_NETLINK,
	    SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	int code;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0 &&
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
		sizeof(group)) == 0)
		return fd;
	code = -errno;
	(void)close(fd);
	return code;
}

bool firewall_watch_drain(int fd)
{
	uint8_t message[8192];
	bool changed = false;

	/* Any message is a change; one that is cut is one too. */
	for (;;) {
		const ssize_t got = recv(fd, message, sizeof(message), 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno != ENOBUFS)
			return changed;
		if (got == 0)
			return changed;
		changed = true;
	}
}
