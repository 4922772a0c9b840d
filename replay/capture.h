/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capture files: reading the IPv4 packets of one, writing another.
 *
 * Reading is libpcap's: pcap with microseconds or nanoseconds of either byte
 * order, and pcapng whose interfaces all have one link type and one snapshot
 * length (libpcap refuses others, and libpcap 1.10 also a second interface of
 * link type raw IP).
 *
 * Writing is always the same format on every host, so that equal runs give
 * equal bytes: pcap, little endian, nanoseconds, link type raw IP (101).
 *
 * Stamps are nanoseconds since 1970, never negative; a file's seconds are read
 * as unsigned (1970..2106).  Inside a file they never go back: a packet with an
 * earlier stamp than the one before it gets that one's, and is counted.
 */
#ifndef SPINAT_REPLAY_CAPTURE_H
#define SPINAT_REPLAY_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "conf/error.h"

struct capture;
struct capture_writer;

/** An IPv4 packet; borrowed until the next call for the same capture. */
struct capture_packet {
	int64_t stamp;       /* ns since 1970 */
	const uint8_t *data; /* the IPv4 header, link header taken off */
	uint32_t length;     /* bytes at data, link padding included */
};

struct capture_counts {
	uint64_t frames;  /* read, of all kinds */
	uint64_t packets; /* of these IPv4: given out */
	uint64_t skipped; /* of these not IPv4: skipped */
	uint64_t cut;     /* of the packets, shortened by the snapshot length */
	uint64_t
	    backward; /* of the packets, stamp earlier than the one before */
	uint64_t
	    first_backward; /* the number of the first such frame, from 1 */
};

/** Opens a file.  -errno with `error`: it cannot be read, is no capture, or
 * has a link type that is not understood. */
int capture_open(
    struct capture **capture, const char *path, struct error *error);
/** The same from a stream, which the capture closes (on failure too); `name`
 * stands in for the path in messages. */
int capture_open_stream(struct capture **capture, FILE *stream,
    const char *name, struct error *error);
/** The next IPv4 packet: 1; 0 at the end; -EBADMSG with `error` naming the
 * file and the packet's number where it is damaged.  Stays at the end, or at
 * the damage, once there. */
int capture_next(struct capture *capture, struct capture_packet *packet,
    struct error *error);
const struct capture_counts *capture_counts(const struct capture *capture);
/** NULL is fine. */
void capture_close(struct capture *capture);

/** Whether two paths are one regular file, by whatever names.  NULL is none. */
bool capture_same_file(const char *one, const char *other);

/** Creates (or empties) a file and writes its header. */
int capture_create(
    struct capture_writer **writer, const char *path, struct error *error);
/** Appends a packet.  A failure is kept for capture_finish(). */
void capture_write(struct capture_writer *writer, int64_t stamp,
    const uint8_t *data, size_t length);
uint64_t capture_written(const struct capture_writer *writer);
/** Flushes, closes and frees.  -errno: something could not be written.  NULL
 * is fine. */
int capture_finish(struct capture_writer *writer, struct error *error);

#endif
