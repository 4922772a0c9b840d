/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat_fixture.h"

/* ------------------------------------------------- the bytes of packets */

/* Where the checksum of a whole, unfragmented transport lies; 0: nowhere. */
static size_t checksum_at(const uint8_t *ip)
{
	if ((get16(ip + 6) & 0x3fff) != 0)
		return 0;
	switch (ip[9]) {
	case PROTO_TCP:
		return 16;
	case PROTO_UDP:
		return 6;
	case PROTO_ICMP:
		return 2;
	default:
		return 0;
	}
}

void fix_sums(struct pkt *pkt)
{
	uint8_t *ip = pkt->data;
	const size_t header = header_of(ip), at = checksum_at(ip);
	uint8_t *l4 = ip + header;
	const size_t length = get16(ip + 2) - header;

	put16(ip + 10, 0);
	put16(ip + 10, plain_checksum(ip, header, 0));
	if (at == 0 || length < at + 2)
		return;
	if (ip[9] == PROTO_UDP && get16(l4 + at) == 0)
		return;
	put16(l4 + at, 0);
	put16(l4 + at,
	    plain_checksum(l4, length,
		ip[9] == PROTO_ICMP ? 0 : pseudo_header(ip, length)));
	if (ip[9] == PROTO_UDP && get16(l4 + at) == 0)
		put16(l4 + at, 0xffff);
}

void make_partial(struct pkt *pkt)
{
	uint8_t *ip = pkt->data;
	const size_t header = header_of(ip), at = checksum_at(ip);

	pkt->flags |= SPINAT_PACKET_CSUM_PARTIAL;
	put16(ip + header + at,
	    0xffff -
		plain_checksum(
		    NULL, 0, pseudo_header(ip, get16(ip + 2) - header)));
}

static bool transport_is_right(
    const uint8_t *ip, size_t length, size_t at, uint8_t flags)
{
	const uint8_t *l4 = ip + header_of(ip);
	const uint64_t pseudo =
	    ip[9] == PROTO_ICMP ? 0 : pseudo_header(ip, length);

	if (ip[9] == PROTO_UDP && get16(l4 + at) == 0)
		return true;
	if ((flags & SPINAT_PACKET_CSUM_PARTIAL) != 0 && ip[9] != PROTO_ICMP)
		return get16(l4 + at) ==
		    0xffff - plain_checksum(NULL, 0, pseudo);
	return plain_checksum(l4, length, pseudo) == 0;
}

