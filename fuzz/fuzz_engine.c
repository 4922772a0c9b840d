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

#include "fuzz/engine.h"
#include "fuzz/maker.h"
#include "fuzz/sums.h"

#define MAX_BURST 40u
#define MAX_STEPS 2000u

struct run {
	struct maker maker;
	struct spinat *engine;
	struct spinat_config config;
	spinat_time now;
	uint64_t sent;
	struct spinat_packet burst[MAX_BURST];
	uint8_t *original[MAX_BURST];
	size_t waiting;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
	/* Only addresses and the checksum of the IP header change; and the id
	 * of what came from the inside, where it means anything (RFC 6864 4.1).
	 */
	MUST(memcmp(data, before, 4) == 0);
	MUST(memcmp(data + 6, before + 6, 4) == 0);
	if (packet->side == SPINAT_OUTSIDE ||
	    (get16(data + 6) & 0x7fff) == 0x4000)
		MUST(memcmp(data + 4, before + 4, 2) == 0);
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
	    !(data[9] == 1 && icmp_is_all_zero(data)))
		MUST(transport_sum_is_right(data, length, packet->flags));
}

static void emit(
    void *context, enum spinat_side to, const uint8_t *data, size_t length)
{
	struct run *run = context;

	MUST(ip_is_whole(data, length) && get16(data + 2) == length);
	if (to == SPINAT_OUTSIDE)
		MUST(is_public(run, get32(data + 12)));
	maker_keep(&run->maker, data, length, (uint8_t)to);
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
			maker_keep(&run->maker, packet->data, packet->length,
			    packet->to);
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
	const uint8_t how = maker_byte(&run->maker);
	uint8_t flags = (how & 1) != 0 ? SPINAT_PACKET_CSUM_PARTIAL : 0;
	uint8_t side = operation >> 7;
	size_t length;

	memset(ip, 0, sizeof ip);
	switch (operation & 3) {
	case 0:
		length = maker_packet(&run->maker, ip, side);
		break;
	case 1:
		length = maker_packet(&run->maker, ip, side);
		/* The gateway sends it, if its id says so. */
		if (side == SPINAT_INSIDE && (get16(ip + 4) & 8) != 0) {
			put32(ip + 12, PUBLIC1);
			flags |= SPINAT_PACKET_OWN;
		}
		break;
	case 2:
		length = maker_answer(&run->maker, ip, &side);
		break;
	default:
		length = maker_error(&run->maker, ip, &side);
		break;
	}
	if ((how & 2) != 0)
		length = maker_fragment(&run->maker, ip, length);
	if ((how & 4) == 0)
		fix_sums(ip, length, flags);
	/* Odd bytes, after the sums or before them. */
	for (unsigned odd = how >> 6; odd > 0; odd--) {
		const size_t at = maker_word(&run->maker) % length;
		ip[at] = maker_byte(&run->maker);
	}
	if ((how & 8) != 0)
		fix_sums(ip, length, flags);
	if ((how & 16) != 0)
		length = maker_word(&run->maker) % (length + 1);
	else if ((how & 32) != 0)
		length += maker_byte(&run->maker) % 32; /* link padding */
	queue(run, ip, length, side, flags);
	if ((operation & 4) == 0)
		flush(run);
}

static void pass_time(struct run *run)
{
	const uint8_t choice = maker_byte(&run->maker);
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
	const uint8_t choice = maker_byte(&run->maker);
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
	const uint8_t flags = maker_byte(&run->maker),
		      rules = maker_byte(&run->maker);
	void *memory;

	engine_configure(config, flags & 1);
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
	config->seed[5] = flags;
	config->ops.emit = emit;
	config->ops.event = event;
	config->ops.context = run;
	run->now = engine_start(flags & 128);
	memory = engine_make(&run->engine, config, run->now);
	add_rules(run, rules);
	return memory;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run run;
	void *memory;

	memset(&run, 0, sizeof run);
	run.maker.program = (struct program){data, size};
	memory = configure(&run);
	for (unsigned step = 0; step < MAX_STEPS && run.maker.program.left != 0;
	     step++) {
		const uint8_t operation = maker_byte(&run.maker);
		switch (operation >> 3 & 15) {
		case 13:
			pass_time(&run);
			break;
		case 14:
			flush(&run);
			engine_look(run.engine);
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
	engine_look(run.engine);
	/* In the end everything goes by itself. */
	run.now += 40 * 24 * 3600 * SPINAT_SECOND;
	for (int i = 0;
	     i < 1000 && spinat_run_timers(run.engine, run.now) != SPINAT_NEVER;
	     i++)
		;
	engine_look(run.engine);
	free(memory);
	return 0;
}
