/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What outlives a restart: a new engine on another clock is made from what the
 * old one handed out, and goes on as that would have.
 */
#include <errno.h>

#include "journal_fixture.h"
#include "tunnel_fixture.h"

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

/* What the gateway itself sends and gets is passed, after a restart too. */
static void test_own_goes_on(void **state)
{
	struct nat *nat = nat_start_default();
	const struct ike last = message(1, 0x101, 37, 0x00, 46);
	struct spinat_ike_info sa;
	struct pkt pkt;
	(void)state;

	for (uint8_t i = 0; i < 4; i++) {
		const bool out = i % 2 == 0;
		const struct ike ike = message(1, i == 0 ? 0 : 0x101,
		    i < 2 ? 34 : 35, out ? 0x08 : 0x20, i < 2 ? 33 : 46);
		make_ike(
		    &pkt, out ? PUBLIC : REMOTE1, out ? REMOTE1 : PUBLIC, &ike);
		pkt.flags = out ? SPINAT_PACKET_OWN : 0;
		nat_expect(nat, out ? SPINAT_INSIDE : SPINAT_OUTSIDE, &pkt,
		    SPINAT_PASSED, SPINAT_REASON_OWN_TRAFFIC);
	}
	for (uint32_t i = 1; i < 5; i++) {
		make_esp(&pkt, REMOTE1, PUBLIC, 0xd0000001, i);
		nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
		    SPINAT_REASON_OWN_TRAFFIC);
		make_esp(&pkt, PUBLIC, REMOTE1, 0xc0000001, i);
		pkt.flags = SPINAT_PACKET_OWN;
		nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED,
		    SPINAT_REASON_OWN_TRAFFIC);
		nat_wait(nat, 1);
	}
	assert_string_equal(flow_of(nat, 0xd0000001).state, "confirmed");
	nat = restart(nat, 60);
	establish(nat, INSIDE1, REMOTE1, 2, 4);
	sa = ike_of(nat, 1);
	assert_int_equal(host32(sa.inside), PUBLIC);
	make_esp(&pkt, REMOTE1, PUBLIC, 0xd0000001, 5);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
	    SPINAT_REASON_OWN_TRAFFIC);
	make_ike(&pkt, REMOTE1, PUBLIC, &last);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
	    SPINAT_REASON_OWN_TRAFFIC);
	assert_int_equal(nat->emitted, 0);
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

static uint16_t ike_out_of(struct nat *nat, uint32_t inside, struct ike ike)
{
	struct pkt pkt;

	make_ike(&pkt, inside, REMOTE1, &ike);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	return source_port(&pkt);
}

/* An IKE SA with a port of its own goes on with it; so does its association,
 * and the remote's next host knows (auto). */
static void test_own_port(void **state)
{
	struct spinat_config config;
	struct spinat_memo memo;
	struct nat *nat;
	struct pkt pkt;
	uint16_t port;
	struct ike ike;
	(void)state;

	nat_config(&config);
	config.ike_ports = SPINAT_IKE_PORTS_REWRITE;
	nat = nat_start(&config);
	port = ike_out_of(nat, INSIDE1, message(1, 0, 34, 0x08, 33));
	assert_in_range(port, PORT_LOW, PORT_HIGH);
	ike = message(1, 0x101, 34, 0x20, 33);
	for (int turn = 0; turn < 2; turn++) {
		uint8_t bytes[1000];
		make_udp(&pkt, REMOTE1, 500, PUBLIC, port, bytes,
		    ike_bytes(&ike, bytes));
		nat_cross(nat, SPINAT_OUTSIDE, &pkt);
		if (turn == 0)
			assert_int_equal(ike_out_of(nat, INSIDE1,
					     message(1, 0x101, 35, 0x08, 46)),
			    port);
		ike = message(1, 0x101, 35, 0x20, 46);
	}
	take(nat);
	memo = kept_of(SPINAT_MEMO_IKE);
	assert_int_equal(memo.state, SPINAT_MEMO_ESTABLISHED);
	assert_int_equal(host16(memo.public_port), port);
	nat_stop(nat);

	config.ike_ports = SPINAT_IKE_PORTS_AUTO;
	nat = nat_start(&config);
	assert_int_equal(spinat_restore(nat->engine, nat->now, &memo), 0);
	assert_int_equal(host16(ike_of(nat, 1).public_port), port);
	assert_int_equal(
	    ike_out_of(nat, INSIDE1, message(1, 0x101, 37, 0x08, 46)), port);
	assert_int_equal(
	    ike_out_of(nat, INSIDE1, message(8, 0x108, 37, 0x08, 46)), port);
	ike = message(9, 0x109, 37, 0x08, 46); /* new cookies, to the port */
	make_ike(&pkt, REMOTE1, PUBLIC, &ike);
	put16(pkt.data + 22, port);
	fix_sums(&pkt);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), INSIDE1);
	assert_int_equal(destination_port(&pkt), 500);
	/* A host on port 500, and then one that knows from the start. */
	establish(nat, INSIDE2, REMOTE1, 2, 4);
	assert_in_range(ike_out_of(nat, INSIDE3, message(3, 0, 34, 0x08, 33)),
	    PORT_LOW, PORT_HIGH);
	/* Nobody can have it beside its association, and that no other. */
	memo.initiator_spi[0]++;
	memo.inside = wire32(INSIDE2);
	assert_int_equal(
	    spinat_restore(nat->engine, nat->now, &memo), -EADDRNOTAVAIL);
	memo.inside = wire32(INSIDE1);
	memo.public_port = wire16(port == PORT_LOW ? PORT_LOW + 1 : port - 1);
	assert_int_equal(
	    spinat_restore(nat->engine, nat->now, &memo), -EADDRNOTAVAIL);
	memo.public_port = wire16(port);
	assert_int_equal(spinat_restore(nat->engine, nat->now, &memo), 0);
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_own_goes_on, journal_set_up, journal_tear_down),
	    cmocka_unit_test_setup_teardown(test_records_come_back_as_they_were,
		journal_set_up, journal_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_tunnels_go_on, journal_set_up, journal_tear_down),
	    cmocka_unit_test_setup_teardown(test_icmp_knows_what_was_sent,
		journal_set_up, journal_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_every_step_is_a_change, journal_set_up, journal_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_restart_at_every_step, journal_set_up, journal_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_hairpin, journal_set_up, journal_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_floated, journal_set_up, journal_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_own_port, journal_set_up, journal_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
