/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What outlives a restart: an engine's changes are kept as a journal keeps them
 * (by id, the last one counts), a new engine on another clock is made from
 * that, and goes on as the old one would have.
 */
#include "nat_fixture.h"

#include <errno.h>

#define KEPT 40000u
#define HOUR 3600.0

struct journal {
	struct spinat_memo memos[KEPT];
	unsigned count;
	unsigned handed_out; /* calls that gave something */
};

static struct journal *journal;

static int set_up(void **state)
{
	(void)state;
	journal = test_memory(sizeof *journal);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(journal);
	return 0;
}

/* ------------------------------------------------------------ the journal */

static void keep(const struct spinat_memo *memo)
{
	unsigned at = 0;

	while (at < journal->count && journal->memos[at].id != memo->id)
		at++;
	if (memo->gone) {
		if (at < journal->count)
			journal->memos[at] = journal->memos[--journal->count];
		return;
	}
	assert_in_range(at, 0, KEPT - 1);
	journal->memos[at] = *memo;
	if (at == journal->count)
		journal->count++;
}

/* Takes all changes; how many there were. */
static unsigned take(struct nat *nat)
{
	struct spinat_memo memo;
	enum spinat_walk step;
	unsigned taken = 0;

	while ((step = spinat_next_change(nat->engine, nat->now, &memo)) !=
	    SPINAT_WALK_END)
		if (step == SPINAT_WALK_FOUND) {
			keep(&memo);
			taken++;
		}
	return taken;
}

static spinat_time idle_of(const struct spinat_memo *memo)
{
	return memo->idle[0] < memo->idle[1] ? memo->idle[0] : memo->idle[1];
}

static int by_idle(const void *left, const void *right)
{
	const spinat_time a = idle_of(left), b = idle_of(right);

	return (a > b) - (a < b);
}

/* So many seconds pass meanwhile. */
static void let_pass(double seconds)
{
	const spinat_time span = (spinat_time)(seconds * 1e9);

	for (unsigned i = 0; i < journal->count; i++) {
		struct spinat_memo *memo = &journal->memos[i];
		memo->age += span;
		for (int side = 0; side < 2; side++)
			if (memo->idle[side] != SPINAT_NEVER)
				memo->idle[side] += span;
	}
}

/* A new engine made of the journal; how many records came back. */
static struct nat *resume_with(
    const struct spinat_config *config, spinat_time now, unsigned *restored)
{
	struct nat *nat = nat_start_at(config, now);

	qsort(
	    journal->memos, journal->count, sizeof journal->memos[0], by_idle);
	*restored = 0;
	for (unsigned i = 0; i < journal->count; i++)
		*restored += spinat_restore(nat->engine, nat->now,
				 &journal->memos[i]) == 0;
	return nat;
}

/* Stops the one, starts the other, `away` seconds later. */
static struct nat *restart(struct nat *nat, double away)
{
	struct spinat_config config = nat->config;
	unsigned restored;

	take(nat);
	nat_stop(nat);
	let_pass(away);
	nat_config(&config);
	config.seed[0] = 99; /* another one, as a daemon draws it */
	/* As if booted a short while ago. */
	nat = resume_with(&config, 5 * SPINAT_SECOND, &restored);
	assert_int_equal(restored, journal->count);
	return nat;
}

/* ------------------------------------------------------------- packets */

static void send_ike(struct nat *nat, enum spinat_side side, uint32_t inside,
    uint32_t remote, const struct ike *ike)
{
	struct pkt pkt;

	if (side == SPINAT_INSIDE)
		make_ike(&pkt, inside, remote, ike);
	else
		make_ike(&pkt, remote, PUBLIC, ike);
	nat_cross(nat, side, &pkt);
	assert_int_equal(
	    side == SPINAT_INSIDE ? source_of(&pkt) : destination_of(&pkt),
	    side == SPINAT_INSIDE ? PUBLIC : inside);
}

static struct ike message(uint64_t initiator, uint64_t responder,
    uint8_t exchange, uint8_t flags, uint8_t next_payload)
{
	return (struct ike){.initiator = initiator,
	    .responder = responder,
	    .version = 2,
	    .exchange = exchange,
	    .flags = flags,
	    .next_payload = next_payload,
	    .padding = 100};
}

/* IKE up to an established SA, in `steps` of four messages. */
static void establish(struct nat *nat, uint32_t inside, uint32_t remote,
    uint64_t initiator, unsigned steps)
{
	const uint64_t responder = initiator + 0x100;
	const struct ike messages[] = {
	    message(initiator, 0, 34, 0x08, 33),
	    message(initiator, responder, 34, 0x20, 33),
	    message(initiator, responder, 35, 0x08, 46),
	    message(initiator, responder, 35, 0x20, 46),
	};

	for (unsigned i = 0; i < steps; i++)
		send_ike(nat, i % 2 == 0 ? SPINAT_INSIDE : SPINAT_OUTSIDE,
		    inside, remote, &messages[i]);
}

