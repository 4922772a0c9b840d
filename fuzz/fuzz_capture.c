/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes the reading of captures: the file format (libpcap's, with our checks
 * on top) and the link headers.  Stamps must not go back, packets must lie
 * inside what was read.
 */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "replay/capture.h"
#include "replay/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* The first byte pair names a link type, the rest is a frame. */
static void fuzz_link(const uint8_t *data, size_t size)
{
	size_t offset = 0;

	if (size < 2)
		return;
	if (link_find_ipv4(data[0] << 8 | data[1], data + 2, size - 2, &offset))
		check(offset <= size - 2);
}

static unsigned sum_of(const uint8_t *data, uint32_t length)
{
	unsigned sum = 0;

	for (uint32_t i = 0; i < length; i++)
		sum ^= data[i];
	return sum;
}

static void fuzz_file(const uint8_t *data, size_t size)
{
	struct capture_packet packet;
	struct capture *capture;
	struct error error;
	int64_t latest = 0;
	unsigned sum = 0;
	int got;
	FILE *stream;

	if (size == 0)
		return;
	stream = fmemopen((void *)(uintptr_t)data, size, "rb");
	if (stream == NULL ||
	    capture_open_stream(&capture, stream, "fuzz", &error) != 0)
		return;
	while ((got = capture_next(capture, &packet, &error)) == 1) {
		check(packet.stamp >= latest);
		latest = packet.stamp;
		/* A sanitizer sees whether all of it is there. */
		sum ^= sum_of(packet.data, packet.length);
	}
	check(capture_next(capture, &packet, &error) == got);
	check(sum != UINT_MAX); /* so that it is worked out */
	capture_close(capture);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_link(data, size);
	fuzz_file(data, size);
	return 0;
}
