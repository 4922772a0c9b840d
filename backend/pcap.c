/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pcap back end.
 *
 * Each packet of a batch is copied into a slot of its own: the engine rewrites
 * in place, and libpcap's buffer is gone with the next packet.  Slots grow to
 * the largest packet seen.
 */
#include "backend/pcap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/merge.h"

struct slot {
	uint8_t *data;
	size_t size;
};

/* Packets that the engine emitted during a batch: a count of bytes, the side,
 * the bytes, one after the other. */
struct pending {
	uint8_t *data;
	size_t used, size;
};

struct backend {
	struct capture *from[2];
	struct capture_writer *to[2];
	struct merge merge;
	struct replay_clock clock;
	int64_t latest; /* the captures' time of the latest batch */
	struct slot slots[BACKEND_BATCH];
	struct pending pending;
	spinat_time now;   /* of what is emitted */
	spinat_time stamp; /* of the batch under way */
	bool under_way;
	int failure; /* -errno: memory ran out in a function that gives none */
	int damage;
	struct error damage_error;
	uint64_t taken[2];
	struct backend_pcap_counts counts;
};

/* ------------------------------------------------------------------ opening */

static int check_files(
    const struct backend_pcap_files *files, struct error *error)
{
	for (unsigned to = 0; to < 2; to++) {
		for (unsigned from = 0; from < 2; from++)
			if (capture_same_file(files->to[to], files->from[from]))
				return error_set(error, -EINVAL,
				    "%s: is an input; write to another file",
				    files->to[to]);
	}
	return 0;
}

static void close_all(struct backend *backend)
{
	struct error ignored; /* backend_pcap_flush() is who tells */

	for (unsigned i = 0; i < 2; i++) {
		capture_close(backend->from[i]);
		(void)capture_finish(backend->to[i], &ignored);
	}
	for (unsigned i = 0; i < BACKEND_BATCH; i++)
		free(backend->slots[i].data);
	free(backend->pending.data);
	free(backend);
}

int backend_pcap_open(struct backend **backend,
    const struct backend_pcap_files *files, struct error *error)
{
	struct capture_packet first;
	enum spinat_side side;
	struct backend *made;
	int code = check_files(files, error);

	if (code != 0)
		return code;
	made = calloc(1, sizeof(*made));
	if (made == NULL)
		return error_set(error, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < 2; i++) {
		if (files->from[i] == NULL)
			continue;
		code = capture_open(&made->from[i], files->from[i], error);
		if (code != 0)
			goto failed;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (files->to[i] == NULL)
			continue;
		/* Two names of one file are seen only when it is there. */
		if (i == 1 && capture_same_file(files->to[0], files->to[1])) {
			code = error_set(error, -EINVAL,
			    "%s: named for both outputs; write to two files",
			    files->to[1]);
			goto failed;
		}
		code = capture_create(&made->to[i], files->to[i], error);
		if (code != 0)
			goto failed;
	}
	merge_init(&made->merge, made->from[SPINAT_INSIDE],
	    made->from[SPINAT_OUTSIDE]);
	made->damage =
	    merge_peek(&made->merge, &first, &side, &made->damage_error);
	if (made->damage == 1) {
		made->damage = 0;
		made->clock.origin = made->latest = first.stamp;
	}
	made->now = REPLAY_START;
	*backend = made;
	return 0;
failed:
	close_all(made);
	return code;
}

static int open_by_conf(
    struct backend **backend, const struct conf *conf, struct error *error)
{
	(void)backend;
	(void)conf;
	return error_set(error, -EINVAL,
	    "the pcap back end needs captures to read and to write: use "
	    "\"spinat replay\"");
}

static int descriptors(
    const struct backend *backend, int fds[BACKEND_MAX_DESCRIPTORS])
{
	(void)backend;
	(void)fds;
	return 0;
}

/* ---------------------------------------------------------------- receiving */

/* Grows by doubling; false: out of memory. */
static bool reserve(uint8_t **data, size_t *size, size_t wanted)
{
	size_t grown = *size != 0 ? *size : 2048;
	uint8_t *moved;

	if (wanted <= *size)
		return true;
	while (grown < wanted)
		grown *= 2;
	moved = realloc(*data, grown);
	if (moved == NULL)
		return false;
	*data = moved;
	*size = grown;
	return true;
}