static void esp_out(struct nat *nat, uint32_t inside, uint32_t remote,
    uint32_t spi, uint32_t sequence)
{
	struct pkt pkt;

	make_esp(&pkt, inside, remote, spi, sequence);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), PUBLIC);
}

static void esp_in(struct nat *nat, uint32_t remote, uint32_t inside,
    uint32_t spi, uint32_t sequence)
{
	struct pkt pkt;

	make_esp(&pkt, remote, PUBLIC, spi, sequence);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), inside);
}

/* The whole of what is shown of a record, but for its number. */
static void assert_same_flow(
    const struct spinat_flow_info *before, const struct spinat_flow_info *after)
{
	assert_int_equal(before->kind, after->kind);
	assert_int_equal(before->hairpin, after->hairpin);
	assert_string_equal(before->state, after->state);
	assert_int_equal(before->spi.raw, after->spi.raw);
	assert_memory_equal(&before->inside, &after->inside, 8);
	assert_memory_equal(&before->public_end, &after->public_end, 8);
	assert_memory_equal(&before->remote, &after->remote, 8);
	assert_memory_equal(&before->remote_seen, &after->remote_seen, 8);
	assert_memory_equal(before->packets, after->packets, 16);
	assert_memory_equal(before->bytes, after->bytes, 16);
}

/* To the tick of 134 ms, twice rounded. */
static void assert_near(spinat_time got, spinat_time expected)
{
	assert_in_range(got - expected + SPINAT_SECOND / 2, 0, SPINAT_SECOND);
}

static struct spinat_flow_info flow_of(const struct nat *nat, uint32_t spi)
{
	struct spinat_flow_info info;
	enum spinat_walk step;
	uint32_t cursor = 0;

	while ((step = spinat_next_flow(nat->engine, &cursor, &info)) !=
	    SPINAT_WALK_END)
		if (step == SPINAT_WALK_FOUND && host32(info.spi) == spi)
			return info;
	fail_msg("there is no SPI 0x%x", spi);
	return info;
}

static struct spinat_ike_info ike_of(const struct nat *nat, uint64_t initiator)
{
	struct spinat_ike_info info;
	enum spinat_walk step;
	uint32_t cursor = 0;

	while ((step = spinat_next_ike(nat->engine, &cursor, &info)) !=
	    SPINAT_WALK_END)
		if (step == SPINAT_WALK_FOUND &&
		    get32(info.initiator_spi + 4) == initiator)
			return info;
	fail_msg("there is no IKE SA %x", (unsigned)initiator);
	return info;
}

/* --------------------------------------------------------- round trips */

/* Every kind and state: shown as before, and on time. */
static void test_records_come_back_as_they_were(void **state)
{
	struct nat *nat = nat_start_default();
	struct spinat_flow_info flows[3];
	struct spinat_ike_info ikes[3];
	spinat_time then;
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 4);
	establish(nat, INSIDE1, REMOTE1, 2, 2);
	establish(nat, INSIDE2, REMOTE2, 3, 1);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001, 7);
	nat_wait(nat, 3);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 9);
	nat_wait(nat, 2);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001, 8);
	esp_out(nat, INSIDE3, REMOTE2, 0xc0000003, 1);
	nat_wait(nat, 1);
	flows[0] = flow_of(nat, 0xc0000001);
	flows[1] = flow_of(nat, 0xd0000001);
	flows[2] = flow_of(nat, 0xc0000003);
	for (unsigned i = 0; i < 3; i++)
		ikes[i] = ike_of(nat, i + 1);
	assert_string_equal(flows[0].state, "paired");
	assert_string_equal(flows[1].state, "confirmed");
	assert_string_equal(flows[2].state, "unpaired");
	assert_string_equal(ikes[0].state, "established");
	assert_string_equal(ikes[1].state, "half-open");
	assert_string_equal(ikes[2].state, "unanswered");
	then = nat->now;
	/* Stamps are up to date when it is said so. */
	spinat_change_all(nat->engine);
	nat = restart(nat, 1);
	for (unsigned i = 0; i < 3; i++) {
		const struct spinat_flow_info flow =
		    flow_of(nat, host32(flows[i].spi));
		const struct spinat_ike_info sa = ike_of(nat, i + 1);
		assert_same_flow(&flows[i], &flow);
		assert_near(nat->now - flow.created,
		    then + SPINAT_SECOND - flows[i].created);
		assert_near(flow.expires - nat->now,
		    flows[i].expires - then - SPINAT_SECOND);
		assert_string_equal(sa.state, ikes[i].state);
		assert_memory_equal(
		    sa.initiator_spi, ikes[i].initiator_spi, 16);
		assert_int_equal(sa.version, 2);
		assert_true(sa.inside_initiated);
		assert_memory_equal(sa.packets, ikes[i].packets, 16);
		assert_near(sa.expires - nat->now,
		    ikes[i].expires - then - SPINAT_SECOND);
		for (int side = 0; side < 2; side++) {
			assert_true((flow.last_seen[side] == 0) ==
			    (flows[i].last_seen[side] == 0));
			if (flow.last_seen[side] != 0)
				assert_near(nat->now - flow.last_seen[side],
				    then + SPINAT_SECOND -
					flows[i].last_seen[side]);
		}
	}
	assert_int_equal(nat_stats(nat).peers, 3);
	assert_int_equal(nat->event_count, 0);
	nat_stop(nat);
}

