/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The emitter: a raw socket with the header included.
 *
 * Its packets carry MARK_OWN, by which the rules keep them out of connection
 * tracking (they are one half of what the engine tracks) and out of the queue.
 * The kernel routes them by destination; it fills in the IP checksum, and an
 * IP id where it is zero.  It does not fragment a packet with its own header,
 * so that is done here (RFC 791 3.2).
 */
#include "backend/emitter.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/marks.h"
#include "conf/conf.h"

enum {
	IP_HEADER_MIN = 20,
	IP_HEADER_MAX = 60,
	IP_DONT_FRAGMENT = 0x4000,
	IP_MORE_FRAGMENTS = 0x2000,
	IP_OFFSET_BITS = 0x1fff,
	MTU_FALLBACK = 1500,
	MTU_MIN = 68, /* RFC 791 */
	SEND_BUFFER = 4 << 20,
};

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

int emitter_open(
    struct emitter *emitter, const struct conf *conf, struct error *error)
{
	const int one = 1, size = SEND_BUFFER;
	const unsigned mark = MARK_OWN;

	*emitter = (struct emitter){.fd = -1};
	snprintf(emitter->interfaces[SPINAT_INSIDE], IFNAMSIZ, "%s",
	    conf->inside_interface);
	snprintf(emitter->interfaces[SPINAT_OUTSIDE], IFNAMSIZ, "%s",
	    conf->interface);
	emitter->fd = socket(
	    AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	if (emitter->fd < 0 && (errno == EPERM || errno == EACCES))
		return error_set(error, -errno,
		    "cannot open a raw socket: the capability CAP_NET_RAW is "
		    "missing; run spinatd as root or give it CAP_NET_RAW");
	if (emitter->fd < 0)
		return error_set(error, -errno, "cannot open a raw socket: %s",
		    strerror(errno));
	if (setsockopt(emitter->fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark))) {
		int code = -errno;
		emitter_close(emitter);
		return error_set(error, code,
		    "cannot mark spinatd's own packets (SO_MARK): %s; the "
		    "capability CAP_NET_ADMIN is needed",
		    strerror(-code));
	}
	/* Neither is worth failing for: the defaults only drop sooner. */
	(void)setsockopt(
	    emitter->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	(void)setsockopt(
	    emitter->fd, IPPROTO_IP, IP_HDRINCL, &one, sizeof(one));
	return 0;
}

/** Asked for only when a packet did not fit: MTUs change. */
static size_t interface_mtu(const struct emitter *emitter, enum spinat_side to)
{
	struct ifreq request = {0};
	memcpy(request.ifr_name, emitter->interfaces[to],
	    sizeof(request.ifr_name));
	if (request.ifr_name[0] == 0 ||
	    ioctl(emitter->fd, SIOCGIFMTU, &request) != 0 ||
	    request.ifr_mtu < MTU_MIN)
		return MTU_FALLBACK;
	return (size_t)request.ifr_mtu;
}

static int send_one(
    const struct emitter *emitter, const uint8_t *data, size_t length)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	memcpy(&to.sin_addr, data + 16, 4);
	for (;;) {
		if (sendto(emitter->fd, data, length, 0,
			(const struct sockaddr *)&to, sizeof(to)) >= 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

/** Options with the copied flag go into every fragment (RFC 791 3.1). */
static size_t copied_options(
    const uint8_t *options, size_t length, uint8_t *copy)
{
	size_t at = 0, kept = 0;
	while (at < length && options[at] != 0) {
		size_t size = 1;
		if (options[at] != 1) {
			if (at + 1 >= length || options[at + 1] < 2 ||
			    options[at + 1] > length - at)
				break;
			size = options[at + 1];
		}
		if ((options[at] & 0x80) != 0) {
			memcpy(copy + kept, options + at, size);
			kept += size;
		}
		at += size;
	}
	while (kept % 4 != 0)
		copy[kept++] = 0;
	return kept;
}

static int send_fragments(const struct emitter *emitter, size_t mtu,
    const uint8_t *data, size_t length)
{
	uint8_t buffer[UINT16_MAX];
	size_t header = (data[0] & 15u) * 4u;
	const uint16_t flags = get16(data + 6);
	uint16_t id = get16(data + 4);
	size_t at = header;

	/* Fragments must share an id, and the kernel would choose one each. */
	while (id == 0)
		if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
			return -EAGAIN;
	memcpy(buffer, data, header);
	put16(buffer + 4, id);
	while (at < length) {
		size_t room = (mtu - header) & ~(size_t)7;
		size_t part = length - at;
		bool more = part > room;
		if (more)
			part = room;
		size_t offset =
		    (at - (data[0] & 15u) * 4u) / 8 + (flags & IP_OFFSET_BITS);
		put16(buffer + 2, (uint16_t)(header + part));
		put16(buffer + 6,
		    (uint16_t)(offset |
			(more ? IP_MORE_FRAGMENTS
			      : flags & IP_MORE_FRAGMENTS)));
		memcpy(buffer + header, data + at, part);
		int result = send_one(emitter, buffer, header + part);
		if (result != 0)
			return result;
		if (at == header && header > IP_HEADER_MIN) {
			at += part;
			header = IP_HEADER_MIN +
			    copied_options(data + IP_HEADER_MIN,
				header - IP_HEADER_MIN, buffer + IP_HEADER_MIN);
			buffer[0] = (uint8_t)(0x40 | header / 4);
			continue;
		}
		at += part;
	}
	return 0;
}

void emitter_send(struct emitter *emitter, enum spinat_side to,
    const uint8_t *data, size_t length, struct backend_counters *counters)
{
	if (length < IP_HEADER_MIN || (data[0] >> 4) != 4) {
		counters->emit_errors++;
		return;
	}
	size_t header = (data[0] & 15u) * 4u, total = get16(data + 2);
	if (header < IP_HEADER_MIN || total < header || total > length) {
		counters->emit_errors++;
		return;
	}

	int result = send_one(emitter, data, total);
	if (result == -EMSGSIZE) {
		size_t mtu = interface_mtu(emitter, to);
		if ((get16(data + 6) & IP_DONT_FRAGMENT) != 0 ||
		    mtu < IP_HEADER_MAX + 8) {
			counters->too_big++;
			return;
		}
		counters->fragmented++;
		result = send_fragments(emitter, mtu, data, total);
	}
	if (result == 0)
		counters->emitted++;
	else
		counters->emit_errors++;
}

void emitter_close(struct emitter *emitter)
{
	if (emitter->fd >= 0)
		close(emitter->fd);
	emitter->fd = -1;
}
