/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine alone: nanoseconds a packet, flows a second, bytes a flow.
 *
 * Prints "bench NAME VALUE UNIT" lines, VALUE the median of several rounds.
 * Names: engine.PROTO.DIRECTION.COUNT, the same with .single (bursts of one
 * packet) and, for UDP outward, .ratio: its time over the floor's (floor.h) in
 * the same rounds.  Behind each of those .small and .map: the same in other
 * memory (room.h), and .small.ratio and .map.ratio: over that in the first.
 *
 * Access is uniformly random over all flows; packets are 64 bytes with real
 * checksums and lie in a ring of buffers larger than the first-level cache, as
 * a receive ring does.  What is timed is spinat_translate() alone, parse to
 * verdict; making the packets is not.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/floor.h"
#include "bench/measure.h"
#include "bench/room.h"
#include "spinat/spinat.h"
#include "tests/wire.h"

#define PACKET        64u
#define BURST         32u
#define ROUNDS        63
#define ROUND_PACKETS (1u << 13)
#define RING          4096u /* packets: more than the first-level cache holds */
#define ANSWERED      1024u /* flows that are answered at once */

enum direction { OUT, IN };
enum proto { UDP, TCP, ESP, IKE, PROTOS };

static const char *const proto_names[] = {"udp", "tcp", "esp", "ike"};
/* Behind the names of figures. */
static const char *const room_names[] = {"", ".small", ".map"};

struct bed {
	struct spinat *engine;
	struct spinat_config config;
	struct room room;
	spinat_time now;
	enum proto proto;
	uint32_t count;
	uint32_t sequence; /* ESP: the last number; every SA skips some */
	uint16_t *ports;   /* TCP, UDP: the public port of each endpoint */
};

static uint64_t random_state = 88172645463325252u;

static uint32_t random_below(uint32_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * bound >> 32);
}

/* ------------------------------------------------------------- the flows */

#define PUBLIC_FIRST 0xcb007101u /* 203.0.113.1 ... */
#define REMOTE_FIRST 0x2d000000u
#define INSIDE_FIRST 0x0a000000u
#define PER_ENDPOINT 256u /* sessions that share a public port, at 1M+ */

/* A flow by its number.  Up to 2^16 flows each has an inside endpoint and a
 * public port of its own, the dearest case; above, endpoints talk to many
 * remotes, as one public address cannot have more ports. */
static uint32_t endpoint_of(const struct bed *bed, uint32_t flow)
{
	return bed->count <= 65536 ? flow : flow / PER_ENDPOINT;
}

static uint32_t inside_of(const struct bed *bed, uint32_t flow)
{
	return bed->proto >= ESP ? INSIDE_FIRST + 1 + flow
				 : INSIDE_FIRST + 1 + endpoint_of(bed, flow);
}

static uint32_t remote_of(const struct bed *bed, uint32_t flow)
{
	return bed->proto >= ESP || bed->count > 65536
	    ? REMOTE_FIRST + flow * 3
	    : REMOTE_FIRST + flow % 1000;
}

static uint32_t public_of(const struct bed *bed, uint32_t flow)
{
	return PUBLIC_FIRST + inside_of(bed, flow) % bed->config.public_count;
}

/* Fills a packet of a flow; the IP and transport checksums are right enough for
 * an incremental update (nobody checks them here: the tests do). */
static void fill(
    struct bed *bed, uint8_t *packet, uint32_t flow, enum direction direction)
{
	static const uint8_t protocols[] = {
	    IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ESP, IPPROTO_UDP};
	uint8_t *l4 = packet + 20;
	const uint32_t local =
	    direction == OUT ? inside_of(bed, flow) : public_of(bed, flow);
	uint32_t local_port = 4000, remote_port = 53;

