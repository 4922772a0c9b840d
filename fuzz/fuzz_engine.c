/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet entry under libFuzzer.
 *
 * The input is a program: the first bytes choose a configuration, the rest are
 * operations.  Packets are made from templates (so that they get deep) and then
 * changed by bytes of the input (so that they get odd); the last few packets
 * that the engine let through are kept, to be answered or quoted in an ICMP
 * error.  State is kept from one operation to the next.
 *
 * What must hold is checked after every packet, whatever it was: see check().
 */
#include <string.h>

#include "fuzz/program.h"
#include "spinat/spinat.h"
#include "tests/wire.h"

#define MAX_PACKET 2048u
#define MAX_BURST  40u
#define KEPT       8u
#define MAX_STEPS  2000u

#define PUBLIC1 0xcb007101u /* 203.0.113.1 */
#define PUBLIC2 0xcb007102u
#define OWN     0xcb007103u /* of a redirect_address */
#define INSIDE  0x0a000000u /* 10.0.0.0/8 */
#define REMOTE  0xc6336401u /* 198.51.100.1 */

struct kept {
	uint8_t data[MAX_PACKET];
	uint32_t length;
	uint8_t to;
};

struct run {
	struct program program;
	struct spinat *engine;
	struct spinat_config config;
	spinat_time now;
	struct kept kept[KEPT];
	unsigned kept_next;
	uint64_t sent;
	struct spinat_packet burst[MAX_BURST];
	uint8_t *original[MAX_BURST];
	size_t waiting;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---------------------------------------------------------- the program */

static uint8_t byte(struct run *run)
{
	return program_byte(&run->program);
}

static uint16_t word(struct run *run)
{
	return (uint16_t)program_number(&run->program, 2);
}

static uint32_t long_word(struct run *run)
{
	return (uint32_t)program_number(&run->program, 4);
}

/* ---------------------------------------------------------- the packets */

static bool ip_is_whole(const uint8_t *ip, size_t length)
{
	return length >= 20 && ip[0] >> 4 == 4 && header_of(ip) >= 20 &&
	    header_of(ip) <= get16(ip + 2) && get16(ip + 2) <= length;
}

static bool ip_sum_is_right(const uint8_t *ip, size_t length)
{
	return ip_is_whole(ip, length) &&
	    plain_checksum(ip, header_of(ip), 0) == 0;
}

static uint64_t pseudo(const uint8_t *ip)
{
	return pseudo_header(ip, get16(ip + 2) - header_of(ip));
}

/* Where the transport's checksum is; 0: there is none, or not all of what it
 * covers. */
static size_t transport_sum_at(const uint8_t *ip, size_t length)
{
	static const struct {
		uint8_t protocol, at, least;
	} kinds[] = {{1, 2, 8}, {6, 16, 20}, {17, 6, 8}};

	if (!ip_is_whole(ip, length) || (get16(ip + 6) & 0x3fff) != 0)
		return 0;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (kinds[i].protocol == ip[9] &&
		    get16(ip + 2) - header_of(ip) >= kinds[i].least)
			return header_of(ip) + kinds[i].at;
	return 0;
}

/* But for the checksum itself, where a message of type 0 begins with it. */
static bool all_zero(const uint8_t *from, const uint8_t *end)
{
	for (from += 2; from < end; from++)
		if (*from != 0)
			return false;
	return true;
}

static bool transport_sum_is_right(
    const uint8_t *ip, size_t length, uint8_t flags)
{
	const size_t at = transport_sum_at(ip, length);
	const size_t header = header_of(ip);

	if (at == 0)
		return false;
	if (ip[9] == 17 && get16(ip + at) == 0)
		return true;
	if ((flags & SPINAT_PACKET_CSUM_PARTIAL) != 0 && ip[9] != 1)
		return get16(ip + at) ==
		    0xffff - plain_checksum(NULL, 0, pseudo(ip));
	/* A message of zeros only, where +0 and -0 differ, cannot be told by an
	 * incremental update (RFC 1624 3); only a ping of id 0, sequence 0 and
	 * no data is one: its answer. */
	if (ip[9] == 1 && all_zero(ip + at, ip + get16(ip + 2)))
		return false;
	return plain_checksum(ip + header, get16(ip + 2) - header,
		   ip[9] == 1 ? 0 : pseudo(ip)) == 0;
}

static void fix_sums(uint8_t *ip, size_t length, uint8_t flags)
{
	size_t at;

	if (!ip_is_whole(ip, length))
		return;
	put16(ip + 10, 0);
	put16(ip + 10, plain_checksum(ip, header_of(ip), 0));
	at = transport_sum_at(ip, length);
	if (at == 0 || (ip[9] == 17 && get16(ip + at) == 0))
		return;
	put16(ip + at, 0);
	if ((flags & SPINAT_PACKET_CSUM_PARTIAL) != 0 && ip[9] != 1)
		put16(ip + at, 0xffffu - plain_checksum(NULL, 0, pseudo(ip)));
	else
		put16(ip + at,
		    plain_checksum(ip + header_of(ip),
			get16(ip + 2) - header_of(ip),
			ip[9] == 1 ? 0 : pseudo(ip)));
	if (ip[9] == 17 && get16(ip + at) == 0)
		put16(ip + at, 0xffff);
}

static uint32_t some_host(struct run *run, uint8_t choice)
{
	switch (choice >> 6) {
	case 0:
		return INSIDE + 1 + choice % 5;
	case 1:
		return REMOTE + choice % 5;
	case 2:
		return choice % 4 == 3 ? OWN : PUBLIC1 + choice % 2;
	default:
		return choice % 8 != 0 ? INSIDE + 1 + choice % 5
				       : long_word(run);
	}
}

static uint16_t some_port(struct run *run, uint8_t choice)
{
	static const uint16_t usual[] = {
	    500, 4500, 53, 80, 4000, 4001, 20000, 20001, 20002, 20003, 7000, 0};

	return choice < 240 ? usual[choice % 12] : word(run);
}

static size_t make_ike(struct run *run, uint8_t *to)
{
	const uint8_t choice = byte(run);

	memset(to, 0, 40);
	to[7] = choice & 3;
	to[15] = choice >> 2 & 3;
	to[17] = (choice & 0x80) != 0 ? 0x20 : 0x10;
	to[16] = (choice & 0x40) != 0 ? 46 : 33;
	to[19] = (choice & 0x20) != 0 ? 0x09 : 0x20;
	to[18] = byte(run);
	to[27] = 40;
	return 40;
}

/* A whole packet of some kind between two hosts. */
static size_t make_packet(struct run *run, uint8_t *ip, uint8_t side)
{
	const uint8_t kind = byte(run), from = byte(run), to = byte(run);
	uint8_t *l4 = ip + 20;
	size_t length = 8;

	memset(ip, 0, 128);
	ip[0] = 0x45;
	put16(ip + 4, kind >> 4);
	ip[8] = 64;
	put32(ip + 12,
	    some_host(run, side == SPINAT_INSIDE ? from & 63 : 64 | from));
	put32(ip + 16,
	    some_host(run, side == SPINAT_INSIDE ? to | 64 : to | 128));
	switch (kind % 8) {
	case 0:
	case 1: /* UDP, with IKE on 4500 */
		ip[9] = 17;
		put16(l4, some_port(run, byte(run)));
		put16(l4 + 2, some_port(run, byte(run)));
		put16(l4 + 6, kind & 0x40 ? 0 : 1);
		length = 16;
		if (get16(l4 + 2) == 4500)
			length = 12 + make_ike(run, l4 + 12);
		put16(l4 + 4, (uint32_t)length);
		break;
	case 2: /* TCP */
		ip[9] = 6;
		put16(l4, some_port(run, byte(run)));
		put16(l4 + 2, some_port(run, byte(run)));
		l4[12] = 0x50;
		l4[13] = byte(run);
		length = 24;
		break;
	case 3: /* echo and the other types */
		ip[9] = 1;
		l4[0] = from & 1 ? 8 : to & 1 ? 0 : byte(run);
		put16(l4 + 4, some_port(run, byte(run)));
		length = 16;
		break;
	case 4: /* ESP */
		ip[9] = 50;
		put32(l4, 0x1000u + byte(run) % 48);
		put32(l4 + 4, long_word(run));
		length = 24;
		break;
	case 5: /* IKE */
		ip[9] = 17;
		put16(l4, 500);
		put16(l4 + 2, 500);
		put16(l4 + 6, 1);
		length = 8 + make_ike(run, l4 + 8);
		put16(l4 + 4, (uint32_t)length);
		break;
	case 6:
		ip[9] = kind & 0x10 ? 51 : 47;
		length = 12;
		break;
	default:
		ip[9] = byte(run);
		length = 32;
		for (size_t i = 0; i < length; i++)
			l4[i] = byte(run);
		break;
	}
	put16(ip + 2, (uint32_t)(20 + length));
	return 20 + length;
}

static const struct kept *some_kept(const struct run *run, uint8_t choice)
{
	return &run->kept[choice % KEPT];
}

/* The answer to a packet that went through: its addresses and ports turned. */
static size_t make_answer(struct run *run, uint8_t *ip, uint8_t *side)
{
	const struct kept *kept = some_kept(run, byte(run));
	uint8_t *l4 = ip + 20;

	if (kept->length < 28)
		return make_packet(run, ip, *side);
	memcpy(ip, kept->data, kept->length);
	*side = kept->to;
	put32(ip + 12, get32(kept->data + 16));
	put32(ip + 16, get32(kept->data + 12));
	if (ip[0] == 0x45 && (ip[9] == 6 || ip[9] == 17)) {
		put16(l4, get16(kept->data + 22));
		put16(l4 + 2, get16(kept->data + 20));
		if (ip[9] == 6 && kept->length >= 40)
			l4[13] = byte(run);
		if (ip[9] == 17 && get16(l4) == 500 && kept->length >= 56)
			make_ike(run, l4 + 8);
	} else if (ip[0] == 0x45 && ip[9] == 1 && l4[0] == 8) {
		l4[0] = 0;
	}
	return kept->length;
}

/* An ICMP error that quotes a packet that went through. */
static size_t make_error(struct run *run, uint8_t *ip, uint8_t *side)
{
	static const uint8_t types[] = {3, 3, 3, 11, 12, 4, 5, 3};
	const uint8_t choice = byte(run), cut = byte(run);
	const struct kept *kept = some_kept(run, choice);
	size_t quoted = kept->length;

	if (kept->length < 28)
		return make_packet(run, ip, *side);
	if (cut < 128)
		quoted = quoted < 20u + cut ? quoted : 20u + cut;
	if (quoted > MAX_PACKET - 28)
		quoted = MAX_PACKET - 28;
	memset(ip, 0, 28);
	ip[0] = 0x45;
	put16(ip + 2, (uint32_t)(28 + quoted));
	ip[8] = 64;
	ip[9] = 1;
	put32(ip + 12,
	    choice & 0x10 ? get32(kept->data + 16) : some_host(run, byte(run)));
	put32(ip + 16, get32(kept->data + 12));
	ip[20] = types[choice >> 5];
	ip[21] = byte(run);
	put16(ip + 26, word(run));
	memcpy(ip + 28, kept->data, quoted);
	*side = kept->to;
	return 28 + quoted;
}

/* Makes a fragment of what is a whole packet. */
static size_t make_fragment(struct run *run, uint8_t *ip, size_t length)
{
	const uint8_t choice = byte(run);
	const size_t at = (choice & 7) * 8u;
	const size_t payload = length - 20;
	size_t part;

	if (ip[0] != 0x45 || at >= payload)
		return length;
	part = payload - at;
	if ((choice & 8) != 0 && part > 24)
		part = 24;
	memmove(ip + 20, ip + 20 + at, part);
	put16(ip + 6,
	    (uint32_t)(at / 8) |
		((choice & 16) != 0 || at + part < payload ? 0x2000 : 0));
	put16(ip + 4, choice >> 5);
	put16(ip + 2, (uint32_t)(20 + part));
	return 20 + part;
}

/* ------------------------------------------------------------ the checks */

static bool is_public(const struct run *run, uint32_t address)
{
	uint32_t own;

	for (unsigned i = 0; i < run->config.public_count; i++) {
		own = host32(run->config.public_addresses[i]);
		if (own == address)
			return true;
	}
	return address == OWN || address == PUBLIC1;
}

static bool is_inside(uint32_t address)
{
	return address >> 24 == INSIDE >> 24;
}

static void check_stats(const struct run *run)
{
	struct spinat_stats stats;
	uint64_t verdicts = 0;

	spinat_get_stats(run->engine, &stats);
	for (int v = 0; v < SPINAT_VERDICT_COUNT; v++)
		verdicts += stats.verdicts[v];
	MUST(verdicts == run->sent);
	MUST(stats.packets[0] + stats.packets[1] == run->sent);
	MUST(stats.flows <= run->config.max_flows);
	MUST(stats.mappings <= stats.flows);
	MUST(stats.ike <= run->config.max_ike);
	MUST(stats.peers <= run->config.max_peers);
	MUST(stats.flows_created - stats.flows_ended == stats.flows);
	MUST(stats.reasons[SPINAT_REASON_NONE] == stats.verdicts[SPINAT_HELD]);
}

static void check(const struct run *run, const struct spinat_packet *packet,
    const uint8_t *before)
{
	const uint8_t *data = packet->data;
	const uint32_t length = packet->length;

	MUST(packet->verdict < SPINAT_VERDICT_COUNT);
	MUST(packet->to <= SPINAT_OUTSIDE);
	MUST(packet->reason < SPINAT_REASON_IDLE);
	MUST((packet->reason == SPINAT_REASON_NONE) ==
	    (packet->verdict == SPINAT_TRANSLATED ||
		packet->verdict == SPINAT_HELD));
	if (packet->verdict == SPINAT_PASSED || packet->verdict == SPINAT_HELD)
		MUST(memcmp(data, before, length) == 0);
	/* Fail closed: an inside source is passed only to ourselves, or where
	 * the configuration says that it is not ours to translate. */
	if (packet->verdict == SPINAT_PASSED && packet->side == SPINAT_INSIDE &&
	    is_inside(get32(data + 12)) &&
	    packet->reason != SPINAT_REASON_NOT_IPSEC)
		MUST(is_public(run, get32(data + 16)));
	if (packet->verdict != SPINAT_TRANSLATED)
		return;
	MUST((packet->flags & SPINAT_PACKET_OWN) == 0 ||
	    !is_public(run, get32(before + 12)));
	MUST(ip_is_whole(data, length));
	MUST(get16(data + 2) == get16(before + 2));
	/* Only addresses and the checksum of the IP header change. */
	MUST(memcmp(data, before, 10) == 0);
	MUST(memcmp(data + 20, before + 20, header_of(data) - 20) == 0);
	MUST(memcmp(data + get16(data + 2), before + get16(data + 2),
		 length - get16(data + 2)) == 0);
	if (packet->to == SPINAT_OUTSIDE) {
		MUST(packet->side == SPINAT_INSIDE);
		MUST(is_public(run, get32(data + 12)));
	}
	if (ip_sum_is_right(before, length))
		MUST(ip_sum_is_right(data, length));
	if (transport_sum_is_right(before, length, packet->flags) &&
	    !(data[9] == 1 &&
		all_zero(data + header_of(data) + 2, data + get16(data + 2))))
		MUST(transport_sum_is_right(data, length, packet->flags));
}

static void keep(
    struct run *run, const uint8_t *data, size_t length, uint8_t to)
{
	struct kept *kept = &run->kept[run->kept_next++ % KEPT];

