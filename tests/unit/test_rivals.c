/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A remote that serves one peer per address, through the public header: it is
 * recognised, said, and with several public addresses healed.
 */
#include "nat_fixture.h"

#include <errno.h>
#include <string.h>

#define A INSIDE2 /* of two public addresses both have the first */
#define B (INSIDE2 + 2)
#define C INSIDE1 /* ... and this one the second */

enum { INFORMATIONAL = 37, AUTH = 35, INITIATOR = 8, RESPONSE = 32 };

/* A client: its IKE SA, its SPIs, and where it appears. */
struct client {
	uint32_t inside, seen_as;
	uint64_t cookie; /* of the present IKE SA; counts up */
	uint32_t spi, out, in;
};

static struct client client_of(uint32_t inside)
{
	return (struct client){
	    .inside = inside, .cookie = (uint64_t)inside << 32};
}

static struct nat *start(unsigned addresses)
{
	struct spinat_config config;

	nat_config(&config);
	for (unsigned i = 0; i < addresses; i++)
		config.public_addresses[i] = wire32(PUBLIC + i);
	config.public_count = addresses;
	config.max_ike = 256;
	return nat_start(&config);
}

static struct ike message(
    const struct client *client, uint8_t exchange, uint8_t flags, uint32_t id)
{
	return (struct ike){.initiator = client->cookie,
	    .responder = client->cookie + 0x1000,
	    .version = 2,
	    .exchange = exchange,
	    .flags = flags,
	    .next_payload = 46,
	    .message_id = id,
	    .padding = 100};
}

static void ike_out(struct nat *nat, struct client *client, struct ike ike)
{
	struct pkt pkt;

	make_ike(&pkt, client->inside, REMOTE1, &ike);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	client->seen_as = source_of(&pkt);
}

static void ike_in(struct nat *nat, const struct client *client, struct ike ike)
{
	struct pkt pkt;

	make_ike(&pkt, REMOTE1, client->seen_as, &ike);
	assert_int_equal(nat_reach(nat, &pkt), HOST(client->inside));
}

/* The initial request only. */
static void begin(struct nat *nat, struct client *client)
{
	struct ike ike;

	client->cookie++;
	client->spi += 0x10;
	client->out = client->in = 0;
	ike = message(client, 34, INITIATOR, 0);
	ike.responder = 0;
	ike.next_payload = 33;
	ike_out(nat, client, ike);
}

/* ... and what follows, up to the first child SA. */
static void finish(struct nat *nat, struct client *client)
{
	struct ike ike = message(client, 34, RESPONSE, 0);

	ike.next_payload = 33;
	ike_in(nat, client, ike);
	nat_wait(nat, 0.2);
	ike_out(nat, client, message(client, AUTH, INITIATOR, 1));
	nat_wait(nat, 0.2);
	ike_in(nat, client, message(client, AUTH, RESPONSE, 1));
}

static void establish(struct nat *nat, struct client *client)
{
	begin(nat, client);
	nat_wait(nat, 0.2);
	finish(nat, client);
}

static uint32_t spi_of(const struct client *client, uint32_t of)
{
	return of + client->inside % 16 * 0x10000 + client->spi;
}

static void send(struct nat *nat, struct client *client)
{
	struct pkt pkt;

	make_esp(&pkt, client->inside, REMOTE1, spi_of(client, 0xc0000000),
	    ++client->out);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
}

/* What the client sends, and the remote's answer if it is served. */
static bool ping(struct nat *nat, struct client *client, bool served)
{
	struct pkt pkt;

	send(nat, client);
	if (!served)
		return true;
	nat_wait(nat, 0.01);
	make_esp(&pkt, REMOTE1, client->seen_as, spi_of(client, 0xd0000000),
	    ++client->in);
	return (nat_reach(nat, &pkt) & HOST(client->inside)) != 0;
}

