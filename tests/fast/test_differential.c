/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One random stream of packets through two gateways: an engine alone, and an
 * engine with the programs before it.  What comes out is the same, byte for
 * byte but for the hop that a taken packet is older, and so is what both know
 * of every flow at the end.
 */
#include "fast_fixture.h"

#include "tests/unit/clients_fixture.h"

#define STEPS   20000u
#define HOSTS   4u
#define REMOTES 3u
#define PORTS   6u

struct run {
	struct bed *bed;
	struct nat *alone;
	uint64_t random;
	uint16_t ports[HOSTS]
		      [PORTS];       /* public ones of UDP and TCP, seen last */
	uint32_t sequence[HOSTS][2]; /* ESP, by direction */
	unsigned taken, left, refused;
};

static uint32_t draw(struct run *run, uint32_t bound)
{
	return test_below(&run->random, bound);
}

/* ------------------------------------------------------ what is sent */

static const uint8_t flags_of_tcp[] = {ACK, ACK, ACK, ACK, ACK, ACK | PSH,
    ACK | PSH, SYN, SYN | ACK, FIN | ACK, RST, RST | ACK};

static void make_session(struct run *run, enum spinat_side side, unsigned host,
    unsigned number, struct pkt *pkt)
{
	const uint32_t inside = INSIDE1 + host;
	const uint32_t remote = REMOTE1 + number % REMOTES;
	const uint16_t port = (uint16_t)(4000 + number);
	const uint16_t public_port = run->ports[host][number];
	const bool out = side == SPINAT_INSIDE;
	char data[1000] = "some bytes";
	/* Long ones without DF get another id. */
	const size_t length = draw(run, draw(run, 4) == 0 ? sizeof data : 64);

	switch (number % 3) {
	case 0:
		make_udp(pkt, out ? inside : remote, out ? port : 53,
		    out ? remote : PUBLIC, out ? 53 : public_port, data,
		    length);
		if (draw(run, 8) == 0)
			put16(pkt->data + 26, 0);
		break;
	case 1:
		make_tcp(pkt, out ? inside : remote, out ? port : 80,
		    out ? remote : PUBLIC, out ? 80 : public_port,
		    flags_of_tcp[draw(run, COUNT_OF(flags_of_tcp))], data,
		    length);
		break;
	default:
		make_echo(pkt, out ? 8 : 0, out ? inside : remote,
		    out ? remote : PUBLIC, out ? port : public_port,
		    (uint16_t)draw(run, 65536));
		break;
	}
}

static void make_tunnel(
    struct run *run, enum spinat_side side, unsigned host, struct pkt *pkt)
{
	const uint32_t spi = 0x1001 + host;
	const uint32_t jump = draw(run, 4);
	uint32_t sequence = run->sequence[host][side] += jump == 0 ? 0 : 1;

	/* Now and then late, or the same again. */
	if (jump == 0 && sequence > 4)
		sequence -= draw(run, 4);
	if (side == SPINAT_INSIDE)
		make_esp(pkt, INSIDE1 + host, REMOTE1, ~spi, sequence);
	else
		make_esp(pkt, REMOTE1, PUBLIC, spi, sequence);
}

static void make_any(
    struct run *run, enum spinat_side side, unsigned host, struct pkt *pkt)
{
	const unsigned number = draw(run, PORTS);

	if (draw(run, 4) == 0)
		make_tunnel(run, side, host, pkt);
	else
		make_session(run, side, host, number, pkt);
	put16(pkt->data + 4, draw(run, 65536));
	if (draw(run, 3) == 0)
		put16(pkt->data + 6, 0x4000); /* DF */
	pkt->data[1] = (uint8_t)draw(run, 256);
	pkt->data[8] = (uint8_t)(draw(run, 20) == 0 ? 1 : 2 + draw(run, 250));
	fix_sums(pkt);
}

/* ----------------------------------------------- through both of them */

static void learn_port(
    struct run *run, const struct pkt *before, const struct pkt *after)
{
	const uint8_t protocol = before->data[9];
	const unsigned host = source_of(before) - INSIDE1;

	if (get16(before->data + 6) != 0)
		return;
	if (protocol == PROTO_UDP || protocol == PROTO_TCP)
		run->ports[host][source_port(before) - 4000] =
		    source_port(after);
	else if (protocol == PROTO_ICMP)
		run->ports[host][echo_id(before) - 4000] = echo_id(after);
}

static void send_both(struct run *run, enum spinat_side side, struct pkt *pkt)
{
	struct pkt alone = *pkt, beside = *pkt;
	enum answer answer;
	bool crossed;

	run->alone->now = run->bed->nat->now = fast_now();
	nat_send(run->alone, side, &alone);
	crossed = fast_cross(run->bed, side, &beside, &answer);
	if (answer == TAKEN) {
		run->taken++;
		assert_int_equal(alone.verdict, SPINAT_TRANSLATED);
		fast_age(&alone);
	} else {
		run->left += crossed;
		run->refused += !crossed;
		assert_int_equal(beside.verdict, alone.verdict);
		assert_int_equal(beside.reason, alone.reason);
	}
	assert_memory_equal(beside.data, alone.data, alone.length);
	if (side == SPINAT_INSIDE && crossed)
		learn_port(run, pkt, &alone);
}