/* The claim: after a restart the gateway speaks first, on any SPI it has, on a
 * new one, and by IKE; nothing is unknown. */
static void test_tunnels_go_on(void **state)
{
	struct nat *nat = nat_start_default();
	struct ike ike;
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 4);
	establish(nat, INSIDE2, REMOTE1, 2, 4);
	establish(nat, INSIDE3, REMOTE2, 3, 4);
	/* Two clients of one gateway: only what was learnt tells them apart. */
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001, 1);
	nat_wait(nat, 1);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	nat_wait(nat, 1);
	esp_out(nat, INSIDE2, REMOTE1, 0xc0000002, 1);
	nat_wait(nat, 1);
	esp_in(nat, REMOTE1, INSIDE2, 0xd0000002, 1);
	nat = restart(nat, 2 * HOUR);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1000);
	esp_in(nat, REMOTE1, INSIDE2, 0xd0000002, 1000);
	esp_in(nat, REMOTE2, INSIDE3, 0xd0000003, 1);
	ike = message(1, 0x101, 37, 0, 46);
	send_ike(nat, SPINAT_OUTSIDE, INSIDE1, REMOTE1, &ike);
	ike = message(2, 0x102, 37, 0, 46);
	send_ike(nat, SPINAT_OUTSIDE, INSIDE2, REMOTE1, &ike);
	/* An IKE SA that the gateway rekeyed while nobody listened. */
	ike = message(0xaaaa, 0xbbbb, 37, 0, 46);
	send_ike(nat, SPINAT_OUTSIDE, INSIDE3, REMOTE2, &ike);
	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001, 1000);
	assert_int_equal(flow_of(nat, 0xc0000001).packets[0], 2);
	nat_stop(nat);
}

/* "Fragmentation needed" about ESP sent before: believed as far as it was
 * sent, not further. */
static void test_icmp_knows_what_was_sent(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt, quoted;
	(void)state;

	for (uint32_t i = 1; i <= 20; i++)
		esp_out(nat, INSIDE1, REMOTE1, 0xc0000001, i);
	nat = restart(nat, 1);
	make_esp(&quoted, PUBLIC, REMOTE1, 0xc0000001, 20);
	make_icmp_error(&pkt, 3, 4, REMOTE1, PUBLIC, 1300, quoted.data, 28);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), INSIDE1);
	make_esp(&quoted, PUBLIC, REMOTE1, 0xc0000001, 21);
	make_icmp_error(&pkt, 3, 4, REMOTE1, PUBLIC, 1300, quoted.data, 28);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED,
	    SPINAT_REASON_ICMP_FORGED);
	nat_stop(nat);
}

static struct spinat_memo kept_of(enum spinat_memo_kind kind)
{
	for (unsigned i = 0; i < journal->count; i++)
		if (journal->memos[i].kind == kind)
			return journal->memos[i];
	fail_msg("no memo of kind %d", kind);
	return journal->memos[0];
}

/* Each step is handed out by itself, as it happens. */
static void test_every_step_is_a_change(void **state)
{
	static const struct {
		unsigned char state, protected_from, responder;
	} expected[] = {
	    {SPINAT_MEMO_UNANSWERED, 0, 0},
	    {SPINAT_MEMO_HALF_OPEN, 0, 1},
	    {SPINAT_MEMO_HALF_OPEN, 1, 1},
	    {SPINAT_MEMO_ESTABLISHED, 3, 1},
	};
	struct nat *nat = nat_start_default();
	(void)state;

	esp_out(nat, INSIDE1, REMOTE1, 0xc0000001, 1);
	take(nat);
	assert_int_equal(
	    kept_of(SPINAT_MEMO_ESP_OUT).state, SPINAT_MEMO_UNPAIRED);
	for (unsigned step = 0; step < 4; step++) {
		const struct ike ike = step == 0
		    ? message(1, 0, 34, 0x08, 33)
		    : message(1, 0x101, step < 2 ? 34 : 35,
			  step % 2 == 0 ? 0x08 : 0x20, step < 2 ? 33 : 46);
		struct spinat_memo memo;

		send_ike(nat, step % 2 == 0 ? SPINAT_INSIDE : SPINAT_OUTSIDE,
		    INSIDE1, REMOTE1, &ike);
		take(nat);
		memo = kept_of(SPINAT_MEMO_IKE);
		assert_int_equal(memo.state, expected[step].state);
		assert_int_equal(
		    memo.protected_from, expected[step].protected_from);
		assert_int_equal(
		    memo.responder_spi[6], expected[step].responder);
		assert_true(memo.packets[0] + memo.packets[1] == step + 1);
	}
	assert_int_equal(
	    kept_of(SPINAT_MEMO_ESP_OUT).state, SPINAT_MEMO_PAIRED);
	nat_stop(nat);
}