/* For so many seconds `served` (NULL: nobody) is, and others send as well. */
static void serve(struct nat *nat, double seconds, struct client *served,
    struct client *other, struct client *third)
{
	for (double t = 0; t < seconds; t += 0.5) {
		if (served != NULL)
			assert_true(ping(nat, served, true));
		nat_wait(nat, 0.11);
		if (other != NULL)
			ping(nat, other, false);
		nat_wait(nat, 0.07);
		if (third != NULL)
			ping(nat, third, false);
		nat_wait(nat, 0.31);
	}
}

/* A and B take each other's place, up to where B is about to begin anew: what
 * it sends then is the sign that the remote is known by. */
static void displace_twice(struct nat *nat, struct client *a, struct client *b)
{
	establish(nat, a);
	serve(nat, 20, a, NULL, NULL);
	establish(nat, b);
	serve(nat, 20, b, a, NULL);
	establish(nat, a);
	serve(nat, 20, a, b, NULL);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_ONE_PEER), 0);
}

static const struct spinat_event *only_event(
    const struct nat *nat, enum spinat_event_kind kind)
{
	const struct spinat_event *found = NULL;

	for (unsigned i = 0; i < nat->event_count; i++)
		if (nat->events[i].kind == kind) {
			assert_null(found);
			found = &nat->events[i];
		}
	assert_non_null(found);
	return found;
}

static struct spinat_peer_info association(
    const struct nat *nat, uint32_t inside, uint32_t public_address)
{
	struct spinat_peer_info info;
	uint32_t cursor = 0;

	while (
	    spinat_next_peer(nat->engine, &cursor, &info) == SPINAT_WALK_FOUND)
		if (host32(info.inside) == inside &&
		    host32(info.public_address) == public_address)
			return info;
	return (struct spinat_peer_info){.id = 0};
}

static void test_recognised(void **state)
{
	struct nat *nat = start(1);
	struct client a = client_of(A), b = client_of(B);
	const struct spinat_event *event;
	struct spinat_peer_info info;
	(void)state;

	displace_twice(nat, &a, &b);
	begin(nat, &b);
	event = only_event(nat, SPINAT_EVENT_ONE_PEER);
	assert_int_equal(event->subject, SPINAT_ABOUT_PEER);
	assert_int_equal(host32(event->about.peer.inside), B);
	assert_int_equal(host32(event->about.peer.remote), REMOTE1);
	assert_int_equal(host32(event->by), A);
	assert_non_null(strstr(event->why, "add an alias_address"));
	info = association(nat, A, PUBLIC);
	assert_int_equal(info.endings, 2);
	assert_int_equal(host32(info.ended), B);
	assert_int_equal(host32(info.rival), A);
	assert_false(info.moved);
	/* Nothing else changes: what B had is there, and new beside it. */
	info = association(nat, B, PUBLIC);
	assert_int_equal(info.ike_count, 2);
	assert_int_equal(info.in_count, 1);
	nat_stop(nat);
}

/* One coincidence is nothing, whatever comes of it later. */
static void test_once_is_nothing(void **state)
{
	struct nat *nat = start(1);
	struct client a = client_of(A), b = client_of(B);
	(void)state;

	establish(nat, &a);
	serve(nat, 20, &a, NULL, NULL);
	establish(nat, &b);
	serve(nat, 20, &b, &a, NULL);
	establish(nat, &a);
	for (int i = 0; i < 60; i++) {
		assert_true(ping(nat, &a, true));
		nat_wait(nat, 0.13);
		assert_true(ping(nat, &b, true));
		nat_wait(nat, 0.37);
	}
	/* It was seen to serve both: one more ending is the first. */
	serve(nat, 20, &a, NULL, NULL);
	establish(nat, &b);
	serve(nat, 20, &b, &a, NULL);
	begin(nat, &a);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_ONE_PEER), 0);
	nat_stop(nat);
}

