/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long things live: never ended early, ended soon after, once, with the
 * right reason, wherever the clock stands.
 */
#include "nat_fixture.h"

/* Ticks are 134 ms, and a span is rounded up by at most two. */
#define SLACK 0.5

static void expect_life(
    struct nat *nat, enum spinat_timeout timeout, enum spinat_reason reason)
{
	const double seconds =
	    (double)nat->config.timeouts[timeout] / (double)SPINAT_SECOND;
	const uint64_t before = nat_stats(nat).reasons[reason];

	nat_forget(nat);
	nat_wait(nat, seconds - 0.001);
	assert_int_equal(nat_stats(nat).flows, 1);
	assert_int_equal(nat->event_count, 0);
	nat_wait(nat, SLACK);
	assert_int_equal(nat_stats(nat).flows, 0);
	assert_int_equal(nat->event_count, 1);
	assert_int_equal(nat->events[0].kind, SPINAT_EVENT_EXPIRED);
	assert_int_equal(nat->events[0].reason, reason);
	assert_int_equal(nat->events[0].subject, SPINAT_ABOUT_FLOW);
	assert_true(nat_stats(nat).reasons[reason] == before + 1);
	assert_true(spinat_run_timers(nat->engine, nat->now) == SPINAT_NEVER);
}

static void udp(struct nat *nat)
{
	struct pkt pkt;

	make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, "x", 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
}

static void tcp_out(struct nat *nat, uint8_t flags)
{
	struct pkt pkt;

	make_tcp(&pkt, INSIDE1, 4000, REMOTE1, 80, flags, NULL, 0);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
}

static void tcp_in(struct nat *nat, uint8_t flags)
{
	struct pkt pkt;

	make_tcp(&pkt, REMOTE1, 80, PUBLIC,
	    host16(nat_only_flow(nat).public_end.port), flags, NULL, 0);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
}

static void establish(struct nat *nat)
{
	tcp_out(nat, SYN);
	tcp_in(nat, SYN | ACK);
	tcp_out(nat, ACK);
}

static void test_defaults(void **state)
{
	struct spinat_config config;
	(void)state;

	spinat_config_init(&config);
	/* RFC 4787 REQ-5, RFC 5382 REQ-5, RFC 5508 REQ-2. */
	assert_true(config.timeouts[SPINAT_TIMEOUT_UDP] >= 120 * SPINAT_SECOND);
	assert_true(
	    config.timeouts[SPINAT_TIMEOUT_TCP] >= 7440 * SPINAT_SECOND);
	assert_true(
	    config.timeouts[SPINAT_TIMEOUT_TCP_OPENING] >= 240 * SPINAT_SECOND);
	assert_true(config.timeouts[SPINAT_TIMEOUT_ICMP] >= 60 * SPINAT_SECOND);
}

static void test_udp(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	udp(nat);
	for (int i = 0; i < 10; i++) {
		nat_wait(nat, 299);
		udp(nat); /* every packet begins it anew */
	}
	expect_life(nat, SPINAT_TIMEOUT_UDP, SPINAT_REASON_IDLE);
	nat_stop(nat);
}