/* The same at any moment: after each of the steps that make a tunnel. */
static void test_restart_at_every_step(void **state)
{
	(void)state;
	for (unsigned steps = 1; steps <= 4; steps++) {
		struct nat *nat = nat_start_default();
		struct ike ike;

		journal->count = 0;
		establish(nat, INSIDE1, REMOTE1, 1, steps);
		nat = restart(nat, 1);
		/* The rest of the exchange, from whoever is next. */
		for (unsigned step = steps; step < 4; step++) {
			ike = step == 1 ? message(1, 0x101, 34, 0x20, 33)
			    : step == 2 ? message(1, 0x101, 35, 0x08, 46)
					: message(1, 0x101, 35, 0x20, 46);
			send_ike(nat,
			    step % 2 == 0 ? SPINAT_INSIDE : SPINAT_OUTSIDE,
			    INSIDE1, REMOTE1, &ike);
		}
		assert_string_equal(ike_of(nat, 1).state, "established");
		assert_int_equal(nat_stats(nat).ike, 1);
		esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
		nat = restart(nat, 1);
		esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 2);
		assert_int_equal(nat_stats(nat).flows, 1);
		nat_stop(nat);
	}
}

static void test_hairpin(void **state)
{
	struct nat *nat = nat_start_default();
	const struct spinat_redirect rule = {
	    .kind = SPINAT_REDIRECT_IPSEC,
	    .inside = wire32(INSIDE2),
	};
	struct pkt pkt;
	(void)state;

	assert_int_equal(spinat_add_redirect(nat->engine, &rule), 0);
	make_esp(&pkt, INSIDE1, PUBLIC, 0xc0000001, 1);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_TRANSLATED, SPINAT_REASON_NONE);
	assert_int_equal(destination_of(&pkt), INSIDE2);
	nat = restart(nat, 1);
	/* No rule any more: what was bound is known all the same. */
	assert_true(flow_of(nat, 0xc0000001).hairpin);
	make_esp(&pkt, INSIDE1, PUBLIC, 0xc0000001, 2);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_TRANSLATED, SPINAT_REASON_NONE);
	assert_int_equal(destination_of(&pkt), INSIDE2);
	nat_stop(nat);
}

/* A host on UDP 4500 is no candidate, then as before. */
static void test_floated(void **state)
{
	struct nat *nat = nat_start_default();
	uint8_t payload[200] = {0};
	struct ike ike = message(1, 0x101, 35, 0x08, 46);
	struct pkt pkt;
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 4);
	take(nat);
	make_udp(&pkt, INSIDE1, 4500, REMOTE1, 4500, payload,
	    4 + ike_bytes(&ike, payload + 4));
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	nat = restart(nat, 1);
	assert_true(ike_of(nat, 1).floated);
	make_esp(&pkt, REMOTE1, PUBLIC, 0x1000, 1);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
	    SPINAT_REASON_ESP_UNKNOWN);
	nat_stop(nat);
}

/* ------------------------------------------------------------- expiry */

/* Timeouts go on where they were, restart or not. */
static void test_expiry_goes_on(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 4);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	esp_out(nat, INSIDE2, REMOTE2, 0xc0000002, 1);
	nat_wait(nat, 60);
	nat = restart(nat, 30);
	assert_int_equal(nat_stats(nat).flows, 2);
	nat_wait(nat, 29);
	assert_int_equal(nat_stats(nat).flows, 2);
	nat_wait(nat, 3);
	/* 120 s for the one that nobody answered. */
	assert_int_equal(nat_stats(nat).flows, 1);
	nat = restart(nat, 24 * HOUR);
	nat_wait(nat, 0.9 * HOUR);
	assert_int_equal(nat_stats(nat).flows, 1);
	assert_int_equal(nat_stats(nat).ike, 1);
	nat_wait(nat, 0.1 * HOUR);
	assert_int_equal(nat_stats(nat).flows, 0);
	assert_int_equal(nat_stats(nat).ike, 0);
	assert_int_equal(nat_stats(nat).peers, 0);
	nat_stop(nat);
}

/* What ran out meanwhile does not come back, but an old SPI of a live
 * association does. */