static void test_said_once_an_hour(void **state)
{
	struct nat *nat = start(1);
	struct client a = client_of(A), b = client_of(B);
	spinat_time first;
	unsigned said = 0;
	(void)state;

	displace_twice(nat, &a, &b);
	first = nat->now;
	for (int i = 0; i < 130; i++) {
		establish(nat, &b);
		serve(nat, 16, &b, &a, NULL);
		establish(nat, &a);
		serve(nat, 16, &a, &b, NULL);
		said += nat_events(nat, SPINAT_EVENT_ONE_PEER);
		if (nat->now - first < 3600 * SPINAT_SECOND)
			assert_int_equal(said, 1);
		nat_forget(nat);
	}
	assert_int_equal(said, 2);
	assert_int_equal(association(nat, A, PUBLIC).endings, 261);
	nat_stop(nat);
}

/* The remote deletes what it ends, and who is told begins anew at once. */
static void test_told(void **state)
{
	struct nat *nat = start(1);
	struct client clients[2] = {client_of(A), client_of(B)};
	(void)state;

	establish(nat, &clients[0]);
	for (int i = 1; i < 16; i++) {
		struct client *one = &clients[i % 2],
			      *other = &clients[!(i % 2)];

		serve(nat, 1, other, NULL, NULL);
		establish(nat, one);
		ike_in(nat, other, message(other, INFORMATIONAL, 0, 0));
		ike_out(nat, other,
		    message(other, INFORMATIONAL, INITIATOR | RESPONSE, 0));
		nat_wait(nat, 1);
	}
	only_event(nat, SPINAT_EVENT_ONE_PEER);
	nat_stop(nat);
}

/* Clients that reboot as the other begins: they send nothing into silence. */
static void test_reboots(void **state)
{
	struct nat *nat = start(1);
	struct client a = client_of(A), b = client_of(B);
	(void)state;

	establish(nat, &a);
	for (int i = 0; i < 10; i++) {
		serve(nat, 20, &a, NULL, NULL);
		establish(nat, &b);
		serve(nat, 20, &b, NULL, NULL);
		establish(nat, &a);
	}
	assert_int_equal(nat_events(nat, SPINAT_EVENT_ONE_PEER), 0);
	nat_stop(nat);
}

/* The remote's own reboots: all fall silent together. */
static void test_remote_reboots(void **state)
{
	struct nat *nat = start(1);
	struct client a = client_of(A), b = client_of(B);
	(void)state;

	for (int i = 0; i < 10; i++) {
		establish(nat, &a);
		establish(nat, &b);
		for (int j = 0; j < 4; j++) {
			assert_true(ping(nat, &a, true));
			nat_wait(nat, 0.4);
			assert_true(ping(nat, &b, true));
			nat_wait(nat, 0.4);
		}
		serve(nat, 2, NULL, &a, &b);
		establish(nat, &b);
		serve(nat, 20, &b, &a, NULL);
	}
	assert_int_equal(nat_events(nat, SPINAT_EVENT_ONE_PEER), 0);
	nat_stop(nat);
}

/* Of two addresses, the one who begins anew gets the other. */
static void test_healed(void **state)
{
	struct nat *nat = start(2);
	struct client a = client_of(A), b = client_of(B), c = client_of(C);
	const struct spinat_event *event;
	struct spinat_peer_info info;
	struct pkt pkt;
	uint64_t copies;
	(void)state;

	displace_twice(nat, &a, &b);
	assert_int_equal(b.seen_as, PUBLIC);
	begin(nat, &b);
	assert_int_equal(a.seen_as, PUBLIC);
	assert_int_equal(b.seen_as, PUBLIC2);
	event = only_event(nat, SPINAT_EVENT_MOVED);
	assert_int_equal(host32(event->about.peer.inside), B);
	assert_int_equal(host32(event->about.peer.public_address), PUBLIC2);
	assert_int_equal(association(nat, B, PUBLIC).id, 0);
	info = association(nat, B, PUBLIC2);
	assert_true(info.moved);
	assert_int_equal(info.endings, 2);
	assert_false(association(nat, A, PUBLIC).moved);
	/* Both are served, each by its own address, for long. */
	finish(nat, &b);
	copies = nat_stats(nat).copies;
	for (int i = 0; i < 40; i++) {
		assert_true(ping(nat, &a, true));
		nat_wait(nat, 0.13);
		assert_true(ping(nat, &b, true));
		nat_wait(nat, 0.37);
	}
	assert_int_equal(nat_stats(nat).copies, copies);
	/* All else of B goes where it went. */
	make_udp(&pkt, B, 1000, REMOTE1, 53, "x", 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), PUBLIC);
	make_esp(&pkt, B, REMOTE2, 0xc0000001, 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), PUBLIC);
	/* A third finds no address free: it stays by its own. */
	begin(nat, &c);
	assert_int_equal(c.seen_as, PUBLIC2);
	only_event(nat, SPINAT_EVENT_MOVED);
	nat_stop(nat);
}