	memset(packet, 0, PACKET);
	packet[0] = 0x45;
	put16(packet + 2, PACKET);
	packet[8] = 64;
	packet[9] = protocols[bed->proto];
	put16(packet + 10, 0x1234);
	put32(packet + (direction == OUT ? 12 : 16), local);
	put32(packet + (direction == OUT ? 16 : 12), remote_of(bed, flow));
	if (bed->proto == ESP) {
		put32(
		    l4, (direction == OUT ? 0x10000000u : 0x20000000u) + flow);
		put32(l4 + 4, ++bed->sequence);
		return;
	}
	if (bed->proto == IKE)
		local_port = remote_port = 500;
	else if (direction == IN)
		local_port = bed->ports[endpoint_of(bed, flow)];
	put16(l4 + (direction == OUT ? 0 : 2), local_port);
	put16(l4 + (direction == OUT ? 2 : 0), remote_port);
	if (bed->proto == TCP) {
		l4[12] = 0x50;
		l4[13] = 0x10;
		put16(l4 + 16, 0x4321);
	} else {
		put16(l4 + 4, PACKET - 20);
		put16(l4 + 6, 0x4321);
	}
	if (bed->proto == IKE) {
		uint8_t *ike = l4 + 8;
		put32(ike, 0x1ce00000u);
		put32(ike + 4, flow + 1);
		put32(ike + 8, 0xbeef0000u);
		put32(ike + 12, flow + 1);
		ike[16] = 46;
		ike[17] = 0x20;
		ike[18] = 37;
		ike[19] = direction == OUT ? 0x08 : 0;
		put32(ike + 24, PACKET - 28);
	}
}

static struct spinat_packet packet_at(uint8_t *data, enum direction direction)
{
	return (struct spinat_packet){
	    .data = data,
	    .length = PACKET,
	    .side = direction == OUT ? SPINAT_INSIDE : SPINAT_OUTSIDE,
	};
}

__attribute__((noreturn)) static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench: %s: %s\n", what, why);
	exit(1);
}

static void demand(const struct spinat_packet *packet)
{
	if (packet->verdict != SPINAT_TRANSLATED)
		die("a packet was not translated",
		    spinat_reason_text(packet->reason));
}

/* One packet of each of `some` flows from `first` on.  Seconds it took. */
static double send_burst(
    struct bed *bed, uint32_t first, uint32_t some, enum direction direction)
{
	static uint8_t data[BURST][PACKET];
	struct spinat_packet packets[BURST];
	double spent;

	for (uint32_t i = 0; i < some; i++) {
		fill(bed, data[i], first + i, direction);
		packets[i] = packet_at(data[i], direction);
	}
	spent = seconds();
	spinat_translate(bed->engine, bed->now, packets, some);
	spent = seconds() - spent;
	for (uint32_t i = 0; i < some; i++) {
		demand(&packets[i]);
		if (direction == OUT && bed->proto < ESP)
			bed->ports[endpoint_of(bed, first + i)] =
			    get16(data[i] + 20);
	}
	return spent;
}

/* One packet of each flow from `first` to before `end`.  Seconds it took. */
static double send_each(
    struct bed *bed, uint32_t first, uint32_t end, enum direction direction)
{
	double spent = 0;

	for (uint32_t at = first; at < end; at += BURST)
		spent += send_burst(
		    bed, at, end - at < BURST ? end - at : BURST, direction);
	return spent;
}

/* Answers to every flow, and what follows them: so TCP and IKE are established,
 * and an inbound SPI, which has to go on for a while, is certainly its host's.
 */
static void answer_flows(struct bed *bed)
{
	const unsigned answers = bed->proto == ESP ? 3 : 1;
	struct spinat_stats stats;

	for (uint32_t at = 0; at < bed->count; at += ANSWERED) {
		const uint32_t end =
		    bed->count - at < ANSWERED ? bed->count : at + ANSWERED;

		for (unsigned i = 0; i < answers; i++) {
			(void)send_each(bed, at, end, IN);
			bed->now += SPINAT_SECOND / 1000;
			(void)send_each(bed, at, end, OUT);
		}
	}
	spinat_get_stats(bed->engine, &stats);
	if (stats.probation != 0)
		die("ESP", "an inbound SPI is still in question");
}

static void configure(struct bed *bed)
{
	const enum proto proto = bed->proto;
	const uint32_t count = bed->count;

	spinat_config_init(&bed->config);
	bed->config.public_count = 1;
	bed->config.public_addresses[0] = wire32(PUBLIC_FIRST);
	bed->config.port_low = 1024;
	bed->config.port_high = 65535;
	/* ESP has a flow for each direction; IKE none. */
	bed->config.max_flows = proto == ESP ? 2 * count
	    : proto == IKE                   ? 16
					     : count;
	bed->config.max_spis = proto == ESP ? count : 1;
	bed->config.max_ike = proto == IKE ? count : 16;
	/* All are opened before any is answered. */
	bed->config.max_half_open = bed->config.max_ike;
	bed->config.max_peers = proto >= ESP ? count : 16;
	/* So many SPIs are in question at once; the daemon's defaults take 3
	 * MB. */
	bed->config.max_bindings = proto == ESP ? ANSWERED : 1;
	bed->config.max_claims = bed->config.max_bindings;
	bed->config.max_fragments = 8;
	bed->config.max_redirects = 0;
	memcpy(bed->config.seed, "a seed for the benchmark of it", 31);
}

