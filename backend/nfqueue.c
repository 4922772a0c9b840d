/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The nfqueue back end: Linux's divert.
 *
 * The firewall rules (firewall/) queue packets in four places, each with
 * numbers of its own, so that the side of a packet is known by its queue:
 *
 *   queue     mangle POSTROUTING, leaving the outside interface   side INSIDE
 *   queue + 1 raw PREROUTING, from the outside                    side OUTSIDE
 *   queue + 2 raw PREROUTING, from the inside to a public address side INSIDE
 *   queue + 3 raw PREROUTING, UDP from the outside                side OUTSIDE
 *   queue + 4 mangle OUTPUT, IKE and ESP of the gateway itself    side INSIDE
 *
 * The third and the fourth want large (GSO) packets segmented by the kernel,
 * the others take them whole.  A hairpin packet has to be sent anew, since the
 * kernel refuses a packet that comes in with an address of its own as the
 * source. Large UDP from the outside cannot be satisfied: connection tracking
 * wants a finished checksum, the segmentation after it one that is unfinished.
 *
 * Verdicts.  TRANSLATED and PASSED are NF_REPEAT with MARK_SEEN, not
 * NF_ACCEPT, which would skip the administrator's rules that follow ours in
 * the same table; our first rule sees the mark, clears it and returns.  HELD
 * and DROPPED are NF_DROP.  Fails closed: neither the bypass option of the
 * rules nor NFQA_CFG_F_FAIL_OPEN is used for anything that may have an inside
 * source, so what we do not read, or do not answer, is dropped.  The gateway's
 * own packets are only looked at: both are used for them, so that they go their
 * way without us.
 *
 * Checksums.  A packet may come with an unfinished transport checksum
 * (CHECKSUM_PARTIAL).  The kernel forgets that as soon as a verdict carries a
 * payload (nfqnl_mangle sets CHECKSUM_NONE), so it is finished here first.
 * Outbound large (GSO) packets need not be: they are segmented next, which
 * computes every checksum.  Inbound ones must be: connection tracking comes
 * next, and it calls a wrong sum INVALID (measured: 0.4 Mbit/s of bulk TCP
 * where there are 9 Gbit/s).
 *
 * Batches.  Packets are read with recvmmsg; verdicts go out as many messages
 * of one sendmsg, with the payloads gathered from where they were received.
 */
#include "backend/backend.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/checksum.h"
#include "backend/emitter.h"
#include "backend/marks.h"
#include "backend/queue.h"
#include "conf/conf.h"

#ifndef NFQUEUE_BATCH
#define NFQUEUE_BATCH BACKEND_BATCH /* 1: to measure what batching gains */
#endif

enum {
	QUEUES = 5,
	SLOT = 0x10000 + 4096,     /* the largest packet and its attributes */
	VERDICT_BYTES = 256 << 10, /* of one sendmsg */
	VERDICT_HEAD = 64,         /* of one message, without the payload */
};

/** What finish() must know of a received packet. */
struct received {
	uint32_t id, mark;
	bool gso;
};

/** A sendmsg under construction. */
struct verdicts {
	uint8_t heads[BACKEND_BATCH][VERDICT_HEAD];
	struct iovec parts[3 * BACKEND_BATCH];
	size_t count, part_count, bytes;
};

struct backend {
	struct queue queues[QUEUES];
	struct emitter emitter;
	struct backend_counters counters;
	const struct queue *from; /* the queue of the batch under way */
	struct received received[BACKEND_BATCH];
	struct verdicts verdicts;
	uint8_t *slots; /* BACKEND_BATCH of SLOT bytes */
};

/* ------------------------------------------------------------- set-up */

static void nfqueue_close(struct backend *backend)
{
	if (backend == NULL)
		return;
	for (size_t i = 0; i < QUEUES; i++)
		queue_close(&backend->queues[i]);
	emitter_close(&backend->emitter);
	if (backend->slots != NULL)
		munmap(backend->slots, (size_t)BACKEND_BATCH * SLOT);
	free(backend);
}