static void test_what_ran_out_stays_away(void **state)
{
	struct nat *nat = nat_start_default();
	struct spinat_config config = nat->config;
	unsigned restored;
	(void)state;

	esp_out(nat, INSIDE2, REMOTE2, 0xc0000002, 1);
	establish(nat, INSIDE1, REMOTE1, 1, 4);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	nat_wait(nat, 20 * HOUR);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000002, 1);
	establish(nat, INSIDE3, REMOTE2, 3, 2);
	take(nat);
	nat_stop(nat);
	nat_config(&config);
	let_pass(20 * HOUR);
	nat = resume_with(&config, 1, &restored);
	assert_int_equal(restored, 3);
	assert_int_equal(journal->count, 4);
	nat_stop(nat);
	let_pass(6 * HOUR);
	nat = resume_with(&config, 1, &restored);
	assert_int_equal(restored, 0);
	assert_int_equal(nat_stats(nat).peers, 0);
	nat_stop(nat);
	/* Years later, and at the end of time, it is no younger. */
	for (int i = 0; i < 4; i++) {
		let_pass(3e4 * HOUR);
		nat = resume_with(&config, 1, &restored);
		assert_int_equal(restored, 0);
		nat_stop(nat);
	}
}

/* ------------------------------------------------------------- changes */

static void test_changes_are_handed_out_once(void **state)
{
	struct nat *nat = nat_start_default();
	struct spinat_memo memo;
	(void)state;

	assert_int_equal(take(nat), 0);
	establish(nat, INSIDE1, REMOTE1, 1, 4);
	assert_int_equal(take(nat), 1);
	assert_int_equal(take(nat), 0);
	/* Protected messages of an established SA change nothing ... */
	for (int i = 0; i < 10; i++) {
		const struct ike ike = message(1, 0x101, 37, 0, 46);
		send_ike(nat, SPINAT_OUTSIDE, INSIDE1, REMOTE1, &ike);
	}
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	assert_int_equal(take(nat), 1);
	/* ... nor do packets of a known SPI. */
	for (uint32_t i = 2; i < 100; i++)
		esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, i);
	assert_int_equal(take(nat), 0);
	/* TCP and UDP are not written down at all. */
	{
		struct pkt pkt;
		make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, "x", 1);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
		assert_int_equal(take(nat), 0);
		nat_wait(nat, 0.1);
	}
	/* An end is a change: of the record, whatever it was. */
	nat_wait(nat, 26 * HOUR);
	assert_int_equal(nat_stats(nat).flows, 0);
	assert_int_equal(spinat_next_change(nat->engine, nat->now, &memo),
	    SPINAT_WALK_FOUND);
	assert_true(memo.gone);
	keep(&memo);
	assert_int_equal(take(nat), 1);
	assert_int_equal(journal->count, 0);
	nat_stop(nat);
}

/* Counters, stamps and sequence of what is active are never long behind, and
 * what is silent costs nothing. */
static void test_active_records_are_caught_up_with(void **state)
{
	struct nat *nat = nat_start_default();
	uint32_t sequence = 1;
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 4);
	establish(nat, INSIDE2, REMOTE2, 2, 4);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, sequence);
	take(nat);
	nat_wait(nat, 31);
	take(nat);
	for (int minute = 0; minute < 5; minute++) {
		for (int i = 0; i < 60; i++) {
			nat_wait(nat, 0.5);
			esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, ++sequence);
			nat_wait(nat, 0.5);
			/* At each half a minute, and that one alone. */
			if (take(nat) != 0)
				assert_int_equal(journal->count, 3);
			for (unsigned m = 0; m < journal->count; m++)
				if (journal->memos[m].kind ==
				    SPINAT_MEMO_ESP_IN)
					assert_in_range(
					    journal->memos[m].highest_sequence,
					    sequence < 33 ? 0 : sequence - 32,
					    sequence);
		}
	}
	nat_wait(nat, 61);
	take(nat);
	nat_wait(nat, 31);
	assert_int_equal(take(nat), 0);
	nat_stop(nat);
}