/* An engine without flows; false: such memory is not to be had, which has been
 * said. */
static bool bed_make(struct bed *bed, enum room_kind kind, enum proto proto,
    uint32_t count, const char *label)
{
	struct error error = {"the configuration is wrong"};

	*bed = (struct bed){.proto = proto, .count = count};
	bed->now = 1000 * SPINAT_SECOND;
	configure(bed);
	if (room_make(&bed->room, &bed->engine, kind, &bed->config, bed->now,
		&error) != 0) {
		if (kind == ROOM_HUGE)
			die("no engine", error.text);
		printf("bench-skip engine.%s.%s%s %s\n", proto_names[proto],
		    label, room_names[kind], error.text);
		return false;
	}
	bed->ports = calloc(count, sizeof *bed->ports);
	return true;
}

static void bed_free(struct bed *bed)
{
	room_free(&bed->room);
	free(bed->ports);
}

/* A ring of packets that are made anew before each time it is measured. */
struct ring {
	uint8_t *data;
	struct spinat_packet *packets;
	uint8_t **pointers;
};

static void ring_make(struct ring *ring)
{
	ring->data = aligned_alloc(64, RING * PACKET);
	ring->packets = calloc(RING, sizeof *ring->packets);
	ring->pointers = calloc(RING, sizeof *ring->pointers);
	for (size_t i = 0; i < RING; i++)
		ring->pointers[i] = ring->data + i * PACKET;
}

static void ring_free(struct ring *ring)
{
	free(ring->pointers);
	free(ring->packets);
	free(ring->data);
}

static void ring_fill(
    struct ring *ring, struct bed *bed, enum direction direction)
{
	for (size_t i = 0; i < RING; i++) {
		fill(bed, ring->pointers[i], random_below(bed->count),
		    direction);
		ring->packets[i] = packet_at(ring->pointers[i], direction);
	}
}

/* Nanoseconds a packet of an established flow, in bursts of `burst`. */
static double round_of_engine(
    struct bed *bed, struct ring *ring, enum direction direction, size_t burst)
{
	double spent = 0;

	for (uint32_t done = 0; done < ROUND_PACKETS; done += RING) {
		double start;

		ring_fill(ring, bed, direction);
		start = seconds();
		for (size_t i = 0; i < RING; i += burst)
			spinat_translate(
			    bed->engine, bed->now, ring->packets + i, burst);
		spent += seconds() - start;
		for (size_t i = 0; i < RING; i++)
			demand(&ring->packets[i]);
	}
	bed->now += SPINAT_SECOND / 100;
	return spent * 1e9 / ROUND_PACKETS;
}

static double round_of_floor(
    struct bed *bed, struct ring *ring, struct floor *floor)
{
	double spent = 0;
	size_t done = 0;

	for (uint32_t packets = 0; packets < ROUND_PACKETS; packets += RING) {
		double start;

		ring_fill(ring, bed, OUT);
		start = seconds();
		for (size_t i = 0; i < RING; i += BURST)
			done +=
			    floor_translate(floor, ring->pointers + i, BURST);
		spent += seconds() - start;
	}
	if (done < ROUND_PACKETS / 100 * 98)
		die("the floor", "it lost packets");
	return spent * 1e9 / ROUND_PACKETS;
}

/* All rooms turn by turn; figures, and ratios to the first room's. */
static void measure(struct bed *beds, const bool *is_there,
    enum direction direction, size_t burst, const char *label)
{
	double rounds[ROOM_KINDS][ROUNDS], ratios[ROOM_KINDS][ROUNDS];
	struct ring ring;
	char name[64];