/* Without an address that is free nothing is given up. */
static void test_no_address_left(void **state)
{
	struct nat *nat = start(2);
	struct client a = client_of(A), b = client_of(B), c = client_of(C);
	(void)state;

	establish(nat, &c);
	assert_int_equal(c.seen_as, PUBLIC2);
	displace_twice(nat, &a, &b);
	begin(nat, &b);
	assert_int_equal(b.seen_as, PUBLIC);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_MOVED), 0);
	assert_int_equal(association(nat, B, PUBLIC).ike_count, 2);
	assert_non_null(
	    strstr(only_event(nat, SPINAT_EVENT_ONE_PEER)->why, "more hosts"));
	nat_stop(nat);
}

/* An IKE SA that is rekeyed within the old one begins nothing. */
static void test_rekeyed(void **state)
{
	struct nat *nat = start(1);
	struct client a = client_of(A), b = client_of(B);
	(void)state;

	displace_twice(nat, &a, &b);
	a.cookie += 0x100;
	ike_out(nat, &a, message(&a, INFORMATIONAL, INITIATOR, 0));
	ike_in(nat, &a, message(&a, INFORMATIONAL, RESPONSE, 0));
	assert_int_equal(association(nat, A, PUBLIC).ike_count, 3);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_ONE_PEER), 0);
	begin(nat, &b);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_ONE_PEER), 1);
	nat_stop(nat);
}

/* While it is open whose an SPI is, a host may miss what went to another. */
static void test_not_while_in_probation(void **state)
{
	struct nat *nat = start(1);
	struct client a = client_of(A), b = client_of(B);
	struct pkt pkt;
	(void)state;

	displace_twice(nat, &a, &b);
	make_esp(&pkt, REMOTE1, PUBLIC, 0xe0000000, 1);
	nat_reach(nat, &pkt);
	assert_int_equal(nat_stats(nat).probation, 1);
	begin(nat, &b);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_ONE_PEER), 0);
	nat_stop(nat);
}

/* Who is served is not moved when it begins another IKE SA. */
static void test_served_is_left_alone(void **state)
{
	struct nat *nat = start(4);
	/* All three by the same of four addresses. */
	struct client a = client_of(IP(10, 0, 0, 1)),
		      b = client_of(IP(10, 0, 0, 5)),
		      idle = client_of(IP(10, 0, 0, 9));
	(void)state;

	establish(nat, &idle);
	nat_wait(nat, 30);
	displace_twice(nat, &a, &b);
	establish(nat, &b);
	assert_int_not_equal(b.seen_as, a.seen_as);
	begin(nat, &a);
	assert_int_equal(a.seen_as, idle.seen_as);
	assert_int_equal(association(nat, a.inside, a.seen_as).ike_count, 3);
	/* Who was idle when others began has lost what it had, too. */
	begin(nat, &idle);
	assert_int_not_equal(idle.seen_as, a.seen_as);
	assert_int_not_equal(idle.seen_as, b.seen_as);
	nat_stop(nat);
}

