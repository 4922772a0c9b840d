/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The addresses of the gateway's interfaces.
 *
 * getifaddrs() gives them in the kernel's order, an interface's primary
 * address before its secondary ones, and by label, so "eth0:1" is not "eth0".
 * rtnetlink only says that something changed: what is true now is read again,
 * so that a lost message loses nothing.
 */
#include "daemon/address.h"

#include <errno.h>
#include <ifaddrs.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/text.h"

static const struct sockaddr_in *ipv4(const struct sockaddr *address)
{
	if (!address || address->sa_family != AF_INET)
		return NULL;
	return (const struct sockaddr_in *)(const void *)address;
}

static int read_interfaces(struct ifaddrs **list, struct error *error)
{
	int cause;

	if (getifaddrs(list) == 0)
		return 0;
	cause = errno;
	return error_set(
	    error, -cause, "cannot read the interfaces: %s", strerror(cause));
}

/** Of the names that getifaddrs() lists, the wrong one's neighbours help. */
static int no_such_interface(
    const struct ifaddrs *list, const char *interface, struct error *error)
{
	char names[256] = "";
	size_t used = 0;

	for (; list; list = list->ifa_next) {
		size_t length = strlen(list->ifa_name);

		if (!list->ifa_addr || list->ifa_addr->sa_family != AF_PACKET)
			continue;
		if (used + length + 2 >= sizeof(names))
			break;
		if (used)
			names[used++] = ' ';
		memcpy(names + used, list->ifa_name, length + 1);
		used += length;
	}
	return error_set(error, -ENODEV,
	    "there is no interface %s; this system has: %s", interface, names);
}

int address_of_interface(
    const char *interface, spinat_be32 *address, struct error *error)
{
	struct ifaddrs *list;
	const struct sockaddr_in *found = NULL;
	int result = read_interfaces(&list, error);

	if (result < 0)
		return result;
	for (struct ifaddrs *i = list; i && !found; i = i->ifa_next)
		if (strcmp(i->ifa_name, interface) == 0)
			found = ipv4(i->ifa_addr);
	if (found)
		address->raw = found->sin_addr.s_addr;
	else if (if_nametoindex(interface) == 0)
		result = no_such_interface(list, interface, error);
	else
		result = error_set(error, -EADDRNOTAVAIL,
		    "interface %s has no IPv4 address; give it one, or say "
		    "alias_address ADDRESS",
		    interface);
	freeifaddrs(list);
	return result;
}

static uint8_t prefix_length(const struct sockaddr_in *mask)
{
	uint32_t bits = mask ? ntohl(mask->sin_addr.s_addr) : UINT32_MAX;
	uint8_t length = 0;

	for (; bits & 0x80000000u; bits <<= 1)
		length++;
	return length;
}

/** Takes the networks that the inside interface is connected to. */
static int fill_inside(struct conf *conf, struct error *error)
{
	struct spinat_config *engine = &conf->engine;
	struct ifaddrs *list;
	int result = read_interfaces(&list, error);

	if (result < 0)
		return result;
	for (struct ifaddrs *i = list; i; i = i->ifa_next) {
		const struct sockaddr_in *address = ipv4(i->ifa_addr);
		const struct sockaddr_in *mask = ipv4(i->ifa_netmask);

		if (!address || strcmp(i->ifa_name, conf->inside_interface))
			continue;
		if (engine->inside_count == SPINAT_MAX_INSIDE) {
			result = error_set(error, -ENOSPC,
			    "interface %s has more than %d addresses",
			    conf->inside_interface, SPINAT_MAX_INSIDE);
			break;
		}
		engine->inside[engine->inside_count++] = (struct spinat_prefix){
		    .address.raw = address->sin_addr.s_addr &
			(mask ? mask->sin_addr.s_addr : UINT32_MAX),
		    .length = prefix_length(mask)};
	}
	if (result == 0 && engine->inside_count == 0)
		result = if_nametoindex(conf->inside_interface) == 0
		    ? no_such_interface(list, conf->inside_interface, error)
		    : error_set(error, -EADDRNOTAVAIL,
			  "inside_interface %s has no IPv4 address",
			  conf->inside_interface);
	freeifaddrs(list);
	return result;
}

int address_fill(struct conf *conf, struct error *error)
{
	struct spinat_config *engine = &conf->engine;
	int result = 0;

	if (engine->public_count == 0) {
		result = address_of_interface(
		    conf->interface, &engine->public_addresses[0], error);
		if (result < 0)
			return result;
		engine->public_count = 1;
	}
	if (engine->inside_count == 0 && conf->inside_interface[0])
		result = fill_inside(conf, error);
	return result;
}

struct address_watch {
	struct mnl_socket *socket;
};

int address_watch_open(struct address_watch **watch, struct error *error)
{
	struct address_watch *made = calloc(1, sizeof(*made));
	int cause;

	if (!made)
		return error_set(error, -ENOMEM, "out of memory");
	made->socket =
	    mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!made->socket ||
	    mnl_socket_bind(
		made->socket, RTMGRP_IPV4_IFADDR, MNL_SOCKET_AUTOPID) < 0) {
		cause = errno;
		address_watch_close(made);
		return error_set(error, -cause,
		    "cannot follow changes of addresses: %s", strerror(cause));
	}
	*watch = made;
	return 0;
}

int address_watch_descriptor(const struct address_watch *watch)
{
	return mnl_socket_get_fd(watch->socket);
}

void address_watch_drain(struct address_watch *watch)
{
	char buffer[8192];

	ssize_t got;

	/* ENOBUFS says that news were lost, and is news enough. */
	do
		got =
		    mnl_socket_recvfrom(watch->socket, buffer, sizeof(buffer));
	while (got > 0 || (got < 0 && (errno == ENOBUFS || errno == EINTR)));
}

void address_watch_close(struct address_watch *watch)
{
	if (!watch)
		return;
	if (watch->socket)
		(void)mnl_socket_close(watch->socket);
	free(watch);
}
