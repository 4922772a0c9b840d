/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading captures, through libpcap.
 *
 * libpcap checks every length of the file format; what it leaves to us are the
 * link header (link.c) and the stamps, which may be any number in a damaged
 * file and are checked before anything is computed from them.
 */
#include "replay/capture.h"

#include <errno.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "replay/link.h"

#define NS_PER_SEC   INT64_C(1000000000)
#define SECONDS_WRAP (INT64_C(1) << 32)

struct capture {
	pcap_t *pcap;
	char *name;
	int link_type;
	int ended; /* what capture_next() gave at the end: 0 or -errno */
	bool at_end;
	int64_t latest;
	struct capture_counts counts;
	struct error error; /* of the damage */
};

int capture_open(
    struct capture **capture, const char *path, struct error *error)
{
	FILE *stream = fopen(path, "rb");
	if (stream == NULL) {
		int code = -errno;
		return error_set(error, code, "%s: %s", path, strerror(-code));
	}
	return capture_open_stream(capture, stream, path, error);
}

int capture_open_stream(struct capture **capture, FILE *stream,
    const char *name, struct error *error)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	struct capture *made = calloc(1, sizeof(*made));
	char *copy = strdup(name);
	int code;

	if (made == NULL || copy == NULL) {
		fclose(stream);
		code = error_set(error, -ENOMEM, "%s: out of memory", name);
		goto failed;
	}
	made->name = copy;
	made->pcap = pcap_fopen_offline_with_tstamp_precision(
	    stream, PCAP_TSTAMP_PRECISION_NANO, text);
	if (made->pcap == NULL) {
		fclose(stream);
		code = error_set(error, -EBADMSG,
		    "%s: not a capture that can be read: %s", name, text);
		goto failed;
	}
	made->link_type = pcap_datalink(made->pcap);
	if (!link_is_known(made->link_type)) {
		const char *what = pcap_datalink_val_to_name(made->link_type);
		code = error_set(error, -EPROTONOSUPPORT,
		    "%s: link type %d (%s) is not understood; these are: %s",
		    name, made->link_type, what != NULL ? what : "unknown",
		    LINK_TYPES);
		pcap_close(made->pcap);
		goto failed;
	}
	*capture = made;
	return 0;
failed:
	free(made);
	free(copy);
	return code;
}

/* What would help, where the reader's own words do not tell. */
static const char *advice(const char *what)
{
	if (strstr(what, "first interface") != NULL)
		return ": write one file for each interface (tshark -r FILE -Y "
		       "frame.interface_id==0 -w ONE)";
	return "";
}

/* Ends the reading for good. */
static int end(struct capture *capture, int code, struct error *error)
{
	capture->at_end = true;
	capture->ended = code;
	if (code < 0)
		*error = capture->error;
	return code;
}

static int damaged(
    struct capture *capture, const char *what, struct error *error)
{
	int code =
	    error_set(&capture->error, -EBADMSG, "%s: packet %" PRIu64 ": %s%s",
		capture->name, capture->counts.frames + 1, what, advice(what));

	return end(capture, code, error);
}

/* The stamp of a frame in ns since 1970; false: no time at all.  libpcap sign
 * extends the seconds of a pcap file, which are unsigned. */
static bool read_stamp(const struct pcap_pkthdr *header, int64_t *stamp)
{
	int64_t seconds = header->ts.tv_sec;
	int64_t nanoseconds = header->ts.tv_usec; /* asked for, see the open */

	if (seconds < 0)
		seconds += SECONDS_WRAP;
	if (seconds < 0 || seconds >= SECONDS_WRAP || nanoseconds < 0 ||
	    nanoseconds >= NS_PER_SEC)
		return false;
	*stamp = seconds * NS_PER_SEC + nanoseconds;
	return true;
}

int capture_next(
    struct capture *capture, struct capture_packet *packet, struct error *error)
{
	struct capture_counts *counts = &capture->counts;
	struct pcap_pkthdr *header;
	const u_char *frame;
	int64_t stamp;
	size_t offset;

	if (capture->at_end)
		return end(capture, capture->ended, error);
	for (;;) {
		int got = pcap_next_ex(capture->pcap, &header, &frame);

		if (got == PCAP_ERROR_BREAK)
			return end(capture, 0, error);
		if (got != 1)
			return damaged(
			    capture, pcap_geterr(capture->pcap), error);
		if (!read_stamp(header, &stamp))
			return damaged(capture,
			    "its time stamp is impossible: the file is damaged "
			    "here or before",
			    error);
		counts->frames++;
		if (link_find_ipv4(
			capture->link_type, frame, header->caplen, &offset))
			break;
		counts->skipped++;
	}
	counts->packets++;
	if (header->caplen < header->len)
		counts->cut++;
	if (stamp < capture->latest) {
		if (counts->backward++ == 0)
			counts->first_backward = counts->frames;
		stamp = capture->latest;
	}
	capture->latest = stamp;
	packet->stamp = stamp;
	packet->data = frame + offset;
	packet->length = header->caplen - (uint32_t)offset;
	return 1;
}

const struct capture_counts *capture_counts(const struct capture *capture)
{
	return &capture->counts;
}

void capture_close(struct capture *capture)
{
	if (capture == NULL)
		return;
	pcap_close(capture->pcap);
	free(capture->name);
	free(capture);
}
