/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One measurement: attaches the sink in its namespace, makes a load in the
 * generator's, and prints one line of names and numbers:
 *
 *   sent N received N foreign N timed N seconds S sequence N
 *   sent N received N p50 US p99 US                            (--echo)
 *
 * The last is the highest sequence number of ESP, for the next measurement to
 * go on from (--sequence): what comes twice is not what ESP has.
 *
 * With --open N each flow has N packets first, which are not measured; that
 * line begins with "opened N of N", which is said of the last of them.  With
 * --beside CPU another generator does the same there, with remotes of its own,
 * from before the measurement until after it: "sent", "received" and "foreign"
 * are both's, the rest is of the one that is measured.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>

#include "bench/gateway/kind.h"
#include "bench/gateway/load.h"
#include "bench/gateway/netns.h"

#define BESIDE_FIRST 512u /* remotes */

struct options {
	const char *generator, *sink, *public, *echo;
	const char *device, *sink_device;
	struct frame_load load;
	struct span span;
	uint32_t openings;
	int beside; /* a CPU; -1: none */
};

enum {
	OPTION_GENERATOR = 256,
	OPTION_SINK,
	OPTION_DEVICE,
	OPTION_SINK_DEVICE,
	OPTION_MAC,
	OPTION_SOURCE_MAC,
	OPTION_PUBLIC,
	OPTION_ECHO,
	OPTION_KIND,
	OPTION_FLOWS,
	OPTION_FIRST,
	OPTION_SEQUENTIAL,
	OPTION_IMIX,
	OPTION_SEQUENCE,
	OPTION_SECONDS,
	OPTION_COUNT,
	OPTION_OPEN,
	OPTION_BESIDE
};

static const struct option names[] = {
    {"generator", 1, NULL, OPTION_GENERATOR},
    {"sink", 1, NULL, OPTION_SINK},
    {"device", 1, NULL, OPTION_DEVICE},
    {"sink-device", 1, NULL, OPTION_SINK_DEVICE},
    {"mac", 1, NULL, OPTION_MAC},
    {"source-mac", 1, NULL, OPTION_SOURCE_MAC},
    {"public", 1, NULL, OPTION_PUBLIC},
    {"echo", 1, NULL, OPTION_ECHO},
    {"kind", 1, NULL, OPTION_KIND},
    {"flows", 1, NULL, OPTION_FLOWS},
    {"first", 1, NULL, OPTION_FIRST},
    {"sequential", 0, NULL, OPTION_SEQUENTIAL},
    {"imix", 0, NULL, OPTION_IMIX},
    {"sequence", 1, NULL, OPTION_SEQUENCE},
    {"seconds", 1, NULL, OPTION_SECONDS},
    {"count", 1, NULL, OPTION_COUNT},
    {"open", 1, NULL, OPTION_OPEN},
    {"beside", 1, NULL, OPTION_BESIDE},
    {NULL, 0, NULL, 0},
};

static uint32_t number(const char *text)
{
	return (uint32_t)strtoul(text, NULL, 10);
}

static void set(struct options *options, int option, const char *value)
{
	struct frame_load *load = &options->load;

	switch (option) {
	case OPTION_GENERATOR:
		options->generator = value;
		break;
	case OPTION_SINK:
		options->sink = value;
		break;
	case OPTION_DEVICE:
		options->device = value;
		break;
	case OPTION_SINK_DEVICE:
		options->sink_device = value;
		break;
	case OPTION_MAC:
		parse_mac(value, load->macs);
		break;
	case OPTION_SOURCE_MAC:
		parse_mac(value, load->macs + 6);
		break;
	case OPTION_PUBLIC:
		options->public = value;
		break;
	case OPTION_ECHO:
		options->echo = value;
		break;
	case OPTION_KIND:
		parse_kind(value, load);
		break;
	case OPTION_FLOWS:
		load->flows = number(value);
		break;
	case OPTION_FIRST:
		load->first = number(value);
		break;
	case OPTION_SEQUENTIAL:
		load->sequential = 1;
		break;
	case OPTION_IMIX:
		load->imix = 1;
		break;
	case OPTION_SEQUENCE:
		load->sequence = number(value);
		break;
	case OPTION_SECONDS:
		options->span.seconds = strtod(value, NULL);
		break;
	case OPTION_COUNT:
		options->span.packets = number(value);
		break;
	case OPTION_OPEN:
		options->openings = number(value);
		break;
	case OPTION_BESIDE:
		options->beside = (int)number(value);
		break;
	default:
		die("bench-gateway-load: see the head of load.c");
	}
}

static struct live *generator;
static struct live *other; /* beside it; NULL: none */

/* The same flows, of other remotes. */
static struct frame_load load_beside(const struct options *options)
{
	struct frame_load load = options->load;

	load.first += BESIDE_FIRST;
	return load;
}

/* What a generator sends, and what of that and of the other one's comes out. */
static void measure(const struct options *options,
    const struct frame_load *load, struct span span, struct tally *tally)
{
	const uint64_t received = sink_received(), foreign = sink_foreign();
	const struct frame_load beside = load_beside(options);

	if (other != NULL)
		live_begin(other, &beside, (unsigned)options->beside);
	live_run(generator, load, span, tally);
	if (other != NULL)
		tally->sent += live_end(other);
	sink_settle(received + tally->sent);
	tally->received = sink_received() - received;
	tally->foreign = sink_foreign() - foreign;
}

/** Packets of each flow, in turn. */
static void open_flows(const struct options *options)
{
	const struct span once = {1e9, options->load.flows};
	struct frame_load load = options->load;
	struct tally tally = {0};

	load.sequential = 1;
	load.imix = 0;
	for (uint32_t i = 0; i < options->openings; i++)
		measure(options, &load, once, &tally);
	printf(
	    "opened %" PRIu64 " of %" PRIu64 " ", tally.received, tally.sent);
}

int main(int argc, char **argv)
{
	struct options options = {
	    .device = "eth0",
	    .sink_device = "eth0",
	    .load = {.protocol = FRAME_UDP, .flows = 1},
	    .span = {1e9, UINT64_MAX},
	    .beside = -1,
	};
	struct tally tally = {0};
	uint32_t public_address = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
		set(&options, option, optarg);
	if (options.generator == NULL || options.sink == NULL)
		die("bench-gateway-load: --generator and --sink are needed");
	if (options.public != NULL &&
	    inet_pton(AF_INET, options.public, &public_address) != 1)
		die("not an address: %s", options.public);
	if (options.load.protocol == FRAME_ESP &&
	    options.load.flows > FRAME_SAS)
		die("at most %u SAs", FRAME_SAS);
	enter_netns(options.sink);
	sink_open(options.sink_device, public_address);
	enter_netns(options.generator);
	if (options.echo != NULL) {
		echo_run(options.echo, options.span.seconds);
		return 0;
	}
	generator = live_open(options.device);
	if (options.openings > 0)
		open_flows(&options);
	if (options.beside >= 0)
		other = live_open(options.device);
	measure(&options, &options.load, options.span, &tally);
	printf("sent %" PRIu64 " received %" PRIu64 " foreign %" PRIu64
	       " timed %" PRIu64 " seconds %.9f sequence %" PRIu32 "\n",
	    tally.sent, tally.received, tally.foreign, tally.timed,
	    tally.seconds, live_sequence(generator, &options.load));
	return 0;
}