/* More changes than any list would hold: every one comes, none twice. */
static void test_many_changes(void **state)
{
	enum { HOSTS = 200, SPIS = 30 };
	struct spinat_config config;
	struct nat *nat;
	unsigned restored;
	(void)state;

	nat_config(&config);
	config.max_flows = 3 * HOSTS * SPIS;
	config.max_spis = config.max_ike = config.max_flows;
	config.max_peers = HOSTS;
	config.events = 0;
	nat = nat_start(&config);
	for (int round = 0; round < 3; round++)
		for (uint32_t host = 0; host < HOSTS; host++)
			for (uint32_t spi = 0; spi < SPIS; spi++)
				esp_out(nat, INSIDE1 + host, REMOTE1,
				    0x1000 + host * SPIS + spi, 1);
	assert_int_equal(take(nat), HOSTS * SPIS);
	assert_int_equal(journal->count, HOSTS * SPIS);
	/* Silent ones too, when the journal is to be written anew. */
	nat_wait(nat, 40);
	take(nat);
	nat_wait(nat, 40);
	assert_int_equal(take(nat), 0);
	spinat_change_all(nat->engine);
	assert_int_equal(take(nat), HOSTS * SPIS);
	assert_int_equal(journal->count, HOSTS * SPIS);
	/* All end and all of the records are used anew, by others. */
	nat_wait(nat, 130);
	for (uint32_t host = 0; host < HOSTS; host++)
		esp_out(nat, INSIDE1 + host, REMOTE2, 0x9000 + host, 1);
	assert_in_range(take(nat), HOSTS * SPIS, HOSTS * SPIS + HOSTS);
	assert_int_equal(journal->count, HOSTS);
	nat_stop(nat);
	nat = resume_with(&config, 1, &restored);
	assert_int_equal(restored, HOSTS);
	for (uint32_t host = 0; host < HOSTS; host++)
		esp_out(nat, INSIDE1 + host, REMOTE2, 0x9000 + host, 2);
	assert_int_equal(nat_stats(nat).flows, HOSTS);
	nat_stop(nat);
}

/* ------------------------------------------------------------- garbage */

static struct spinat_memo good_esp(void)
{
	return (struct spinat_memo){
	    .kind = SPINAT_MEMO_ESP_IN,
	    .state = SPINAT_MEMO_BOUND,
	    .inside = wire32(INSIDE1),
	    .public_address = wire32(PUBLIC),
	    .remote = wire32(REMOTE1),
	    .age = 100 * SPINAT_SECOND,
	    .idle = {SPINAT_NEVER, 10 * SPINAT_SECOND},
	    .packets = {0, 5},
	    .bytes = {0, 500},
	    .spi = wire32(256),
	    .highest_sequence = 5,
	};
}

static struct spinat_memo good_ike(void)
{
	return (struct spinat_memo){
	    .kind = SPINAT_MEMO_IKE,
	    .state = SPINAT_MEMO_ESTABLISHED,
	    .inside = wire32(INSIDE1),
	    .public_address = wire32(PUBLIC),
	    .remote = wire32(REMOTE1),
	    .age = 100 * SPINAT_SECOND,
	    .idle = {10 * SPINAT_SECOND, 20 * SPINAT_SECOND},
	    .packets = {2, 2},
	    .initiator_spi = {1},
	    .responder_spi = {2},
	    .version = 2,
	    .protected_from = 3,
	};
}

static void refuse(const struct spinat_memo *memo, int expected, int line)
{
	struct nat *nat = nat_start_default();
	const int got = spinat_restore(nat->engine, nat->now, memo);

	if (got != expected)
		fail_msg("line %d: %d, not %d", line, got, expected);
	/* And nothing of it is there. */
	assert_int_equal(nat_stats(nat).flows, 0);
	assert_int_equal(nat_stats(nat).ike, 0);
	assert_int_equal(nat_stats(nat).peers, 0);
	assert_int_equal(take(nat), 0);
	nat_stop(nat);
}

/* One value of a good memo changed. */
#define REFUSE(good, expected, change)                                         \
	do {                                                                   \
		struct spinat_memo m = good();                                 \
		change;                                                        \
		refuse(&m, expected, __LINE__);                                \
	} while (0)