	ring_make(&ring);
	for (int round = 0; round < ROUNDS; round++)
		for (int kind = 0; kind < ROOM_KINDS; kind++) {
			if (!is_there[kind])
				continue;
			rounds[kind][round] = round_of_engine(
			    &beds[kind], &ring, direction, burst);
			ratios[kind][round] =
			    rounds[kind][round] / rounds[ROOM_HUGE][round];
		}
	ring_free(&ring);
	for (int kind = 0; kind < ROOM_KINDS; kind++) {
		if (!is_there[kind])
			continue;
		(void)snprintf(name, sizeof name, "engine.%s.%s.%s%s%s",
		    proto_names[beds->proto], direction == OUT ? "out" : "in",
		    label, burst == 1 ? ".single" : "", room_names[kind]);
		printf("bench %s %.1f ns/packet\n", name,
		    median(rounds[kind], ROUNDS));
		if (kind != ROOM_HUGE)
			printf("bench %s.ratio %.2f times-own\n", name,
			    median(ratios[kind], ROUNDS));
	}
	fflush(stdout);
}

/* The floor beside the engine, turn by turn. */
static void compare(struct bed *bed, const char *label)
{
	const size_t size = floor_size(bed->count);
	void *memory = room_map(size, ROOM_HUGE);
	uint8_t from[PACKET], to[PACKET];
	double floors[ROUNDS], ratios[ROUNDS];
	struct floor floor;
	struct ring ring;

	if (memory == NULL)
		die("the floor", "no memory");
	floor_init(&floor, memory, bed->count);
	for (uint32_t flow = 0; flow < bed->count; flow++) {
		fill(bed, from, flow, OUT);
		memcpy(to, from, sizeof to);
		put32(to + 12, public_of(bed, flow));
		put16(to + 20, bed->ports[endpoint_of(bed, flow)]);
		floor_add(&floor, from, to);
	}
	ring_make(&ring);
	for (int round = 0; round < ROUNDS; round++) {
		floors[round] = round_of_floor(bed, &ring, &floor);
		ratios[round] =
		    round_of_engine(bed, &ring, OUT, BURST) / floors[round];
	}
	ring_free(&ring);
	printf("bench floor.udp.%s %.1f ns/packet\n", label,
	    median(floors, ROUNDS));
	printf("bench engine.udp.out.%s.ratio %.2f times-the-floor\n", label,
	    median(ratios, ROUNDS));
	munmap(memory, size);
}

/* Flows in a room, established. */
static void establish(struct bed *bed, enum room_kind kind, const char *label)
{
	const double made = send_each(bed, 0, bed->count, OUT);

	if (bed->proto == UDP)
		printf("bench engine.new.%s%s %.0f flows/s\n", label,
		    room_names[kind], bed->count / made);
	else
		answer_flows(bed);
}

static void run(enum proto proto, uint32_t count, const char *label)
{
	struct bed beds[ROOM_KINDS];
	bool is_there[ROOM_KINDS];

	for (int kind = 0; kind < ROOM_KINDS; kind++) {
		is_there[kind] = bed_make(
		    &beds[kind], (enum room_kind)kind, proto, count, label);
		if (is_there[kind])
			establish(&beds[kind], (enum room_kind)kind, label);
	}
	if (proto == UDP)
		printf("bench engine.memory.%s %.1f bytes/flow\n", label,
		    (double)beds[ROOM_HUGE].room.size / count);
	for (int way = OUT; way <= IN; way++) {
		measure(beds, is_there, (enum direction)way, BURST, label);
		measure(beds, is_there, (enum direction)way, 1, label);
	}
	if (proto == UDP)
		compare(&beds[ROOM_HUGE], label);
	for (int kind = 0; kind < ROOM_KINDS; kind++)
		if (is_there[kind])
			bed_free(&beds[kind]);
}

int main(int argc, char **argv)
{
	static const struct {
		uint32_t count;
		const char *label;
	} sizes[] = {{1, "1"}, {1000, "1k"}, {10000, "10k"}, {100000, "100k"},
	    {1000000, "1m"}, {8000000, "8m"}};
	const char *only = argc > 1 ? argv[1] : "";

	for (int proto = UDP; proto < PROTOS; proto++)
		for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
			if (*only == '\0' ||
			    strcmp(only, sizes[i].label) == 0 ||
			    strcmp(only, proto_names[proto]) == 0)
				run((enum proto)proto, sizes[i].count,
				    sizes[i].label);
	return 0;
}