static int receive(struct backend *backend, int fd, struct backend_batch *batch)
{
	struct capture_packet packet;
	enum spinat_side side;
	int64_t stamp = 0;

	(void)fd;
	batch->count = 0;
	batch->stamp = -1;
	while (batch->count < BACKEND_BATCH) {
		int got = merge_peek(
		    &backend->merge, &packet, &side, &backend->damage_error);
		struct slot *slot = &backend->slots[batch->count];

		if (got < 0)
			backend->damage = got;
		if (got != 1 || (batch->count > 0 && packet.stamp != stamp))
			break;
		stamp = packet.stamp;
		/* An empty one has a place too: no null pointers. */
		if (!reserve(&slot->data, &slot->size, packet.length + 1u))
			return backend->failure = -ENOMEM;
		if (packet.length > 0)
			memcpy(slot->data, packet.data, packet.length);
		batch->packets[batch->count] = (struct spinat_packet){
		    .data = slot->data,
		    .length = packet.length,
		    .side = (uint8_t)side,
		};
		batch->tokens[batch->count] = 0;
		batch->count++;
		backend->taken[side]++;
		merge_take(&backend->merge, side);
	}
	if (batch->count > 0) {
		replay_clock_pass(&backend->clock, backend->latest, stamp);
		backend->latest = stamp;
		batch->stamp = replay_clock_engine(&backend->clock, stamp);
		backend->stamp = batch->stamp;
		backend->now = batch->stamp;
		backend->under_way = true;
	}
	return backend->failure;
}

/* -------------------------------------------------------------- what leaves */

/* A packet without the link padding it came with; one whose header lies about
 * its length is not ours to mend and goes as it is. */
static size_t wire_length(const uint8_t *data, size_t length)
{
	size_t total;

	if (length < 20)
		return length;
	total = (size_t)data[2] << 8 | data[3];
	return total >= 20 && total < length ? total : length;
}

static void write_out(struct backend *backend, unsigned to, spinat_time when,
    const uint8_t *data, size_t length)
{
	backend->counts.written[to]++;
	if (backend->to[to] != NULL)
		capture_write(backend->to[to],
		    replay_clock_capture(&backend->clock, when), data,
		    wire_length(data, length));
}

static void flush_pending(struct backend *backend)
{
	struct pending *pending = &backend->pending;
	size_t at = 0;

	while (at < pending->used) {
		uint32_t length;

		memcpy(&length, pending->data + at, sizeof(length));
		at += sizeof(length);
		write_out(backend, pending->data[at], backend->stamp,
		    pending->data + at + 1, length);
		at += 1 + length;
	}
	pending->used = 0;
}

static int finish(struct backend *backend, struct backend_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct spinat_packet *packet = &batch->packets[i];

		if (packet->verdict >= SPINAT_VERDICT_COUNT)
			continue; /* no verdict we know: closed */
		backend->counts.verdicts[packet->verdict]++;
		if (packet->verdict == SPINAT_TRANSLATED)
			write_out(backend, packet->to == SPINAT_INSIDE ? 0 : 1,
			    batch->stamp, packet->data, packet->length);
	}
	flush_pending(backend);
	backend->under_way = false;
	batch->count = 0;
	return backend->failure;
}

static void emit(struct backend *backend, enum spinat_side to,
    const uint8_t *data, size_t length)
{
	struct pending *pending = &backend->pending;
	uint32_t count = (uint32_t)length;
	uint8_t side = to == SPINAT_INSIDE ? 0 : 1;

	if (length == 0 || length > UINT16_MAX)
		return;
	backend->counts.emitted++;
	/* A timer between receive() and translate() is earlier than the batch.
	 */
	if (!backend->under_way || backend->now < backend->stamp) {
		write_out(backend, side, backend->now, data, length);
		return;
	}
	if (!reserve(&pending->data, &pending->size,
		pending->used + sizeof(count) + 1 + length)) {
		backend->failure = -ENOMEM;
		return;
	}
	memcpy(pending->data + pending->used, &count, sizeof(count));
	pending->data[pending->used + sizeof(count)] = side;
	memcpy(pending->data + pending->used + sizeof(count) + 1, data, length);
	pending->used += sizeof(count) + 1 + length;
}

/* ------------------------------------------------------------------ the rest
 */

const struct replay_clock *backend_pcap_clock(const struct backend *backend)
{
	return &backend->clock;
}

void backend_pcap_advance(struct backend *backend, spinat_time now)
{
	backend->now = now;
}

void backend_pcap_count(
    const struct backend *backend, struct backend_pcap_counts *counts)
{
	*counts = backend->counts;
	for (unsigned i = 0; i < 2; i++) {
		if (backend->from[i] != NULL)
			counts->read[i] = *capture_counts(backend->from[i]);
		/* At a damage one more may have been read ahead. */
		counts->read[i].packets = backend->taken[i];
	}
}

int backend_pcap_damage(const struct backend *backend, struct error *error)
{
	if (backend->damage != 0)
		*error = backend->damage_error;
	return backend->damage;
}

int backend_pcap_flush(struct backend *backend, struct error *error)
{
	struct error later;
	int code = 0;

	for (unsigned i = 0; i < 2; i++) {
		int failed =
		    capture_finish(backend->to[i], code == 0 ? error : &later);
		backend->to[i] = NULL;
		if (code == 0)
			code = failed;
	}
	if (code == 0 && backend->failure != 0)
		code = error_set(error, backend->failure, "out of memory");
	return code;
}

const struct backend_ops backend_pcap = {
    .name = "pcap",
    .summary = "captures in, captures out (spinat replay)",
    .open = open_by_conf,
    .descriptors = descriptors,
    .receive = receive,
    .finish = finish,
    .emit = emit,
    .close = close_all,
};