static void test_icmp_and_other(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	(void)state;

	make_echo(&pkt, 8, INSIDE1, REMOTE1, 77, 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	expect_life(nat, SPINAT_TIMEOUT_ICMP, SPINAT_REASON_IDLE);
	nat_stop(nat);
	nat = nat_start_default();
	make_ip(&pkt, PROTO_GRE, INSIDE1, REMOTE1, NULL, 0);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	expect_life(nat, SPINAT_TIMEOUT_OTHER, SPINAT_REASON_IDLE);
	nat_stop(nat);
}

static void test_tcp_states(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	tcp_out(nat, SYN);
	expect_life(nat, SPINAT_TIMEOUT_TCP_OPENING, SPINAT_REASON_IDLE);
	nat_stop(nat);

	nat = nat_start_default();
	establish(nat);
	expect_life(nat, SPINAT_TIMEOUT_TCP, SPINAT_REASON_IDLE);
	nat_stop(nat);

	/* Half closed may last as long. */
	nat = nat_start_default();
	establish(nat);
	tcp_in(nat, FIN | ACK);
	expect_life(nat, SPINAT_TIMEOUT_TCP, SPINAT_REASON_IDLE);
	nat_stop(nat);

	nat = nat_start_default();
	establish(nat);
	nat_wait(nat, 1000);
	tcp_in(nat, FIN | ACK);
	tcp_out(nat, FIN | ACK);
	expect_life(nat, SPINAT_TIMEOUT_TCP_CLOSING, SPINAT_REASON_CLOSED);
	nat_stop(nat);

	nat = nat_start_default();
	establish(nat);
	nat_wait(nat, 1000);
	tcp_in(nat, RST);
	expect_life(nat, SPINAT_TIMEOUT_TCP_RESET, SPINAT_REASON_CLOSED);
	nat_stop(nat);

	/* A RST that was not believed. */
	nat = nat_start_default();
	establish(nat);
	tcp_in(nat, RST);
	nat_wait(nat, 5);
	tcp_out(nat, ACK);
	expect_life(nat, SPINAT_TIMEOUT_TCP, SPINAT_REASON_IDLE);
	nat_stop(nat);
}

/* A new SYN on the ports of a half-closed one: only an opening again. */
static void test_tcp_reopened(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	establish(nat);
	tcp_in(nat, FIN | ACK);
	nat_wait(nat, 1000);
	tcp_out(nat, SYN);
	expect_life(nat, SPINAT_TIMEOUT_TCP_OPENING, SPINAT_REASON_IDLE);
	nat_stop(nat);
}

static void test_esp_unpaired(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	(void)state;

	make_esp(&pkt, INSIDE1, REMOTE1, 0x1000, 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	expect_life(nat, SPINAT_TIMEOUT_ESP_UNPAIRED, SPINAT_REASON_IDLE);
	assert_int_equal(nat_stats(nat).peers, 0);
	nat_stop(nat);
}

static void test_esp_paired(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	(void)state;

	make_esp(&pkt, INSIDE1, REMOTE1, 0x1000, 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	/* Until the host has answered, what comes in keeps nothing alive. */
	make_esp(&pkt, REMOTE1, PUBLIC, 0x2000, 1);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	nat_wait(nat, 100);
	make_esp(&pkt, REMOTE1, PUBLIC, 0x2000, 2);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	nat_wait(nat, 30);
	assert_int_equal(nat_stats(nat).flows, 1);
	for (uint32_t i = 1; i <= 3; i++) {
		make_esp(&pkt, REMOTE1, PUBLIC, 0x3000, i);
		nat_cross(nat, SPINAT_OUTSIDE, &pkt);
		make_esp(&pkt, INSIDE1, REMOTE1, 0x1000, 1 + i);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
		nat_wait(nat, 0.01);
	}
	nat_wait(nat, 25 * 3600.0 - 0.02);
	assert_int_equal(nat_stats(nat).flows, 2);
	nat_wait(nat, SLACK);
	assert_int_equal(nat_stats(nat).flows, 0);
	nat_stop(nat);
}

static void test_ike(void **state)
{
	static const double lives[] = {30, 300, 25 * 3600.0};
	(void)state;

	for (int messages = 1; messages <= 3; messages++) {
		struct nat *nat = nat_start_default();
		struct ike ike = {
		    .initiator = 7, .version = 2, .exchange = 34, .flags = 8};
		struct pkt pkt;

		make_ike(&pkt, INSIDE1, REMOTE1, &ike);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
		ike.responder = 8;
		if (messages >= 2) {
			make_ike(&pkt, REMOTE1, PUBLIC, &ike);
			nat_cross(nat, SPINAT_OUTSIDE, &pkt);
		}
		if (messages >= 3) {
			ike.next_payload = 46;
			make_ike(&pkt, INSIDE1, REMOTE1, &ike);
			nat_cross(nat, SPINAT_INSIDE, &pkt);
			make_ike(&pkt, REMOTE1, PUBLIC, &ike);
			nat_cross(nat, SPINAT_OUTSIDE, &pkt);
		}
		nat_forget(nat);
		nat_wait(nat, lives[messages - 1] - 0.001);
		assert_int_equal(nat_stats(nat).ike, 1);
		nat_wait(nat, SLACK);
		assert_int_equal(nat_stats(nat).ike, 0);
		assert_int_equal(nat->event_count, 1);
		assert_int_equal(nat->events[0].subject, SPINAT_ABOUT_IKE);
		assert_int_equal(nat_stats(nat).peers, 0);
		nat_stop(nat);
	}
}

/* What a walk says of the end comes true. */
static void test_expires_is_true(void **state)
{
	struct nat *nat = nat_start_default();
	spinat_time expires;
	(void)state;

	establish(nat);
	nat_wait(nat, 17);
	tcp_out(nat, ACK);
	expires = nat_only_flow(nat).expires;
	assert_true(expires >= nat->now + 7440 * SPINAT_SECOND);
	nat_wait(nat, (double)(expires - nat->now - 1) / 1e9);
	assert_int_equal(nat_stats(nat).flows, 1);
	nat_wait(nat, SLACK);
	assert_int_equal(nat_stats(nat).flows, 0);
	nat_stop(nat);
}

/* A clock that starts anywhere gives the same life: at 0, from 1970 on, and
 * where 32 bits of ticks wrap. */
static void test_clocks(void **state)
{
	static const spinat_time starts[] = {0,
	    (INT64_C(1) << 51) - 100 * SPINAT_SECOND,  /* 24 bits of ticks */
	    (INT64_C(1) << 58) - 1000 * SPINAT_SECOND, /* 31 bits */
	    (INT64_C(1) << 59) - 100 * SPINAT_SECOND,  /* 32 bits */
	    INT64_C(1500000000) * SPINAT_SECOND,
	    INT64_C(1729382000) * SPINAT_SECOND, /* the third wrap: 2024 */
	    INT64_C(1795000000) * SPINAT_SECOND};
	(void)state;

	for (size_t s = 0; s < COUNT_OF(starts); s++) {
		struct spinat_config config;
		const struct ike ike = {
		    .initiator = 7, .version = 2, .exchange = 34, .flags = 8};
		struct pkt pkt;
		struct nat *nat;
		spinat_time next;

		nat_config(&config);
		nat = nat_start_at(&config, starts[s]);
		assert_true(
		    spinat_run_timers(nat->engine, nat->now) == SPINAT_NEVER);
		udp(nat); /* its timer may lie behind the wrap */
		make_ike(&pkt, INSIDE1, REMOTE1, &ike);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
		next = spinat_run_timers(nat->engine, nat->now);
		assert_true(next > nat->now);
		assert_true(next <= nat->now + 31 * SPINAT_SECOND);
		nat_wait(nat, 29.9);
		assert_int_equal(nat_stats(nat).ike, 1);
		nat_wait(nat, SLACK + 0.1);
		assert_int_equal(nat_stats(nat).ike, 0);
		udp(nat);
		assert_true(nat_only_flow(nat).last_seen[0] <= nat->now);
		assert_true(
		    nat_only_flow(nat).last_seen[0] > nat->now - SPINAT_SECOND);
		assert_true(nat_only_flow(nat).last_seen[1] == 0);
		assert_true(
		    nat_only_flow(nat).created > nat->now - 40 * SPINAT_SECOND);
		expect_life(nat, SPINAT_TIMEOUT_UDP, SPINAT_REASON_IDLE);
		nat_stop(nat);
	}
}

/* Time that goes back stands still. */
static void test_time_going_back(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	udp(nat);
	(void)spinat_run_timers(nat->engine, nat->now - 500 * SPINAT_SECOND);
	assert_int_equal(nat_stats(nat).flows, 1);
	expect_life(nat, SPINAT_TIMEOUT_UDP, SPINAT_REASON_IDLE);
	nat_stop(nat);
}

/* Timers are run between bursts too, if the caller does nothing else. */
static void test_packets_run_timers(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	(void)state;

	for (uint16_t port = 1000; port < 1500; port++) {
		make_udp(&pkt, INSIDE1, port, REMOTE1, 53, "x", 1);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
	}
	nat->now += 400 * SPINAT_SECOND;
	for (int i = 0; i < 20; i++)
		udp(nat);
	assert_int_equal(nat_stats(nat).flows, 1);
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_udp),
	    cmocka_unit_test(test_icmp_and_other),
	    cmocka_unit_test(test_tcp_states),
	    cmocka_unit_test(test_tcp_reopened),
	    cmocka_unit_test(test_esp_unpaired),
	    cmocka_unit_test(test_esp_paired),
	    cmocka_unit_test(test_ike),
	    cmocka_unit_test(test_expires_is_true),
	    cmocka_unit_test(test_clocks),
	    cmocka_unit_test(test_time_going_back),
	    cmocka_unit_test(test_packets_run_timers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