static void test_garbage_is_refused(void **state)
{
	struct nat *nat = nat_start_default();
	struct spinat_memo memo = good_esp();
	(void)state;

	assert_int_equal(spinat_restore(nat->engine, nat->now, &memo), 0);
	assert_int_equal(spinat_restore(nat->engine, nat->now, &memo), -EEXIST);
	memo = good_ike();
	assert_int_equal(spinat_restore(nat->engine, nat->now, &memo), 0);
	assert_int_equal(spinat_restore(nat->engine, nat->now, &memo), -EEXIST);
	memo.responder_spi[0] = 3;
	assert_int_equal(spinat_restore(nat->engine, nat->now, &memo), 0);
	nat_stop(nat);

	REFUSE(good_esp, -EINVAL, m.gone = true);
	REFUSE(good_esp, -EINVAL, m.kind = SPINAT_MEMO_KINDS);
	REFUSE(good_esp, -EINVAL, m.kind = 255);
	REFUSE(good_esp, -EINVAL, m.state = SPINAT_MEMO_PAIRED);
	REFUSE(good_esp, -EINVAL, m.state = SPINAT_MEMO_UNANSWERED);
	REFUSE(good_esp, -EINVAL, m.state = 7);
	REFUSE(good_esp, -EINVAL, m.kind = SPINAT_MEMO_ESP_OUT);
	REFUSE(good_esp, -EINVAL, m.inside = wire32(0));
	REFUSE(good_esp, -EINVAL, m.inside = m.remote);
	REFUSE(good_esp, -EINVAL, m.inside = m.public_address);
	REFUSE(good_esp, -EINVAL, m.remote = wire32(0));
	REFUSE(good_esp, -EINVAL, m.public_address = wire32(0));
	REFUSE(good_esp, -EINVAL, m.spi = wire32(255));
	REFUSE(good_esp, -EINVAL, m.spi = wire32(0));
	REFUSE(good_esp, -EINVAL, m.age = -1);
	REFUSE(good_esp, -EINVAL, m.age = SPINAT_NEVER);
	REFUSE(good_esp, -EINVAL, m.idle[1] = -1);
	REFUSE(good_esp, -EINVAL, m.idle[1] = INT64_MIN);
	REFUSE(good_esp, -EINVAL, m.idle[1] = m.age + 1);
	REFUSE(good_esp, -EINVAL, m.idle[1] = SPINAT_NEVER);
	REFUSE(good_esp, -EINVAL, m.idle[0] = 0);
	REFUSE(good_esp, -EINVAL, m.packets[1] = 0);
	REFUSE(good_esp, -EINVAL, m.packets[1] = UINT64_C(1) << 40);
	REFUSE(good_esp, -EINVAL, (m.packets[0] = 1, m.idle[0] = 0));
	REFUSE(good_esp, -EINVAL, m.bytes[0] = 1);
	REFUSE(good_esp, -EADDRNOTAVAIL, m.public_address = wire32(PUBLIC2));
	REFUSE(good_esp, -EADDRNOTAVAIL, m.inside = wire32(REMOTE2));
	REFUSE(good_esp, -EADDRNOTAVAIL, m.hairpin = true);
	REFUSE(good_esp, -EADDRNOTAVAIL, m.remote = wire32(PUBLIC));

	REFUSE(good_ike, -EINVAL, m.state = SPINAT_MEMO_HALF_OPEN);
	REFUSE(good_ike, -EINVAL, m.state = SPINAT_MEMO_UNANSWERED);
	REFUSE(good_ike, -EINVAL, m.state = SPINAT_MEMO_BOUND);
	REFUSE(good_ike, -EINVAL, m.state = 255);
	REFUSE(good_ike, -EINVAL, m.protected_from = 1);
	REFUSE(good_ike, -EINVAL, m.protected_from = 7);
	REFUSE(good_ike, -EINVAL, m.version = 0);
	REFUSE(good_ike, -EINVAL, m.version = 3);
	REFUSE(good_ike, -EINVAL, m.initiator_spi[0] = 0);
	REFUSE(good_ike, -EINVAL, m.packets[0] = UINT64_C(1) << 32);
	REFUSE(good_ike, -EINVAL, (m.packets[0] = 0, m.idle[0] = SPINAT_NEVER));
	REFUSE(good_ike, -ETIME,
	    m.age = m.idle[0] = m.idle[1] = 26 * 3600 * SPINAT_SECOND);
	REFUSE(
	    good_ike, -ETIME, m.age = m.idle[0] = m.idle[1] = SPINAT_NEVER - 1);
}

/* Random bytes, and good memos with some of them changed: whatever is let in
 * is a record as any other, and can be written down again. */
static void test_random_memos(void **state)
{
	uint64_t random = 5;
	struct spinat_config config;
	struct nat *nat;
	unsigned let_in = 0;
	(void)state;

	nat_config(&config);
	config.events = 0;
	nat = nat_start(&config);
	for (int i = 0; i < 200000; i++) {
		struct spinat_memo memo = i % 2 == 0 ? good_esp() : good_ike();
		uint8_t bytes[sizeof memo];
		const unsigned changes = test_below(&random, 4);

		memo.spi.raw = (uint32_t)test_random(&random);
		memcpy(bytes, &memo, sizeof memo);
		for (unsigned c = 0; c < changes; c++)
			bytes[test_below(&random, sizeof memo)] =
			    (uint8_t)test_below(&random, 6);
		memcpy(&memo, bytes, sizeof memo);
		/* A bool has two values only, in any memo. */
		memo.gone = bytes[offsetof(struct spinat_memo, gone)] & 1;
		memo.hairpin = bytes[offsetof(struct spinat_memo, hairpin)] & 1;
		memo.inside_initiated =
		    bytes[offsetof(struct spinat_memo, inside_initiated)] & 1;
		memo.floated = bytes[offsetof(struct spinat_memo, floated)] & 1;
		let_in += spinat_restore(nat->engine, nat->now, &memo) == 0;
		if (i % 64 == 0)
			nat_wait(nat, 1000);
		if (i % 1000 == 0)
			take(nat);
	}
	assert_in_range(let_in, 1000, 200000);
	nat_wait(nat, 8 * 24 * HOUR);
	assert_int_equal(nat_stats(nat).flows, 0);
	assert_int_equal(nat_stats(nat).ike, 0);
	assert_int_equal(nat_stats(nat).peers, 0);
	take(nat);
	assert_int_equal(journal->count, 0);
	nat_stop(nat);
}

