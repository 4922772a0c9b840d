/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tun back end: two TUN devices, so that a packet's side is known.
 *
 *   inside host ─► inside interface ─(rule, own table)─► spinat-in ─► engine
 *   engine ─► spinat-out ─► outside interface ─► remote
 *   remote ─► outside interface ─(route of the public address)─► spinat-out
 *   engine ─► spinat-in ─► inside interface ─► inside host
 *
 * The kernel routes twice, before and after, so a packet's time to live is put
 * back by one: together it is one hop.  Large packets come and go whole with
 * their virtio-net header (TUNSETOFFLOAD); where its checksum is unfinished it
 * stays unfinished, since a translation moves no byte.
 *
 * The public address must be routed to the gateway and not be its own: what
 * is its own never reaches a route.  So what the engine passes from the
 * outside has nowhere to go and is dropped.
 *
 * Fails closed: when the process dies its devices go, with the routes over
 * them; what is left in our table is a blackhole (firewall/routes.c).
 */
#include "backend/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend/tun_device.h"
#include "conf/conf.h"
#include "firewall/routes.h"

enum {
	SLOT = 0x10000 + 64, /* the largest packet, aligned */
	IP_TTL = 8,
	IP_CHECKSUM = 10,
	IP_DESTINATION = 16,
	IP_HEADER_MIN = 20,
};

struct backend {
	int fds[2]; /* by enum spinat_side */
	struct routes routes;
	bool routed;
	struct backend_counters counters;
	struct virtio_net_hdr heads[BACKEND_BATCH];
	uint8_t *slots; /* BACKEND_BATCH of SLOT bytes */
};

static void tun_close(struct backend *backend)
{
	struct error ignored;
	if (backend == NULL)
		return;
	if (backend->routed)
		(void)routes_remove(&backend->routes, &ignored);
	for (int side = 0; side < 2; side++)
		if (backend->fds[side] >= 0)
			close(backend->fds[side]);
	if (backend->slots != NULL)
		munmap(backend->slots, (size_t)BACKEND_BATCH * SLOT);
	free(backend);
}

static int tun_open(
    struct backend **result, const struct conf *conf, struct error *error)
{
	if (conf->engine.mode != SPINAT_MODE_FULL)
		return error_set(error, -EINVAL,
		    "backend tun cannot do `mode ipsec-only`, for which the "
		    "public address has to be the gateway's own; use `backend "
		    "nfqueue`");
	struct backend *backend = calloc(1, sizeof(*backend));
	if (backend == NULL)
		return error_set(error, -ENOMEM, "out of memory");
	backend->fds[SPINAT_INSIDE] = backend->fds[SPINAT_OUTSIDE] = -1;
	int code = 0;
	void *slots = mmap(NULL, (size_t)BACKEND_BATCH * SLOT,
	    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (slots == MAP_FAILED) {
		code = error_set(error, -ENOMEM, "out of memory");
		goto fail;
	}
	backend->slots = slots;
	/* Each takes packets for the other side's interface, so that is whose
	 * MTU an inside host, or a remote, is to be told. */
	code = tun_device_open(ROUTES_DEVICE_INSIDE, conf->interface,
	    &backend->fds[SPINAT_INSIDE], error);
	if (code == 0)
		code = tun_device_open(ROUTES_DEVICE_OUTSIDE,
		    conf->inside_interface, &backend->fds[SPINAT_OUTSIDE],
		    error);
	if (code != 0)
		goto fail;
	routes_of_conf(&backend->routes, conf);
	backend->routed = true;
	code = routes_install(&backend->routes, error);
	if (code != 0)
		goto fail;
	*result = backend;
	return 0;
fail:
	tun_close(backend);
	return code;
}

static int tun_descriptors(
    const struct backend *backend, int fds[BACKEND_MAX_DESCRIPTORS])
{
	fds[0] = backend->fds[SPINAT_INSIDE];
	fds[1] = backend->fds[SPINAT_OUTSIDE];
	return 2;
}

static int tun_receive(
    struct backend *backend, int fd, struct backend_batch *batch)
{
	enum spinat_side side =
	    fd == backend->fds[SPINAT_INSIDE] ? SPINAT_INSIDE : SPINAT_OUTSIDE;

