/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing captures: pcap, little endian, nanoseconds, raw IP, whatever the
 * host.  (The format: draft-ietf-opsawg-pcap.)  It is 24 bytes of header and 16
 * before each packet; doing it here keeps the bytes the same everywhere.
 */
#include "replay/capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "replay/output.h"

#define MAGIC_NANOSECONDS 0xa1b23c4du
#define VERSION_MAJOR     2u
#define VERSION_MINOR     4u
#define SNAPSHOT_LENGTH   262144u
#define LINKTYPE_RAW      101u
#define NS_PER_SEC        INT64_C(1000000000)

struct capture_writer {
	struct output output;
	uint64_t count;
};

static void put32(uint8_t *to, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

static void put(struct capture_writer *writer, const void *bytes, size_t length)
{
	if (writer->output.failure != 0 || length == 0)
		return;
	if (fwrite(bytes, 1, length, writer->output.file) != length)
		writer->output.failure = errno != 0 ? -errno : -EIO;
}

bool capture_same_file(const char *one, const char *other)
{
	struct stat a, b;

	if (one == NULL || other == NULL)
		return false;
	if (stat(one, &a) != 0 || stat(other, &b) != 0)
		return strcmp(one, other) == 0; /* not there yet */
	return S_ISREG(a.st_mode) && a.st_dev == b.st_dev &&
	    a.st_ino == b.st_ino;
}

int capture_create(
    struct capture_writer **writer, const char *path, struct error *error)
{
	struct capture_writer *made = calloc(1, sizeof(*made));
	uint8_t header[24] = {0};
	int code;

	if (made == NULL)
		return error_set(error, -ENOMEM, "%s: out of memory", path);
	code = output_open(&made->output, path, error);
	if (code != 0) {
		free(made);
		return code;
	}
	put32(header, MAGIC_NANOSECONDS);
	put32(header + 4, VERSION_MINOR << 16 | VERSION_MAJOR);
	put32(header + 16, SNAPSHOT_LENGTH);
	put32(header + 20, LINKTYPE_RAW);
	put(made, header, sizeof(header));
	*writer = made;
	return 0;
}

void capture_write(struct capture_writer *writer, int64_t stamp,
    const uint8_t *data, size_t length)
{
	uint8_t header[16];
	int64_t seconds = stamp / NS_PER_SEC;

	if (length > SNAPSHOT_LENGTH)
		length = SNAPSHOT_LENGTH;
	put32(header, seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds);
	put32(header + 4, (uint32_t)(stamp % NS_PER_SEC));
	put32(header + 8, (uint32_t)length);
	put32(header + 12, (uint32_t)length);
	put(writer, header, sizeof(header));
	put(writer, data, length);
	writer->count++;
}

uint64_t capture_written(const struct capture_writer *writer)
{
	return writer->count;
}

int capture_finish(struct capture_writer *writer, struct error *error)
{
	int code;

	if (writer == NULL)
		return 0;
	code = output_close(&writer->output, error);
	free(writer);
	return code;
}