/* No room: of flows, of SPIs of one association, of associations. */
static void test_no_room(void **state)
{
	struct spinat_memo memo = good_esp(), ike = good_ike();
	struct spinat_config config;
	struct nat *nat;
	(void)state;

	memo.state = SPINAT_MEMO_CONFIRMED;
	nat_config(&config);
	config.max_flows = 136;
	config.max_peers = 2;
	config.max_ike = 1;
	nat = nat_start(&config);
	for (uint32_t i = 0; i < 129; i++) {
		memo.spi = wire32(0x1000 + i);
		assert_int_equal(spinat_restore(nat->engine, nat->now, &memo),
		    i < 128 ? 0 : -ENOSPC);
	}
	memo.inside = wire32(INSIDE2);
	for (uint32_t i = 0; i < 9; i++) {
		memo.spi = wire32(0x2000 + i);
		assert_int_equal(spinat_restore(nat->engine, nat->now, &memo),
		    i < 8 ? 0 : -ENOSPC);
	}
	memo.inside = ike.inside = wire32(INSIDE3);
	assert_int_equal(spinat_restore(nat->engine, nat->now, &memo), -ENOSPC);
	assert_int_equal(spinat_restore(nat->engine, nat->now, &ike), -ENOSPC);
	ike.inside = wire32(INSIDE1);
	assert_int_equal(spinat_restore(nat->engine, nat->now, &ike), 0);
	ike.responder_spi[0]++;
	assert_int_equal(spinat_restore(nat->engine, nat->now, &ike), -ENOSPC);
	assert_int_equal(nat_stats(nat).peers, 2);
	nat_stop(nat);
	/* IKE SAs of one association. */
	config.max_ike = 100;
	nat = nat_start(&config);
	for (uint8_t i = 1; i <= 65; i++) {
		ike.initiator_spi[0] = i;
		assert_int_equal(spinat_restore(nat->engine, nat->now, &ike),
		    i <= 64 ? 0 : -ENOSPC);
	}
	nat_stop(nat);
}

/* A rule of the configuration makes its candidate again; the journal does
 * not. */
static void test_rules_are_the_configuration_s(void **state)
{
	const struct spinat_redirect rule = {
	    .kind = SPINAT_REDIRECT_IPSEC,
	    .inside = wire32(INSIDE1),
	};
	(void)state;

	for (int with_rule = 0; with_rule < 2; with_rule++) {
		struct nat *nat = nat_start_default();
		struct spinat_memo memo = good_esp();
		struct spinat_peer_info info;
		uint32_t cursor = 0;

		if (with_rule)
			assert_int_equal(
			    spinat_add_redirect(nat->engine, &rule), 0);
		assert_int_equal(
		    spinat_restore(nat->engine, nat->now, &memo), 0);
		assert_int_equal(spinat_next_peer(nat->engine, &cursor, &info),
		    SPINAT_WALK_FOUND);
		assert_int_equal(info.redirected, with_rule);
		assert_int_equal(info.candidate, with_rule);
		/* An association is as old as its oldest record, and ages that
		 * no clock of ours can tell are old. */
		memo.spi = wire32(300);
		memo.age = 30 * 365 * 24 * 3600 * SPINAT_SECOND;
		assert_int_equal(
		    spinat_restore(nat->engine, nat->now, &memo), 0);
		cursor = 0;
		assert_int_equal(spinat_next_peer(nat->engine, &cursor, &info),
		    SPINAT_WALK_FOUND);
		assert_near(
		    nat->now - info.created, 365 * 24 * 3600 * SPINAT_SECOND);
		nat_stop(nat);
	}
}

/* What belonged to a public address that went away is no more written down. */
static void test_address_change(void **state)
{
	struct nat *nat = nat_start_default();
	const spinat_be32 other = wire32(PUBLIC2);
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 4);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	take(nat);
	assert_int_equal(journal->count, 2);
	assert_int_equal(
	    spinat_set_public(nat->engine, nat->now, &other, 1), 0);
	take(nat);
	assert_int_equal(journal->count, 0);
	nat_stop(nat);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_records_come_back_as_they_were),
	    TEST(test_tunnels_go_on),
	    TEST(test_icmp_knows_what_was_sent),
	    TEST(test_every_step_is_a_change),
	    TEST(test_restart_at_every_step),
	    TEST(test_hairpin),
	    TEST(test_floated),
	    TEST(test_expiry_goes_on),
	    TEST(test_what_ran_out_stays_away),
	    TEST(test_changes_are_handed_out_once),
	    TEST(test_active_records_are_caught_up_with),
	    TEST(test_many_changes),
	    TEST(test_garbage_is_refused),
	    TEST(test_random_memos),
	    TEST(test_no_room),
	    TEST(test_rules_are_the_configuration_s),
	    TEST(test_address_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