static int nfqueue_open(
    struct backend **result, const struct conf *conf, struct error *error)
{
	static const struct queue kinds[QUEUES] = {
	    {.side = SPINAT_INSIDE, .large = true},
	    {.side = SPINAT_OUTSIDE, .large = true},
	    {.side = SPINAT_INSIDE, .large = false, .hairpin = true},
	    {.side = SPINAT_OUTSIDE, .large = false},
	    {.side = SPINAT_INSIDE, .large = true, .own = true},
	};
	if (conf->queue > UINT16_MAX - (QUEUES - 1))
		return error_set(error, -EINVAL,
		    "queue %u: must be at most %u, %d numbers from it on are "
		    "used",
		    conf->queue, UINT16_MAX - (QUEUES - 1), QUEUES);
	struct backend *backend = calloc(1, sizeof(*backend));
	if (backend == NULL)
		return error_set(error, -ENOMEM, "out of memory");
	backend->emitter.fd = -1;
	int code = 0;
	void *slots = mmap(NULL, (size_t)BACKEND_BATCH * SLOT,
	    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (slots == MAP_FAILED) {
		code = error_set(error, -ENOMEM, "out of memory");
		goto fail;
	}
	backend->slots = slots;
	code = emitter_open(&backend->emitter, conf, error);
	if (code != 0)
		goto fail;
	for (unsigned i = 0; i < QUEUES; i++) {
		struct queue *queue = &backend->queues[i];
		*queue = kinds[i];
		queue->number = conf->queue + i;
		code = queue_open(queue, error);
		if (code != 0)
			goto fail;
	}
	*result = backend;
	return 0;
fail:
	nfqueue_close(backend);
	return code;
}

static int nfqueue_descriptors(
    const struct backend *backend, int fds[BACKEND_MAX_DESCRIPTORS])
{
	static_assert(QUEUES <= BACKEND_MAX_DESCRIPTORS, "room for each queue");
	for (int i = 0; i < QUEUES; i++)
		fds[i] = mnl_socket_get_fd(backend->queues[i].socket);
	return QUEUES;
}

/* ---------------------------------------------------------- receiving */

static uint32_t attribute_be32(const struct nlattr *attribute)
{
	if (mnl_attr_get_payload_len(attribute) < sizeof(uint32_t))
		return 0;
	return ntohl(mnl_attr_get_u32(attribute));
}

static void verdicts_send(struct backend *backend);
static void answer(struct backend *backend, const struct received *received,
    uint32_t verdict, uint8_t *data, size_t length);

/** Takes one packet message into the batch; what cannot be taken is dropped
 * by a verdict at once, or it would wait in the kernel for ever. */
static void take_packet(struct backend *backend, struct backend_batch *batch,
    const struct nlmsghdr *message)
{
	struct received received = {0};
	uint8_t *data = NULL;
	uint32_t length = 0, whole = 0, info = 0;
	bool identified = false;
	uint8_t flags = 0;

	const struct nlattr *attribute =
	    mnl_nlmsg_get_payload_offset(message, sizeof(struct nfgenmsg));
	const uint8_t *end = mnl_nlmsg_get_payload_tail(message);
	for (; mnl_attr_ok(attribute, (int)(end - (const uint8_t *)attribute));
	     attribute = mnl_attr_next(attribute)) {
		switch (mnl_attr_get_type(attribute)) {
		case NFQA_PACKET_HDR:
			/* Packed, and its first member is the id. */
			identified = mnl_attr_get_payload_len(attribute) >=
			    sizeof(struct nfqnl_msg_packet_hdr);
			received.id = attribute_be32(attribute);
			break;
		case NFQA_PAYLOAD:
			data = mnl_attr_get_payload(attribute);
			length = mnl_attr_get_payload_len(attribute);
			break;
		case NFQA_SKB_INFO:
			info = attribute_be32(attribute);
			break;
		case NFQA_CAP_LEN:
			whole = attribute_be32(attribute);
			break;
		case NFQA_MARK:
			received.mark = attribute_be32(attribute);
			break;
		default:
			break;
		}
	}
	if (!identified)
		return;
	if (data == NULL || whole > length) {
		backend->counters.cut++;
		answer(backend, &received, NF_DROP, NULL, 0);
		return;
	}
	received.gso = (info & NFQA_SKB_GSO) != 0;
	if ((info & NFQA_SKB_CSUMNOTREADY) != 0)
		flags |= SPINAT_PACKET_CSUM_PARTIAL;
	if (backend->from->own)
		flags |= SPINAT_PACKET_OWN;
	backend->received[batch->count] = received;
	batch->tokens[batch->count] = received.id;
	batch->packets[batch->count] = (struct spinat_packet){
	    .data = data,
	    .length = length,
	    .side = (uint8_t)backend->from->side,
	    .flags = flags,
	};
	batch->count++;
}

static void take_datagram(struct backend *backend, struct backend_batch *batch,
    const struct msghdr *from, void *slot, size_t size)
{
	int left = (int)size;
	const struct nlmsghdr *message = slot;
	if ((from->msg_flags & MSG_TRUNC) != 0)
		backend->counters.cut++; /* no id: SLOT is too small */
	while (mnl_nlmsg_ok(message, left) && batch->count < BACKEND_BATCH) {
		if (message->nlmsg_type == NLMSG_ERROR)
			backend->counters.verdict_errors++;
		else if (message->nlmsg_type ==
			(NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET) &&
		    mnl_nlmsg_get_payload_len(message) >=
			sizeof(struct nfgenmsg))
			take_packet(backend, batch, message);
		message = mnl_nlmsg_next(message, &left);
	}
}

static const struct queue *queue_of(const struct backend *backend, int fd)
{
	for (size_t i = 0; i < QUEUES; i++)
		if (mnl_socket_get_fd(backend->queues[i].socket) == fd)
			return &backend->queues[i];
	return NULL;
}

static int nfqueue_receive(
    struct backend *backend, int fd, struct backend_batch *batch)
{
	struct mmsghdr datagrams[NFQUEUE_BATCH];
	struct iovec slots[NFQUEUE_BATCH];