	batch->count = 0;
	batch->stamp = -1;
	while (batch->count < BACKEND_BATCH) {
		struct virtio_net_hdr *head = &backend->heads[batch->count];
		uint8_t *data = backend->slots + batch->count * SLOT;
		struct iovec parts[2] = {{head, sizeof(*head)}, {data, SLOT}};
		ssize_t got = readv(fd, parts, 2);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (got < 0)
			return -errno;
		size_t length = (size_t)got - sizeof(*head);
		if ((size_t)got < sizeof(*head) + IP_HEADER_MIN ||
		    (data[0] >> 4) != 4)
			continue; /* not IPv4: nothing for a NAT44 */
		batch->tokens[batch->count] = batch->count;
		batch->packets[batch->count++] = (struct spinat_packet){
		    .data = data,
		    .length = (uint32_t)length,
		    .side = (uint8_t)side,
		    .flags = (head->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0
			? SPINAT_PACKET_CSUM_PARTIAL
			: 0,
		};
	}
	backend->counters.received += batch->count;
	backend->counters.batches += batch->count > 0;
	return 0;
}

/** Both routing passes take one from the time to live; gives one back, and
 * corrects the header checksum (RFC 1624). */
static void restore_ttl(uint8_t *data)
{
	if (data[IP_TTL] == UINT8_MAX)
		return;
	data[IP_TTL]++;
	uint32_t sum =
	    (uint32_t)(data[IP_CHECKSUM] << 8 | data[IP_CHECKSUM + 1]);
	sum = (~sum & 0xffff) + 0x0100;
	sum = (sum & 0xffff) + (sum >> 16);
	data[IP_CHECKSUM] = (uint8_t)(~sum >> 8);
	data[IP_CHECKSUM + 1] = (uint8_t)~sum;
}

/** What is written to a device comes in by it. */
static void write_packet(struct backend *backend, enum spinat_side to,
    struct virtio_net_hdr *head, const uint8_t *data, size_t length)
{
	uint8_t ip[IP_HEADER_MIN];
	/* writev does not write to what it is given. */
	struct iovec parts[3] = {{head, sizeof(*head)}, {ip, sizeof(ip)},
	    {(void *)(uintptr_t)(data + sizeof(ip)), length - sizeof(ip)}};
	ssize_t wrote;

	memcpy(ip, data, sizeof(ip));
	restore_ttl(ip);
	do
		wrote = writev(backend->fds[to], parts, 3);
	while (wrote < 0 && errno == EINTR);
	if (wrote < 0)
		backend->counters.verdict_errors++;
}

static bool is_public(const struct backend *backend, const uint8_t *address)
{
	for (unsigned i = 0; i < backend->routes.public_count; i++)
		if (memcmp(address, &backend->routes.public_addresses[i],
			sizeof(spinat_be32)) == 0)
			return true;
	return false;
}

static int tun_finish(struct backend *backend, struct backend_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct spinat_packet *packet = &batch->packets[i];
		enum spinat_side to = packet->to;
		if (packet->verdict == SPINAT_PASSED) {
			/* From the inside with a source that is not to be
			 * translated: on its way.  Else it is for the gateway,
			 * which does not have the public address. */
			if (packet->side != SPINAT_INSIDE ||
			    is_public(backend, packet->data + IP_DESTINATION))
				continue;
			to = SPINAT_OUTSIDE;
		} else if (packet->verdict != SPINAT_TRANSLATED) {
			continue;
		}
		write_packet(backend, to, &backend->heads[i], packet->data,
		    packet->length);
	}
	batch->count = 0;
	return 0;
}

static void tun_emit(struct backend *backend, enum spinat_side to,
    const uint8_t *data, size_t length)
{
	struct virtio_net_hdr head = {0};
	write_packet(backend, to, &head, data, length);
	backend->counters.emitted++;
}

static void tun_counters(
    const struct backend *backend, struct backend_counters *counters)
{
	*counters = backend->counters;
	counters->lost += tun_device_drops(ROUTES_DEVICE_INSIDE);
	counters->lost += tun_device_drops(ROUTES_DEVICE_OUTSIDE);
}

const struct backend_ops backend_tun = {
    .name = "tun",
    .summary = "TUN devices; for a public address routed to the gateway",
    .open = tun_open,
    .descriptors = tun_descriptors,
    .receive = tun_receive,
    .finish = tun_finish,
    .emit = tun_emit,
    .counters = tun_counters,
    .close = tun_close,
};
