/* SPDX-License-Identifier: BSD-2-Clause */
#include "firewall/interface.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint32_t ipv4_of(const struct sockaddr *address)
{
	struct sockaddr_in in;
	memcpy(&in, address, sizeof(in));
	return in.sin_addr.s_addr;
}

static bool is_ipv4(const struct sockaddr *address)
{
	return address != NULL && address->sa_family == AF_INET;
}

int interface_addresses(const char *name, spinat_be32 *addresses,
    struct spinat_prefix *nets, unsigned max)
{
	struct ifaddrs *all;
	unsigned count = 0;

	if (if_nametoindex(name) == 0)
		return -ENODEV;
	if (getifaddrs(&all) != 0)
		return -errno;
	for (const struct ifaddrs *one = all; one != NULL && count < max;
	     one = one->ifa_next) {
		/* An address may carry a label: "eth0:1". */
		size_t length = strcspn(one->ifa_name, ":");
		if (length != strlen(name) ||
		    strncmp(one->ifa_name, name, length) != 0 ||
		    !is_ipv4(one->ifa_addr) || !is_ipv4(one->ifa_netmask))
			continue;
		uint32_t address = ipv4_of(one->ifa_addr);
		uint32_t mask = ipv4_of(one->ifa_netmask);
		if (addresses != NULL)
			addresses[count].raw = address;
		if (nets != NULL)
			nets[count] = (struct spinat_prefix){{address & mask},
			    (uint8_t)__builtin_popcount(mask)};
		count++;
	}
	freeifaddrs(all);
	return (int)count;
}

bool interface_is_local(spinat_be32 address)
{
	struct ifaddrs *all;
	bool local = false;

	if (getifaddrs(&all) != 0)
		return false;
	for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next)
		if (is_ipv4(one->ifa_addr) &&
		    ipv4_of(one->ifa_addr) == address.raw)
			local = true;
	freeifaddrs(all);
	return local;
}

int interface_watch(void)
{
	struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
	    .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_LINK};
	int fd = socket(
	    AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&groups, sizeof(groups)) != 0) {
		int code = -errno;
		close(fd);
		return code;
	}
	return fd;
}

void interface_watch_drain(int fd)
{
	char buffer[8192];
	/* An overrun (ENOBUFS) is news as well, and drained by being read. */
	while (recv(fd, buffer, sizeof(buffer), 0) > 0 || errno == ENOBUFS ||
	    errno == EINTR)
		errno = 0;
}