	if (length > MAX_PACKET)
		return;
	memcpy(kept->data, data, length);
	kept->length = (uint32_t)length;
	kept->to = to;
}

static void emit(
    void *context, enum spinat_side to, const uint8_t *data, size_t length)
{
	struct run *run = context;

	MUST(ip_is_whole(data, length) && get16(data + 2) == length);
	if (to == SPINAT_OUTSIDE)
		MUST(is_public(run, get32(data + 12)));
	keep(run, data, length, (uint8_t)to);
}

static void event(void *context, const struct spinat_event *event)
{
	const struct run *run = context;

	MUST(event->kind < SPINAT_EVENT_KINDS);
	MUST(event->reason < SPINAT_REASON_COUNT);
	MUST(event->now == run->now);
	if (event->subject == SPINAT_ABOUT_FLOW)
		MUST(event->about.flow.state != NULL);
}

static void flush(struct run *run)
{
	spinat_translate(run->engine, run->now, run->burst, run->waiting);
	run->sent += run->waiting;
	for (size_t i = 0; i < run->waiting; i++) {
		const struct spinat_packet *packet = &run->burst[i];
		check(run, packet, run->original[i]);
		if (packet->verdict == SPINAT_TRANSLATED)
			keep(run, packet->data, packet->length, packet->to);
		free(run->original[i]);
		free(run->burst[i].data);
	}
	run->waiting = 0;
	check_stats(run);
}

/* -------------------------------------------------------- the operations */

/* Exactly as long as it is, so that a byte read past it is seen. */
static void queue(struct run *run, const uint8_t *ip, size_t length,
    uint8_t side, uint8_t flags)
{
	struct spinat_packet *packet = &run->burst[run->waiting];
	uint8_t *data = malloc(length + 1), *exact = malloc(length);

	MUST(data != NULL && (exact != NULL || length == 0));
	memcpy(data, ip, length);
	if (length != 0)
		memcpy(exact, ip, length);
	*packet = (struct spinat_packet){.data = exact,
	    .length = (uint32_t)length,
	    .side = side,
	    .flags = flags,
	    .verdict = 0xff,
	    .to = 0xff,
	    .reason = 0xff};
	run->original[run->waiting++] = data;
	if (run->waiting == MAX_BURST)
		flush(run);
}

static void send_packet(struct run *run, uint8_t operation)
{
	uint8_t ip[MAX_PACKET + 64];
	const uint8_t how = byte(run);
	uint8_t flags = (how & 1) != 0 ? SPINAT_PACKET_CSUM_PARTIAL : 0;
	uint8_t side = operation >> 7;
	size_t length;

	memset(ip, 0, sizeof ip);
	switch (operation & 3) {
	case 0:
		length = make_packet(run, ip, side);
		break;
	case 1:
		length = make_packet(run, ip, side);
		/* The gateway sends it, if its id says so. */
		if (side == SPINAT_INSIDE && (get16(ip + 4) & 8) != 0) {
			put32(ip + 12, PUBLIC1);
			flags |= SPINAT_PACKET_OWN;
		}
		break;
	case 2:
		length = make_answer(run, ip, &side);
		break;
	default:
		length = make_error(run, ip, &side);
		break;
	}
	if ((how & 2) != 0)
		length = make_fragment(run, ip, length);
	if ((how & 4) == 0)
		fix_sums(ip, length, flags);
	/* Odd bytes, after the sums or before them. */
	for (unsigned odd = how >> 6; odd > 0; odd--) {
		const size_t at = word(run) % length;
		ip[at] = byte(run);
	}
	if ((how & 8) != 0)
		fix_sums(ip, length, flags);
	if ((how & 16) != 0)
		length = word(run) % (length + 1);
	else if ((how & 32) != 0)
		length += byte(run) % 32; /* link padding */
	queue(run, ip, length, side, flags);
	if ((operation & 4) == 0)
		flush(run);
}

static void look(struct run *run)
{
	struct spinat_flow_info flow;
	struct spinat_ike_info ike;
	struct spinat_peer_info peer;
	struct spinat_stats stats;
	uint32_t cursor = 0, count = 0;
	enum spinat_walk step;

	spinat_get_stats(run->engine, &stats);
	while ((step = spinat_next_flow(run->engine, &cursor, &flow)) !=
	    SPINAT_WALK_END)
		count += step == SPINAT_WALK_FOUND;
	MUST(count == stats.flows);
	cursor = count = 0;
	while ((step = spinat_next_ike(run->engine, &cursor, &ike)) !=
	    SPINAT_WALK_END)
		count += step == SPINAT_WALK_FOUND;
	MUST(count == stats.ike);
	cursor = count = 0;
	while ((step = spinat_next_peer(run->engine, &cursor, &peer)) !=
	    SPINAT_WALK_END)
		if (step == SPINAT_WALK_FOUND) {
			count++;
			MUST(peer.why != NULL);
			MUST(peer.ike_count + peer.in_count + peer.out_count !=
			    0);
		}
	MUST(count == stats.peers);
}

static void pass_time(struct run *run)
{
	const uint8_t choice = byte(run);
	const spinat_time span = (spinat_time)1
	    << (20 + choice % 31); /* 1 ms to 13 days */
	spinat_time next;

	flush(run);
	run->now += span;
	if ((choice & 0x80) == 0)
		return;
	/* Sometimes the caller runs the timers as it is told to. */
	for (int i = 0; i < 100; i++) {
		next = spinat_run_timers(run->engine, run->now);
		MUST(next > run->now);
		if (next > run->now + 1)
			break;
	}
}

static void new_public(struct run *run)
{
	static const uint32_t pool[] = {PUBLIC1, PUBLIC2, 0xcb007104u};
	spinat_be32 addresses[2];
	const uint8_t choice = byte(run);
	const unsigned count = 1 + choice % 2;

	flush(run);
	addresses[0] = wire32(pool[choice >> 2 & 1]);
	addresses[1] = wire32(pool[choice & 8 ? 2 : ~choice >> 2 & 1]);
	if (spinat_set_public(run->engine, run->now, addresses, count) != 0)
		return;
	memcpy(run->config.public_addresses, addresses, sizeof addresses);
	run->config.public_count = count;
}

static void add_rules(struct run *run, uint8_t which)
{
	struct spinat_redirect rule = {
	    .inside_port = 7000, .public_port = 20000, .port_count = 2};

	rule.inside = wire32(INSIDE + 2);
	if ((which & 1) != 0) {
		rule.kind = SPINAT_REDIRECT_PORT;
		rule.protocol = which & 16 ? 6 : 17;
		(void)!spinat_add_redirect(run->engine, &rule);
	}
	if ((which & 2) != 0) {
		rule.kind = SPINAT_REDIRECT_PROTO;
		rule.protocol = which & 16 ? 47 : 50;
		(void)!spinat_add_redirect(run->engine, &rule);
	}
	if ((which & 4) != 0) {
		rule.kind = SPINAT_REDIRECT_IPSEC;
		(void)!spinat_add_redirect(run->engine, &rule);
	}
	if ((which & 8) != 0) {
		rule.kind = SPINAT_REDIRECT_ADDRESS;
		rule.public_address = wire32(which & 16 ? OWN : PUBLIC1);
		(void)!spinat_add_redirect(run->engine, &rule);
	}
}

static void *configure(struct run *run)
{
	struct spinat_config *config = &run->config;
	const uint8_t flags = byte(run), rules = byte(run);
	void *memory;
	size_t size;

	spinat_config_init(config);
	config->public_addresses[0] = wire32(PUBLIC1);
	config->public_addresses[1] = wire32(PUBLIC2);
	config->public_count = flags & 1 ? 2 : 1;
	config->inside[0].address = wire32(INSIDE);
	config->inside[0].length = 8;
	config->inside_count = 1;
	config->mode =
	    (flags & 0x70) == 0x70 ? SPINAT_MODE_IPSEC_ONLY : SPINAT_MODE_FULL;
	config->same_ports = flags & 2;
	config->deny_incoming = flags & 4;
	config->endpoint_independent_filtering = flags & 8;
	config->port_low = 20000;
	config->port_high = flags & 16 ? 20003 : 20063;
	/* Small, so that everything runs out. */
	config->max_flows = flags & 32 ? 8 : 40;
	config->max_spis = config->max_flows / 2;
	config->max_ike = 6;
	config->max_half_open = 3;
	config->max_peers = 5;
	config->max_fragments = 3;
	config->max_redirects = 4;
	config->events = (1u << SPINAT_EVENT_KINDS) - 1;
	config->seed[5] = flags;
	config->ops.emit = emit;
	config->ops.event = event;
	config->ops.context = run;
	/* From the start of a clock, or from 1970. */
	run->now = flags & 128 ? INT64_C(1729382256) * SPINAT_SECOND : 0;
	size = spinat_memory_size(config);
	memory = aligned_alloc(64, (size + 63) & ~(size_t)63);
	MUST(memory != NULL);
	memset(memory, 0, size);
	MUST(spinat_create(&run->engine, config, memory, size, run->now) == 0);
	add_rules(run, rules);
	return memory;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run run;
	void *memory;

	memset(&run, 0, sizeof run);
	run.program = (struct program){data, size};
	memory = configure(&run);
	for (unsigned step = 0; step < MAX_STEPS && run.program.left != 0;
	     step++) {
		const uint8_t operation = byte(&run);
		switch (operation >> 3 & 15) {
		case 13:
			pass_time(&run);
			break;
		case 14:
			flush(&run);
			look(&run);
			break;
		case 15:
			new_public(&run);
			break;
		default:
			send_packet(&run, operation);
			break;
		}
	}
	flush(&run);
	look(&run);
	/* In the end everything goes by itself. */
	run.now += 40 * 24 * 3600 * SPINAT_SECOND;
	for (int i = 0;
	     i < 1000 && spinat_run_timers(run.engine, run.now) != SPINAT_NEVER;
	     i++)
		;
	look(&run);
	free(memory);
	return 0;
}
