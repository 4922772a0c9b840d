/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flood of packets that open a flow each, at best:
 *
 *   flood DEVICE MAC FROM/LENGTH TO LOW-HIGH RATE SECONDS
 *
 * sends UDP, SYNs of TCP and ESP, RATE a second (as far as the machine can),
 * through DEVICE to the next hop MAC: from random ports and addresses of the
 * network FROM/LENGTH to random ports LOW to HIGH of TO.  Prints how many.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/netns/flood.h"
#include "tests/wire.h"

enum { FRAME = ETHER_HDR_LEN + 40, IP_LENGTH = 40, BATCH = 32 };

struct flood {
	int socket;
	uint8_t macs[12];
	uint32_t from, from_mask, to;
	uint32_t low, high; /* ports */
	uint64_t random;
};

__attribute__((noreturn)) static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Marsaglia's xorshift. */
static uint32_t draw(struct flood *flood)
{
	flood->random ^= flood->random << 13;
	flood->random ^= flood->random >> 7;
	flood->random ^= flood->random << 17;
	return (uint32_t)(flood->random >> 16);
}

/* Their transports' checksums are left out: nobody looks at them on the way. */
static void make_frame(struct flood *flood, uint8_t *frame)
{
	static const uint8_t protocols[] = {
	    IPPROTO_UDP, IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ESP};
	uint8_t *ip = frame + ETHER_HDR_LEN, *l4 = ip + 20;
	const uint8_t protocol = protocols[draw(flood) % 4];

	memset(frame, 0, FRAME);
	memcpy(frame, flood->macs, sizeof flood->macs);
	put16(frame + 12, ETHERTYPE_IP);
	ip[0] = 0x45;
	ip[1] = FLOOD_TOS;
	put16(ip + 2, IP_LENGTH);
	put16(ip + 6, 0x4000); /* DF */
	ip[8] = 64;
	ip[9] = protocol;
	put32(ip + 12, flood->from | (draw(flood) & ~flood->from_mask));
	put32(ip + 16, flood->to);
	put16(ip + 10, plain_checksum(ip, 20, 0));
	if (protocol == IPPROTO_ESP) {
		put32(l4, draw(flood) | 0x100);
		put32(l4 + 4, 1);
		return;
	}
	put16(l4, 1024 + draw(flood) % 60000);
	put16(
	    l4 + 2, flood->low + draw(flood) % (flood->high - flood->low + 1));
	if (protocol == IPPROTO_UDP) {
		put16(l4 + 4, IP_LENGTH - 20);
		return;
	}
	put32(l4 + 4, draw(flood));
	l4[12] = 5 << 4;
	l4[13] = 2; /* SYN */
}

static int send_batch(struct flood *flood)
{
	static uint8_t frames[BATCH][FRAME];
	struct mmsghdr messages[BATCH] = {0};
	struct iovec parts[BATCH];

	for (unsigned i = 0; i < BATCH; i++) {
		make_frame(flood, frames[i]);
		parts[i] = (struct iovec){frames[i], FRAME};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	return sendmmsg(flood->socket, messages, BATCH, 0);
}

static double now(void)
{
	struct timespec time;

	if (clock_gettime(CLOCK_MONOTONIC, &time) != 0)
		die("clock");
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void open_device(struct flood *flood, const char *name)
{
	struct sockaddr_ll device = {.sll_family = AF_PACKET};
	struct ifreq request = {0};

	flood->socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	(void)snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	if (flood->socket < 0 ||
	    ioctl(flood->socket, SIOCGIFHWADDR, &request) != 0)
		die(name);
	memcpy(flood->macs + 6, request.ifr_hwaddr.sa_data, 6);
	device.sll_ifindex = (int)if_nametoindex(name);
	if (bind(flood->socket, (const struct sockaddr *)&device,
		sizeof device) != 0)
		die(name);
}

static void parse(struct flood *flood, char **arguments)
{
	const struct ether_addr *mac = ether_aton(arguments[1]);
	struct in_addr from, to;
	char *length = strchr(arguments[2], '/');

	if (length == NULL || mac == NULL)
		die("arguments");
	*length++ = '\0';
	if (inet_pton(AF_INET, arguments[2], &from) != 1 ||
	    inet_pton(AF_INET, arguments[3], &to) != 1 ||
	    sscanf(arguments[4], "%u-%u", &flood->low, &flood->high) != 2)
		die("arguments");
	memcpy(flood->macs, mac, 6);
	flood->from_mask =
	    (uint32_t)(UINT64_C(0xffffffff) << (32 - atoi(length)));
	flood->from = ntohl(from.s_addr) & flood->from_mask;
	if (flood->from_mask == UINT32_MAX)
		flood->from = ntohl(from.s_addr);
	flood->to = ntohl(to.s_addr);
}

int main(int argc, char **argv)
{
	struct flood flood = {.random = UINT64_C(0x9e3779b97f4a7c15)};
	double begin, rate, seconds;
	uint64_t sent = 0;

	if (argc != 8)
		die("see the head of flood.c");
	open_device(&flood, argv[1]);
	parse(&flood, argv + 1);
	rate = atof(argv[6]);
	seconds = atof(argv[7]);
	begin = now();
	for (double since = 0; since < seconds; since = now() - begin) {
		const double ahead = (double)sent / rate - since;
		const struct timespec wait = {.tv_nsec = (long)(ahead * 1e9)};
		int count;

		if (ahead > 0 && ahead < 1)
			(void)nanosleep(&wait, NULL);
		count = send_batch(&flood);
		if (count > 0)
			sent += (uint64_t)count;
		else if (errno != ENOBUFS && errno != EAGAIN)
			die("send");
	}
	printf("%llu\n", (unsigned long long)sent);
	return 0;
}