	batch->count = 0;
	batch->stamp = -1;
	backend->from = queue_of(backend, fd);
	if (backend->from == NULL)
		return -EBADF;
	memset(datagrams, 0, sizeof(datagrams));
	for (size_t i = 0; i < NFQUEUE_BATCH; i++) {
		slots[i] = (struct iovec){backend->slots + i * SLOT, SLOT};
		datagrams[i].msg_hdr.msg_iov = &slots[i];
		datagrams[i].msg_hdr.msg_iovlen = 1;
	}
	while (batch->count == 0) {
		int got =
		    recvmmsg(fd, datagrams, NFQUEUE_BATCH, MSG_DONTWAIT, NULL);
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (got < 0 && errno == ENOBUFS) {
			backend->counters.lost++;
			continue;
		}
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		for (int i = 0; i < got; i++)
			take_datagram(backend, batch, &datagrams[i].msg_hdr,
			    slots[i].iov_base, datagrams[i].msg_len);
		if (backend->verdicts.count > 0)
			verdicts_send(backend); /* of packets that were cut */
	}
	backend->counters.received += batch->count;
	backend->counters.batches++;
	return 0;
}

/* ----------------------------------------------------------- verdicts */

static void verdicts_send(struct backend *backend)
{
	struct verdicts *verdicts = &backend->verdicts;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct msghdr message = {
	    .msg_name = &kernel,
	    .msg_namelen = sizeof(kernel),
	    .msg_iov = verdicts->parts,
	    .msg_iovlen = verdicts->part_count,
	};
	int fd = mnl_socket_get_fd(backend->from->socket);

	/* On failure the packets stay in the kernel's queue, unsent. */
	if (verdicts->count > 0 && sendmsg(fd, &message, 0) < 0)
		backend->counters.verdict_errors += verdicts->count;
	verdicts->count = verdicts->part_count = verdicts->bytes = 0;
}

static void verdicts_add(struct backend *backend,
    const struct received *received, uint32_t verdict, uint8_t *data,
    size_t length)
{
	static uint8_t padding[4];
	struct verdicts *verdicts = &backend->verdicts;
	size_t aligned = (length + 3) & ~(size_t)3;

	if (verdicts->count == BACKEND_BATCH ||
	    (verdicts->count > 0 &&
		verdicts->bytes + VERDICT_HEAD + aligned > VERDICT_BYTES))
		verdicts_send(backend);

	uint8_t *head = verdicts->heads[verdicts->count++];
	struct nlmsghdr *message = mnl_nlmsg_put_header(head);
	message->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT;
	message->nlmsg_flags = NLM_F_REQUEST;
	struct nfgenmsg *family =
	    mnl_nlmsg_put_extra_header(message, sizeof(*family));
	family->nfgen_family = AF_UNSPEC;
	family->version = NFNETLINK_V0;
	family->res_id = htons((uint16_t)backend->from->number);
	struct nfqnl_msg_verdict_hdr header = {
	    .verdict = htonl(verdict), .id = htonl(received->id)};
	mnl_attr_put(message, NFQA_VERDICT_HDR, sizeof(header), &header);
	if (verdict != NF_DROP)
		mnl_attr_put_u32(
		    message, NFQA_MARK, htonl(received->mark | MARK_SEEN));
	if (data != NULL) {
		struct nlattr *payload = mnl_nlmsg_get_payload_tail(message);
		payload->nla_type = NFQA_PAYLOAD;
		payload->nla_len = (uint16_t)(sizeof(struct nlattr) + length);
		message->nlmsg_len += (uint32_t)sizeof(struct nlattr);
	}
	struct iovec *parts = verdicts->parts + verdicts->part_count;
	*parts++ = (struct iovec){head, message->nlmsg_len};
	verdicts->bytes += message->nlmsg_len;
	if (data != NULL) {
		message->nlmsg_len += (uint32_t)aligned;
		*parts++ = (struct iovec){data, length};
		verdicts->bytes += aligned;
		if (aligned != length)
			*parts++ = (struct iovec){padding, aligned - length};
	}
	verdicts->part_count = (size_t)(parts - verdicts->parts);
}

static void answer(struct backend *backend, const struct received *received,
    uint32_t verdict, uint8_t *data, size_t length)
{
	verdicts_add(backend, received, verdict, data, length);
	if (NFQUEUE_BATCH == 1)
		verdicts_send(backend);
}

static void answer_translated(struct backend *backend,
    const struct received *received, struct spinat_packet *packet)
{
	enum spinat_side forward = backend->from->side == SPINAT_INSIDE
	    ? SPINAT_OUTSIDE
	    : SPINAT_INSIDE;
	bool partial = (packet->flags & SPINAT_PACKET_CSUM_PARTIAL) != 0;

	if (partial && !(received->gso && backend->from->side == SPINAT_INSIDE))
		checksum_finish(packet->data, packet->length);
	if (packet->to == forward && !backend->from->hairpin) {
		answer(
		    backend, received, NF_REPEAT, packet->data, packet->length);
		return;
	}
	/* Hairpin: it does not go on from here.  See the file's head. */
	emitter_send(&backend->emitter, packet->to, packet->data,
	    packet->length, &backend->counters);
	answer(backend, received, NF_DROP, NULL, 0);
}

static int nfqueue_finish(struct backend *backend, struct backend_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct spinat_packet *packet = &batch->packets[i];
		const struct received *received = &backend->received[i];
		switch ((enum spinat_verdict)packet->verdict) {
		case SPINAT_TRANSLATED:
			answer_translated(backend, received, packet);
			break;
		case SPINAT_PASSED:
			answer(backend, received, NF_REPEAT, NULL, 0);
			break;
		case SPINAT_HELD:
		case SPINAT_DROPPED:
		case SPINAT_VERDICT_COUNT:
		default:
			answer(backend, received, NF_DROP, NULL, 0);
			break;
		}
	}
	verdicts_send(backend);
	batch->count = 0;
	return 0;
}

static void nfqueue_emit(struct backend *backend, enum spinat_side to,
    const uint8_t *data, size_t length)
{
	emitter_send(&backend->emitter, to, data, length, &backend->counters);
}

static void nfqueue_counters(
    const struct backend *backend, struct backend_counters *counters)
{
	*counters = backend->counters;
	counters->lost += queue_losses(
	    backend->queues[0].number, backend->queues[QUEUES - 1].number);
}

const struct backend_ops backend_nfqueue = {
    .name = "nfqueue",
    .summary = "netfilter queues fed by firewall rules; any Linux",
    .open = nfqueue_open,
    .descriptors = nfqueue_descriptors,
    .receive = nfqueue_receive,
    .finish = nfqueue_finish,
    .emit = nfqueue_emit,
    .counters = nfqueue_counters,
    .close = nfqueue_close,
};