/* What is known of the remote outlives who it was seen by. */
static void test_known_by_every_address(void **state)
{
	struct spinat_config config;
	struct client a = client_of(IP(10, 0, 0, 3)),
		      b = client_of(IP(10, 0, 0, 6)),
		      c = client_of(IP(10, 0, 0, 9));
	uint32_t first;
	struct nat *nat;
	(void)state;

	nat_config(&config);
	for (unsigned i = 0; i < 3; i++)
		config.public_addresses[i] = wire32(PUBLIC + i);
	config.public_count = 3;
	config.timeouts[SPINAT_TIMEOUT_ESP] = 60 * SPINAT_SECOND;
	config.timeouts[SPINAT_TIMEOUT_IKE] = 60 * SPINAT_SECOND;
	nat = nat_start(&config);
	displace_twice(nat, &a, &b);
	first = a.seen_as;
	establish(nat, &b);
	serve(nat, 200, &b, NULL, NULL);
	assert_int_equal(association(nat, a.inside, first).id, 0);
	begin(nat, &c);
	assert_int_equal(c.seen_as, first);
	begin(nat, &a);
	assert_int_not_equal(a.seen_as, first);
	assert_int_not_equal(a.seen_as, b.seen_as);
	nat_stop(nat);
}

/* A host that has nothing yet goes by the address with the fewest. */
static void test_newcomer(void **state)
{
	struct nat *nat = start(4);
	/* All three by the same of four addresses. */
	struct client a = client_of(IP(10, 0, 0, 1)),
		      b = client_of(IP(10, 0, 0, 5)),
		      c = client_of(IP(10, 0, 0, 9));
	uint32_t seen_as;
	(void)state;

	displace_twice(nat, &a, &b);
	begin(nat, &b);
	begin(nat, &c);
	assert_int_not_equal(b.seen_as, a.seen_as);
	assert_int_not_equal(c.seen_as, a.seen_as);
	assert_int_not_equal(c.seen_as, b.seen_as);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_MOVED), 2);
	/* Who is alone there stays, though it has nothing to lose. */
	nat_wait(nat, 1);
	seen_as = c.seen_as;
	begin(nat, &c);
	assert_int_equal(c.seen_as, seen_as);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_MOVED), 2);
	nat_stop(nat);
}

/* What was moved stays there over a restart, its IKE too. */
static void test_restart(void **state)
{
	struct nat *nat = start(2), *next = start(2);
	struct client a = client_of(A), b = client_of(B);
	struct spinat_memo memo;
	(void)state;

	displace_twice(nat, &a, &b);
	establish(nat, &b);
	serve(nat, 5, &b, NULL, NULL);
	next->now = nat->now;
	for (;;) {
		const enum spinat_walk walk =
		    spinat_next_change(nat->engine, nat->now, &memo);
		if (walk == SPINAT_WALK_END)
			break;
		/* (What changed again is handed out again.) */
		if (walk == SPINAT_WALK_FOUND && !memo.gone &&
		    spinat_restore(next->engine, next->now, &memo) != 0)
			assert_int_equal(
			    spinat_restore(next->engine, next->now, &memo),
			    -EEXIST);
	}
	nat_stop(nat);
	ike_out(next, &b, message(&b, INFORMATIONAL, INITIATOR, 2));
	assert_int_equal(b.seen_as, PUBLIC2);
	ike_in(next, &b, message(&b, INFORMATIONAL, RESPONSE, 2));
	assert_true(ping(next, &b, true));
	assert_int_equal(association(next, B, PUBLIC).id, 0);
	nat_stop(next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_recognised),
	    cmocka_unit_test(test_once_is_nothing),
	    cmocka_unit_test(test_said_once_an_hour),
	    cmocka_unit_test(test_told),
	    cmocka_unit_test(test_reboots),
	    cmocka_unit_test(test_remote_reboots),
	    cmocka_unit_test(test_healed),
	    cmocka_unit_test(test_no_address_left),
	    cmocka_unit_test(test_rekeyed),
	    cmocka_unit_test(test_not_while_in_probation),
	    cmocka_unit_test(test_known_by_every_address),
	    cmocka_unit_test(test_served_is_left_alone),
	    cmocka_unit_test(test_newcomer),
	    cmocka_unit_test(test_restart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