/* (Those that waited go on without having aged.) */
static void assert_same_emits(struct nat *alone, struct nat *beside)
{
	assert_int_equal(alone->emitted, beside->emitted);
	for (unsigned i = 0; i < alone->emitted; i++) {
		assert_int_equal(
		    alone->emits[i].length, beside->emits[i].length);
		assert_memory_equal(alone->emits[i].data, beside->emits[i].data,
		    alone->emits[i].length);
	}
	nat_forget(alone);
	nat_forget(beside);
}

/* In fragments, in their order or in another; what waited for the first comes
 * out of both engines. */
static void send_in_parts(
    struct run *run, enum spinat_side side, const struct pkt *pkt)
{
	struct pkt parts[64];
	const size_t count = make_fragments(pkt, 24, parts, COUNT_OF(parts));
	const uint32_t begin =
	    draw(run, 3) == 0 ? draw(run, (uint32_t)count) : 0;

	for (size_t i = 0; i < count; i++)
		send_both(run, side, &parts[(begin + i) % count]);
	assert_same_emits(run->alone, run->bed->nat);
}

/* ------------------------------------------------------ what is known */

static void assert_same_flow(
    const struct spinat_flow_info *a, const struct spinat_flow_info *b)
{
	assert_string_equal(a->state, b->state);
	assert_memory_equal(a->open, b->open, sizeof a->open);
	assert_int_equal(a->sequence, b->sequence);
	assert_memory_equal(&a->inside, &b->inside, sizeof a->inside);
	assert_memory_equal(
	    &a->public_end, &b->public_end, sizeof a->public_end);
	for (int side = 0; side < 2; side++) {
		assert_int_equal(a->packets[side], b->packets[side]);
		assert_int_equal(a->bytes[side], b->bytes[side]);
		/* A tick is 134 ms; the two ask the clock one after another. */
		assert_true(a->last_seen[side] - b->last_seen[side] <
			SPINAT_SECOND / 4 &&
		    b->last_seen[side] - a->last_seen[side] <
			SPINAT_SECOND / 4);
	}
}

/* Alone, flows are not put where the programs look for them first. */
static struct spinat_flow_info the_same_of(
    const struct nat *nat, const struct spinat_flow_info *flow)
{
	struct spinat_flow_info info;
	uint32_t cursor = 0;

	while (nat_next_flow(nat, &cursor, &info))
		if (info.kind == flow->kind &&
		    info.protocol == flow->protocol &&
		    info.spi.raw == flow->spi.raw &&
		    memcmp(&info.inside, &flow->inside, sizeof info.inside) ==
			0 &&
		    memcmp(&info.remote, &flow->remote, sizeof info.remote) ==
			0)
			return info;
	fail_msg("there is none");
	return info;
}

static void assert_same_flows(const struct run *run)
{
	struct spinat_flow_info a, b;
	uint32_t cursor = 0;
	unsigned flows = 0;

	for (; nat_next_flow(run->alone, &cursor, &a); flows++) {
		b = the_same_of(run->bed->nat, &a);
		assert_same_flow(&a, &b);
	}
	assert_int_equal(nat_stats(run->bed->nat).flows, flows);
	assert_true(flows >= HOSTS * PORTS);
}

static void test_same_bytes(void **state)
{
	struct spinat_config config;
	struct run *run = test_memory(sizeof *run);
	(void)state;

	nat_config(&config);
	config.max_fragments = 1024;
	run->random = 7;
	run->alone = nat_start_at(&config, fast_now() - FAST_HEAD_START);
	run->bed = fast_start(&config);
	/* One host has a tunnel: whose an SPI is has no part in this. */
	bring_up(run->alone, 1);
	bring_up(run->bed->nat, 1);
	run->sequence[0][0] = run->sequence[0][1] = 1000;
	for (unsigned step = 0; step < STEPS; step++) {
		const unsigned host = draw(run, HOSTS);
		const enum spinat_side side =
		    (enum spinat_side)(draw(run, 3) == 0);
		struct pkt pkt;

		make_any(run, side, host, &pkt);
		if (pkt.data[9] == PROTO_ESP && host != 0)
			continue;
		if (draw(run, 50) == 0 && pkt.length > 48)
			send_in_parts(run, side, &pkt);
		else
			send_both(run, side, &pkt);
		if (step % 1000 == 0) /* events fill up */
			nat_forget(run->alone), nat_forget(run->bed->nat);
		if (step % 5000 == 4999)
			fast_next_epoch(run->bed->fast);
	}
	assert_same_flows(run);
	print_message("# %u taken, %u left to the engine, %u refused\n",
	    run->taken, run->left, run->refused);
	assert_true(run->taken > STEPS / 4 && run->left > STEPS / 10);
	nat_stop(run->alone);
	fast_stop(run->bed);
	free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FAST_BOTH(test_same_bytes),
	};

	return cmocka_run_group_tests(tests, fast_make_namespace, NULL);
}