static bool is_icmp_error(uint8_t type)
{
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

bool sums_are_right(const uint8_t *ip, size_t length, uint8_t flags)
{
	const size_t header = header_of(ip), total = get16(ip + 2);
	const size_t at = checksum_at(ip);
	const uint8_t *l4 = ip + header;

	if (length < 20 || header < 20 || total < header || total > length ||
	    plain_checksum(ip, header, 0) != 0)
		return false;
	if (at == 0)
		return true;
	if (total - header < at + 2 ||
	    !transport_is_right(ip, total - header, at, flags))
		return false;
	/* A quote: its IP header, and its transport when all of it is there. */
	if (ip[9] == PROTO_ICMP && is_icmp_error(l4[0]) &&
	    total - header >= 8 + 20) {
		const uint8_t *quote = l4 + 8;
		const size_t room = total - header - 8;
		const size_t quoted = header_of(quote);
		if (quoted < 20 || quoted > room)
			return false;
		if (plain_checksum(quote, quoted, 0) != 0)
			return false;
		if (get16(quote + 2) <= room)
			return sums_are_right(quote, room, 0);
	}
	return true;
}

void make_ip(struct pkt *pkt, uint8_t protocol, uint32_t from, uint32_t to,
    const void *payload, size_t length)
{
	memset(pkt, 0, sizeof *pkt);
	assert_true(length <= PACKET_ROOM - 20);
	pkt->length = (uint32_t)(20 + length);
	pkt->data[0] = 0x45;
	put16(pkt->data + 2, pkt->length);
	put16(pkt->data + 4, 0x1234);
	pkt->data[8] = 64;
	pkt->data[9] = protocol;
	put32(pkt->data + 12, from);
	put32(pkt->data + 16, to);
	if (length != 0 && payload != NULL)
		memcpy(pkt->data + 20, payload, length);
	put16(pkt->data + 10, plain_checksum(pkt->data, 20, 0));
}

void make_udp(struct pkt *pkt, uint32_t from, uint16_t from_port, uint32_t to,
    uint16_t to_port, const void *payload, size_t length)
{
	make_ip(pkt, PROTO_UDP, from, to, NULL, 8 + length);
	put16(pkt->data + 20, from_port);
	put16(pkt->data + 22, to_port);
	put16(pkt->data + 24, (uint32_t)(8 + length));
	put16(pkt->data + 26, 0xffff); /* some, so that it is worked out */
	if (length != 0)
		memcpy(pkt->data + 28, payload, length);
	fix_sums(pkt);
}

void make_tcp(struct pkt *pkt, uint32_t from, uint16_t from_port, uint32_t to,
    uint16_t to_port, uint8_t flags, const void *payload, size_t length)
{
	make_ip(pkt, PROTO_TCP, from, to, NULL, 20 + length);
	put16(pkt->data + 20, from_port);
	put16(pkt->data + 22, to_port);
	put32(pkt->data + 24, 0x01020304);
	put32(pkt->data + 28, 0x05060708);
	pkt->data[32] = 0x50;
	pkt->data[33] = flags;
	put16(pkt->data + 34, 64240);
	if (length != 0)
		memcpy(pkt->data + 40, payload, length);
	fix_sums(pkt);
}

void make_echo(struct pkt *pkt, uint8_t type, uint32_t from, uint32_t to,
    uint16_t id, uint16_t sequence)
{
	make_ip(pkt, PROTO_ICMP, from, to, NULL, 8 + 16);
	pkt->data[20] = type;
	put16(pkt->data + 24, id);
	put16(pkt->data + 26, sequence);
	memcpy(pkt->data + 28, "abcdefghijklmnop", 16);
	fix_sums(pkt);
}

void make_icmp_error(struct pkt *pkt, uint8_t type, uint8_t code, uint32_t from,
    uint32_t to, uint32_t rest, const uint8_t *quote, size_t quoted)
{
	make_ip(pkt, PROTO_ICMP, from, to, NULL, 8 + quoted);
	pkt->data[20] = type;
	pkt->data[21] = code;
	put32(pkt->data + 24, rest);
	memcpy(pkt->data + 28, quote, quoted);
	fix_sums(pkt);
}

void make_esp(struct pkt *pkt, uint32_t from, uint32_t to, uint32_t spi,
    uint32_t sequence)
{
	make_ip(pkt, PROTO_ESP, from, to, NULL, 40);
	put32(pkt->data + 20, spi);
	put32(pkt->data + 24, sequence);
	memset(pkt->data + 28, 0xa5, 32);
}

size_t ike_bytes(const struct ike *ike, uint8_t *to)
{
	memset(to, 0, 28);
	put32(to, (uint32_t)(ike->initiator >> 32));
	put32(to + 4, (uint32_t)ike->initiator);
	put32(to + 8, (uint32_t)(ike->responder >> 32));
	put32(to + 12, (uint32_t)ike->responder);
	to[16] = ike->next_payload;
	to[17] = (uint8_t)(ike->version << 4);
	to[18] = ike->exchange;
	to[19] = ike->flags;
	put32(to + 20, ike->message_id);
	put32(to + 24, 28u + ike->padding);
	memset(to + 28, 0x77, ike->padding);
	return 28u + ike->padding;
}

void make_ike(
    struct pkt *pkt, uint32_t from, uint32_t to, const struct ike *ike)
{
	uint8_t message[1500];

	assert_true(ike->padding <= sizeof message - 28);
	make_udp(pkt, from, 500, to, 500, message, ike_bytes(ike, message));
}

size_t make_fragments(
    const struct pkt *whole, size_t size, struct pkt *fragments, size_t room)
{
	const size_t payload = whole->length - 20;
	size_t count = 0;

	assert_int_equal(size % 8, 0);
	for (size_t at = 0; at < payload; at += size) {
		const size_t part = payload - at < size ? payload - at : size;
		struct pkt *fragment = &fragments[count++];

		assert_true(count <= room);
		*fragment = *whole;
		fragment->length = (uint32_t)(20 + part);
		memmove(fragment->data + 20, whole->data + 20 + at, part);
		put16(fragment->data + 2, fragment->length);
		put16(fragment->data + 6,
		    (uint32_t)(at / 8) | (at + part < payload ? 0x2000 : 0));
		put16(fragment->data + 10, 0);
		put16(
		    fragment->data + 10, plain_checksum(fragment->data, 20, 0));
	}
	return count;
}

uint32_t source_of(const struct pkt *pkt)
{
	return get32(pkt->data + 12);
}

uint32_t destination_of(const struct pkt *pkt)
{
	return get32(pkt->data + 16);
}

uint16_t source_port(const struct pkt *pkt)
{
	return get16(pkt->data + 20);
}

uint16_t destination_port(const struct pkt *pkt)
{
	return get16(pkt->data + 22);
}

uint16_t echo_id(const struct pkt *pkt)
{
	return get16(pkt->data + 24);
}

/* ---------------------------------------------------------- the engine */

static void on_emit(
    void *context, enum spinat_side to, const uint8_t *data, size_t length)
{
	struct nat *nat = context;

	assert_true(nat->emitted < NAT_EMITS);
	nat->emits[nat->emitted].to = (uint8_t)to;
	nat->emits[nat->emitted].length = length;
	nat->emits[nat->emitted].data = malloc(length);
	assert_non_null(nat->emits[nat->emitted].data);
	memcpy(nat->emits[nat->emitted].data, data, length);
	nat->emitted++;
	assert_int_equal(get16(data + 2), length);
	assert_int_equal(plain_checksum(data, header_of(data), 0), 0);
	if (to == SPINAT_OUTSIDE)
		assert_true(nat_is_public(nat, get32(data + 12)));
}

static void on_event(void *context, const struct spinat_event *event)
{
	struct nat *nat = context;

	assert_true(nat->event_count < NAT_EVENTS);
	assert_true(event->now == nat->now);
	assert_true(event->kind < SPINAT_EVENT_KINDS);
	nat->events[nat->event_count++] = *event;
}

void nat_config(struct spinat_config *config)
{
	spinat_config_init(config);
	config->public_addresses[0] = wire32(PUBLIC);
	config->public_count = 1;
	config->inside[0].address = wire32(IP(10, 0, 0, 0));
	config->inside[0].length = 8;
	config->inside_count = 1;
	config->port_low = PORT_LOW;
	config->port_high = PORT_HIGH;
	config->max_flows = 1000;
	config->max_spis = 200;
	config->max_ike = 100;
	config->max_peers = 100;
	config->max_fragments = 16;
	config->seed[0] = config->seed[16] = '1';
	config->events = (1u << SPINAT_EVENT_KINDS) - 1;
}

struct nat *nat_start(const struct spinat_config *config)
{
	return nat_start_at(config, 1000 * SPINAT_SECOND);
}

static struct nat *make(const struct spinat_config *config, spinat_time now)
{
	struct nat *nat = test_memory(sizeof *nat);

	nat->config = *config;
	nat->config.ops.emit = on_emit;
	nat->config.ops.event = on_event;
	nat->config.ops.context = nat;
	nat->now = now;
	return nat;
}

struct nat *nat_start_in(const struct spinat_config *config,
    const struct spinat_memory *memory, spinat_time now)
{
	struct nat *nat = make(config, now);

	assert_int_equal(
	    spinat_create_shared(&nat->engine, &nat->config, memory, nat->now),
	    0);
	return nat;
}

struct nat *nat_start_shared(const struct spinat_config *config)
{
	struct spinat_memory memory;
	struct nat *nat;

	assert_int_equal(spinat_region_sizes(config, memory.size), 0);
	for (int region = 0; region < SPINAT_REGIONS; region++)
		memory.base[region] = test_memory(memory.size[region]);
	nat = nat_start_in(config, &memory, 1000 * SPINAT_SECOND);
	nat->shared = memory;
	return nat;
}

struct nat *nat_start_at(const struct spinat_config *config, spinat_time now)
{
	struct nat *nat = make(config, now);
	size_t size;

	size = spinat_memory_size(&nat->config);
	assert_true(size != 0);
	nat->memory = test_memory(size);
	assert_int_equal(spinat_create(&nat->engine, &nat->config, nat->memory,
			     size, nat->now),
	    0);
	return nat;
}

struct nat *nat_start_default(void)
{
	struct spinat_config config;

	nat_config(&config);
	return nat_start(&config);
}

void nat_forget(struct nat *nat)
{
	while (nat->emitted > 0)
		free(nat->emits[--nat->emitted].data);
	nat->event_count = 0;
}

void nat_stop(struct nat *nat)
{
	nat_forget(nat);
	free(nat->memory);
	for (int region = 0; region < SPINAT_REGIONS; region++)
		free(nat->shared.base[region]);
	free(nat);
}

bool nat_is_public(const struct nat *nat, uint32_t address)
{
	for (unsigned i = 0; i < nat->config.public_count; i++)
		if (host32(nat->config.public_addresses[i]) == address)
			return true;
	return false;
}

struct spinat_stats nat_stats(const struct nat *nat)
{
	struct spinat_stats stats;

	spinat_get_stats(nat->engine, &stats);
	return stats;
}

/* Every packet one verdict; every verdict but TRANSLATED one reason (HELD's is
 * NONE), the rest of the reasons being flows and SAs that ended and fragments
 * that waited in vain. */
static void check_stats(const struct nat *nat)
{
	const struct spinat_stats stats = nat_stats(nat);
	uint64_t verdicts = 0, reasons = 0;

	for (int v = 0; v < SPINAT_VERDICT_COUNT; v++)
		verdicts += stats.verdicts[v];
	for (int r = 0; r < SPINAT_REASON_IDLE; r++)
		if (r != SPINAT_REASON_FRAGMENT_TIMEOUT)
			reasons += stats.reasons[r];
	assert_true(verdicts == stats.packets[0] + stats.packets[1]);
	assert_true(
	    stats.reasons[SPINAT_REASON_NONE] == stats.verdicts[SPINAT_HELD]);
	assert_true(reasons ==
	    stats.verdicts[SPINAT_PASSED] + stats.verdicts[SPINAT_DROPPED] +
		stats.verdicts[SPINAT_HELD] + nat->dropped_later);
	assert_true(stats.flows_created - stats.flows_ended == stats.flows);
}

/* An address of the inside must not be seen outside, nor in a quote. */
static void check_source(const struct nat *nat, const struct pkt *pkt)
{
	const uint8_t *l4 = pkt->data + header_of(pkt->data);

	assert_true(nat_is_public(nat, source_of(pkt)));
	if (pkt->data[9] == PROTO_ICMP && get16(pkt->data + 6) % 0x2000 == 0 &&
	    is_icmp_error(l4[0])) {
		assert_true(get32(l4 + 8 + 12) >> 24 != 10);
		assert_true(nat_is_public(nat, get32(l4 + 8 + 16)));
	}
}

enum spinat_verdict nat_send(
    struct nat *nat, enum spinat_side side, struct pkt *pkt)
{
	/* Exactly as long as it is: the sanitizer sees the byte after it. */
	uint8_t *data = malloc(pkt->length == 0 ? 1 : pkt->length);
	struct spinat_packet packet = {
	    .data = data,
	    .length = pkt->length,
	    .side = (uint8_t)side,
	    .flags = pkt->flags,
	    .verdict = 0xff,
	    .to = 0xff,
	    .reason = 0xff,
	};
	const bool right = pkt->length >= 20 &&
	    sums_are_right(pkt->data, pkt->length, pkt->flags);

	assert_non_null(data);
	memcpy(data, pkt->data, pkt->length);
	spinat_translate(nat->engine, nat->now, &packet, 1);
	assert_ptr_equal(packet.data, data);
	assert_int_equal(packet.length, pkt->length);
	assert_true(packet.verdict < SPINAT_VERDICT_COUNT);
	assert_true(packet.to <= SPINAT_OUTSIDE);
	assert_true(packet.reason < SPINAT_REASON_IDLE);
	if (packet.verdict == SPINAT_TRANSLATED ||
	    packet.verdict == SPINAT_HELD)
		assert_int_equal(packet.reason, SPINAT_REASON_NONE);
	else
		assert_int_not_equal(packet.reason, SPINAT_REASON_NONE);
	if (packet.verdict == SPINAT_PASSED || packet.verdict == SPINAT_HELD)
		assert_memory_equal(data, pkt->data, pkt->length);
	memcpy(pkt->data, data, pkt->length);
	free(data);
	pkt->verdict = packet.verdict;
	pkt->to = packet.to;
	pkt->reason = packet.reason;
	if (packet.verdict == SPINAT_TRANSLATED) {
		if (right)
			assert_true(
			    sums_are_right(pkt->data, pkt->length, pkt->flags));
		if (packet.to == SPINAT_OUTSIDE)
			check_source(nat, pkt);
	}
	check_stats(nat);
	return packet.verdict;
}

void nat_cross(struct nat *nat, enum spinat_side side, struct pkt *pkt)
{
	nat_send(nat, side, pkt);
	if (pkt->verdict != SPINAT_TRANSLATED)
		fail_msg("%s (%s)",
		    spinat_verdict_name((enum spinat_verdict)pkt->verdict),
		    spinat_reason_name((enum spinat_reason)pkt->reason));
	assert_int_equal(pkt->to, !side);
}

static uint64_t reached(
    const struct pkt *sent, const uint8_t *data, size_t length, uint64_t before)
{
	const uint32_t to = get32(data + 16);
	struct pkt same = *sent;

	assert_int_equal(length, sent->length);
	assert_true(sums_are_right(data, length, 0));
	/* But for where it goes, it is what was sent. */
	put32(same.data + 16, to);
	fix_sums(&same);
	assert_memory_equal(data, same.data, length);
	assert_true(to > IP(10, 0, 0, 0) && to < IP(10, 0, 0, 64));
	assert_int_equal(before & HOST(to), 0); /* once each */
	return before | HOST(to);
}

uint64_t nat_reach(struct nat *nat, struct pkt *pkt)
{
	const struct pkt sent = *pkt;
	const unsigned first = nat->emitted;
	uint64_t hosts = 0;

	if (nat_send(nat, SPINAT_OUTSIDE, pkt) == SPINAT_TRANSLATED) {
		assert_int_equal(pkt->to, SPINAT_INSIDE);
		hosts = reached(&sent, pkt->data, pkt->length, 0);
	} else if (pkt->reason == SPINAT_REASON_OWN_TRAFFIC) {
		hosts = GATEWAY;
	} else {
		assert_int_equal(nat->emitted, first);
	}
	while (nat->emitted > first) {
		nat->emitted--;
		assert_int_equal(nat->emits[nat->emitted].to, SPINAT_INSIDE);
		hosts = reached(&sent, nat->emits[nat->emitted].data,
		    nat->emits[nat->emitted].length, hosts);
		free(nat->emits[nat->emitted].data);
	}
	return hosts;
}

void nat_expect(struct nat *nat, enum spinat_side side, struct pkt *pkt,
    enum spinat_verdict verdict, enum spinat_reason reason)
{
	nat_send(nat, side, pkt);
	if (pkt->verdict != verdict || pkt->reason != reason)
		fail_msg("%s (%s), not %s (%s)",
		    spinat_verdict_name((enum spinat_verdict)pkt->verdict),
		    spinat_reason_name((enum spinat_reason)pkt->reason),
		    spinat_verdict_name(verdict), spinat_reason_name(reason));
}

void nat_wait(struct nat *nat, double seconds)
{
	const spinat_time end =
	    nat->now + (spinat_time)(seconds * (double)SPINAT_SECOND);
	spinat_time next;

	while ((next = spinat_run_timers(nat->engine, nat->now)) <= end) {
		assert_true(next > nat->now);
		nat->now = next;
	}
	nat->now = end;
	(void)spinat_run_timers(nat->engine, nat->now);
	check_stats(nat);
}

unsigned nat_events(const struct nat *nat, enum spinat_event_kind kind)
{
	unsigned count = 0;

	for (unsigned i = 0; i < nat->event_count; i++)
		count += nat->events[i].kind == kind;
	return count;
}

bool nat_next_flow(
    const struct nat *nat, uint32_t *cursor, struct spinat_flow_info *info)
{
	enum spinat_walk step;

	while ((step = spinat_next_flow(nat->engine, cursor, info)) ==
	    SPINAT_WALK_ON)
		continue;
	return step == SPINAT_WALK_FOUND;
}

struct spinat_flow_info nat_only_flow(const struct nat *nat)
{
	struct spinat_flow_info info, more;
	uint32_t cursor = 0;

	assert_true(nat_next_flow(nat, &cursor, &info));
	assert_false(nat_next_flow(nat, &cursor, &more));
	return info;
}
