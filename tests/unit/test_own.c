/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IKE and ESP of the gateway itself, beside inside hosts with the same remote:
 * never changed (nat_send() compares what is passed byte by byte), and known
 * for its own.
 */
#include "nat_fixture.h"

#define A INSIDE1
#define B INSIDE2

enum {
	MAIN = 2,
	INIT = 34,
	AUTH = 35,
	CHILD = 36,
	INFORMATIONAL = 37,
	INITIATOR = 8,
	RESPONSE = 32
};

/* --------------------------------------------------------------- packets */

static uint64_t bit_of(uint32_t host)
{
	return host == PUBLIC ? GATEWAY : HOST(host);
}

/* From a host, or from the gateway: crosses, or is passed as its own. */
static void send_out(struct nat *nat, uint32_t host, struct pkt *pkt)
{
	if (host != PUBLIC && host != PUBLIC2) {
		nat_cross(nat, SPINAT_INSIDE, pkt);
		return;
	}
	pkt->flags |= SPINAT_PACKET_OWN;
	nat_expect(
	    nat, SPINAT_INSIDE, pkt, SPINAT_PASSED, SPINAT_REASON_OWN_TRAFFIC);
}

static void esp_out(
    struct nat *nat, uint32_t host, uint32_t spi, uint32_t sequence)
{
	struct pkt pkt;

	make_esp(&pkt, host, REMOTE1, spi, sequence);
	send_out(nat, host, &pkt);
}

static uint64_t esp_in(struct nat *nat, uint32_t spi, uint32_t sequence)
{
	struct pkt pkt;

	make_esp(&pkt, REMOTE1, PUBLIC, spi, sequence);
	return nat_reach(nat, &pkt);
}

static void ike_out(struct nat *nat, uint32_t host, struct ike ike)
{
	struct pkt pkt;

	make_ike(&pkt, host, REMOTE1, &ike);
	send_out(nat, host, &pkt);
}

static uint64_t ike_in(struct nat *nat, struct ike ike)
{
	struct pkt pkt;

	make_ike(&pkt, REMOTE1, PUBLIC, &ike);
	return nat_reach(nat, &pkt);
}

static struct ike message(
    uint64_t cookie, uint8_t exchange, uint8_t flags, uint32_t message_id)
{
	const bool initial = exchange == INIT;

	return (struct ike){.initiator = cookie,
	    .responder = initial && flags == INITIATOR ? 0 : cookie + 0x1000,
	    .version = 2,
	    .exchange = exchange,
	    .flags = flags,
	    .next_payload = initial ? 33 : 46,
	    .message_id = message_id,
	    .padding = 100};
}

/* A cookie for each host. */
static uint64_t cookie_of(uint32_t host)
{
	return 0x1000000000000000 + host;
}

static void exchange(
    struct nat *nat, uint32_t host, uint8_t kind, uint32_t message_id)
{
	ike_out(
	    nat, host, message(cookie_of(host), kind, INITIATOR, message_id));
	nat_wait(nat, 0.01);
	assert_int_equal(
	    ike_in(nat, message(cookie_of(host), kind, RESPONSE, message_id)),
	    bit_of(host));
}

static void establish(struct nat *nat, uint32_t host)
{
	exchange(nat, host, INIT, 0);
	exchange(nat, host, AUTH, 1);
}

/* ---------------------------------------------------------------- looking */

static struct spinat_flow_info flow_of(
    const struct nat *nat, enum spinat_flow_kind kind, uint32_t spi)
{
	struct spinat_flow_info info;
	uint32_t cursor = 0;

	while (
	    spinat_next_flow(nat->engine, &cursor, &info) == SPINAT_WALK_FOUND)
		if (info.kind == kind && host32(info.spi) == spi)
			return info;
	return (struct spinat_flow_info){.state = "gone", .why = ""};
}

static void assert_state(
    const struct nat *nat, uint32_t spi, const char *state, uint32_t host)
{
	const struct spinat_flow_info info =
	    flow_of(nat, SPINAT_FLOW_ESP_IN, spi);

	assert_string_equal(info.state, state);
	assert_int_equal(host32(info.inside.address), host);
}

static bool is_candidate(const struct nat *nat, uint32_t host)
{
	struct spinat_peer_info info;
	uint32_t cursor = 0;

	while (
	    spinat_next_peer(nat->engine, &cursor, &info) == SPINAT_WALK_FOUND)
		if (host32(info.inside) == host)
			return info.candidate;
	return false;
}

/* The owner answers what it gets, at irregular times, until that is known. */
static void converse(
    struct nat *nat, uint32_t owner, uint32_t spi, uint32_t *sequence)
{
	uint64_t random = spi;

	for (unsigned i = 0; i < 60; i++) {
		assert_true(esp_in(nat, spi, ++*sequence) & bit_of(owner));
		nat_wait(nat, 0.002);
		esp_out(nat, owner, ~spi, *sequence);
		nat_wait(nat, 0.02 + 0.001 * test_below(&random, 700));
		if (strcmp(flow_of(nat, SPINAT_FLOW_ESP_IN, spi).state,
			"confirmed") == 0)
			return;
	}
	fail_msg("%x is not confirmed after 60 answers", spi);
}

/* A, B and the gateway, each with a tunnel in use: SPIs 0x1000 and on. */
static struct nat *start(void)
{
	static const uint32_t hosts[] = {PUBLIC, A, B};
	struct nat *nat = nat_start_default();

	for (uint32_t i = 0; i < COUNT_OF(hosts); i++) {
		uint32_t sequence = 0;
		establish(nat, hosts[i]);
		converse(nat, hosts[i], 0x1000 + i, &sequence);
		assert_state(nat, 0x1000 + i, "confirmed", hosts[i]);
		nat_wait(nat, 10);
	}
	nat_wait(nat, 100);
	nat_forget(nat);
	return nat;
}

/* ------------------------------------------------------------------ alone */

static void test_learnt(void **state)
{
	struct nat *nat = nat_start_default();
	struct spinat_ike_info ike;
	struct spinat_flow_info out;
	uint32_t cursor = 0;
	(void)state;

	establish(nat, PUBLIC);
	esp_out(nat, PUBLIC, 0x5000, 1);
	assert_int_equal(
	    spinat_next_ike(nat->engine, &cursor, &ike), SPINAT_WALK_FOUND);
	assert_string_equal(ike.state, "established");
	assert_int_equal(host32(ike.inside), PUBLIC);
	assert_true(ike.inside_initiated);
	assert_int_equal(ike.packets[SPINAT_INSIDE], 2);
	assert_int_equal(ike.packets[SPINAT_OUTSIDE], 2);
	out = flow_of(nat, SPINAT_FLOW_ESP_OUT, 0x5000);
	assert_string_equal(out.state, "paired");
	assert_string_equal(out.why, "learnt from the gateway's own packet");
	assert_int_equal(host32(out.inside.address), PUBLIC);
	assert_true(is_candidate(nat, PUBLIC));
	assert_int_equal(nat_stats(nat).verdicts[SPINAT_TRANSLATED], 0);
	nat_stop(nat);
}

/* The only candidate, deny_incoming or not. */
static void test_alone(void **state)
{
	(void)state;
	for (int deny = 0; deny < 2; deny++) {
		struct spinat_config config;
		struct nat *nat;

		nat_config(&config);
		config.deny_incoming = deny != 0;
		nat = nat_start(&config);
		establish(nat, PUBLIC);
		assert_int_equal(esp_in(nat, 0x2000, 1), GATEWAY);
		esp_out(nat, PUBLIC, 0x5000, 1);
		nat_wait(nat, 0.5);
		assert_int_equal(esp_in(nat, 0x2000, 2), GATEWAY);
		assert_state(nat, 0x2000, "confirmed", PUBLIC);
		/* IKE that it does not know, too. */
		assert_int_equal(
		    ike_in(nat, message(0xcccc, INFORMATIONAL, INITIATOR, 0)),
		    GATEWAY);
		assert_int_equal(
		    ike_in(nat, message(0xdddd, INIT, INITIATOR, 0)), GATEWAY);
		nat_stop(nat);
	}
}

/* Keys set by hand, or SAs older than the daemon: outbound ESP is enough. */
static void test_without_ike(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	esp_out(nat, PUBLIC, 0x5000, 1000);
	assert_string_equal(
	    flow_of(nat, SPINAT_FLOW_ESP_OUT, 0x5000).state, "unpaired");
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(esp_in(nat, 0x2000, 2000 + i), GATEWAY);
		nat_wait(nat, 0.5);
		esp_out(nat, PUBLIC, 0x5000, 1001 + i);
	}
	assert_state(nat, 0x2000, "confirmed", PUBLIC);
	/* An inside host that comes later does not get it. */
	establish(nat, A);
	for (uint32_t i = 1; i < 50; i++) {
		esp_out(nat, A, 0x6000, i);
		assert_int_equal(esp_in(nat, 0x2000, 2005 + i), GATEWAY);
		nat_wait(nat, 0.1);
	}
	assert_int_equal(
	    esp_in(nat, 0x3000, 1), GATEWAY | HOST(A)); /* a new one */
	nat_stop(nat);
}

/* Whoever calls the gateway, and is answered, makes no state. */
static void test_answers_make_no_state(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	struct ike ike;
	(void)state;

	for (uint32_t i = 0; i < 100; i++) {
		ike = message(0xc000 + i, INIT, INITIATOR, 0);
		make_ike(&pkt, REMOTE2 + i, PUBLIC, &ike);
		nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
		    SPINAT_REASON_IKE_UNKNOWN);
		ike = message(0xc000 + i, INIT, RESPONSE, 0);
		make_ike(&pkt, PUBLIC, REMOTE2 + i, &ike);
		send_out(nat, PUBLIC, &pkt);
		ike = message(0xc000 + i, AUTH, RESPONSE, 1);
		make_ike(&pkt, PUBLIC, REMOTE2 + i, &ike);
		send_out(nat, PUBLIC, &pkt);
	}
	assert_int_equal(nat_stats(nat).ike, 0);
	assert_int_equal(nat_stats(nat).peers, 0);
	/* Of a remote that somebody talks to, it is followed. */
	establish(nat, A);
	ike_out(nat, PUBLIC, message(0xeeee, AUTH, RESPONSE, 1));
	assert_int_equal(nat_stats(nat).ike, 2);
	nat_stop(nat);
}

/* -------------------------------------------------------------- together */

static void test_known_is_certain(void **state)
{
	struct nat *nat = start();
	(void)state;

	for (uint32_t i = 0; i < 200; i++) {
		assert_int_equal(esp_in(nat, 0x1000, 1000 + i), GATEWAY);
		assert_int_equal(esp_in(nat, 0x1001, 1000 + i), HOST(A));
		esp_out(nat, PUBLIC, ~UINT32_C(0x1000), 1000 + i);
		nat_wait(nat, 0.1);
	}
	assert_int_equal(
	    ike_in(
		nat, message(cookie_of(PUBLIC), INFORMATIONAL, INITIATOR, 9)),
	    GATEWAY);
	assert_int_equal(
	    ike_in(nat, message(cookie_of(A), INFORMATIONAL, INITIATOR, 9)),
	    HOST(A));
	nat_stop(nat);
}

/* A new SPI, with and without a hint of an exchange. */
static void test_probation(void **state)
{
	static const uint32_t owners[] = {PUBLIC, A, B, PUBLIC};
	(void)state;

	for (int hint = 0; hint < 2; hint++) {
		struct nat *nat = start();
		uint32_t spi = 0x2000;

		for (uint32_t i = 0; i < COUNT_OF(owners); i++) {
			const uint64_t all = GATEWAY | HOST(A) | HOST(B);
			uint32_t sequence = 1;

			if (hint != 0) {
				exchange(nat, owners[i], CHILD, 10 + i);
				nat_wait(nat, 0.2);
			}
			assert_int_equal(esp_in(nat, ++spi, 1), all);
			if (hint != 0)
				assert_state(nat, spi, "probation", owners[i]);
			nat_wait(nat, 0.1);
			converse(nat, owners[i], spi, &sequence);
			assert_state(nat, spi, "confirmed", owners[i]);
			assert_int_equal(
			    esp_in(nat, spi, ++sequence), bit_of(owners[i]));
			nat_wait(nat, 5);
		}
		nat_stop(nat);
	}
}

/* The budget of copies is spent: one host at a time gets it, the gateway in
 * its turn, and always the right one in the end. */
static void test_past_the_budget(void **state)
{
	struct nat *nat = start();
	uint32_t sequence = 0;
	uint64_t single = 0;
	(void)state;

	for (int i = 0; i < 3000; i++) {
		const uint64_t hosts = esp_in(nat, 0x2000, ++sequence);
		if ((hosts & (hosts - 1)) == 0)
			single |= hosts;
		nat_wait(nat, 0.001);
	}
	assert_int_equal(single, GATEWAY | HOST(A) | HOST(B));
	nat_stop(nat);
}

/* A protected message of an IKE SA that was made within another. */
static void test_unknown_cookies(void **state)
{
	struct nat *nat = start();
	struct ike ike = message(0xcccc, INFORMATIONAL, INITIATOR, 0);
	(void)state;

	assert_int_equal(ike_in(nat, ike), GATEWAY | HOST(A) | HOST(B));
	ike.flags = RESPONSE;
	ike_out(nat, PUBLIC, ike);
	ike.flags = INITIATOR;
	assert_int_equal(ike_in(nat, ike), GATEWAY);
	nat_stop(nat);
}

/* Each of the three is asked; who declines in clear makes way. */
static void test_remote_calls(void **state)
{
	struct nat *nat = start();
	uint64_t asked = 0;
	(void)state;

	for (int i = 0; i < 8; i++) {
		const uint64_t one =
		    ike_in(nat, message(0xcccc, INIT, INITIATOR, 0));
		assert_int_equal(one & (one - 1), 0);
		asked |= one;
		nat_wait(nat, 2);
	}
	assert_int_equal(asked, GATEWAY | HOST(A) | HOST(B));
	nat_stop(nat);
}

/* The gateway says, in clear, that an SPI is not its own. */
static void make_refutation(struct pkt *pkt, uint32_t spi)
{
	const uint8_t invalid_spi[] = {0, 0, 0, 12, 3, 0, 0, 11,
	    (uint8_t)(spi >> 24), (uint8_t)(spi >> 16), (uint8_t)(spi >> 8),
	    (uint8_t)spi};
	const struct ike ike = {.initiator = 0xeeee,
	    .version = 2,
	    .exchange = INFORMATIONAL,
	    .flags = INITIATOR,
	    .next_payload = 41,
	    .padding = sizeof invalid_spi};

	make_ike(pkt, PUBLIC, REMOTE1, &ike);
	memcpy(pkt->data + 20 + 8 + 28, invalid_spi, sizeof invalid_spi);
	fix_sums(pkt);
}

/* What it says to a copy that is not its own stays here. */
static void test_provoked(void **state)
{
	struct nat *nat = start();
	struct pkt pkt;
	(void)state;

	exchange(nat, A, CHILD, 2);
	assert_int_equal(esp_in(nat, 0x2000, 1), GATEWAY | HOST(A) | HOST(B));
	make_refutation(&pkt, 0x2000);
	pkt.flags = SPINAT_PACKET_OWN;
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED, SPINAT_REASON_PROVOKED);
	assert_int_equal(esp_in(nat, 0x2000, 2), HOST(A) | HOST(B));
	nat_stop(nat);
}

/* Later fragments go where the first went, copies and all. */
static void test_fragments(void **state)
{
	struct nat *nat = start();
	struct pkt whole, pieces[3];
	uint8_t payload[1200] = {0, 0, 0x20, 0, 0, 0, 0, 1};
	(void)state;

	make_ip(&whole, PROTO_ESP, REMOTE1, PUBLIC, payload, sizeof payload);
	put16(whole.data + 4, 77);
	fix_sums(&whole);
	assert_int_equal(make_fragments(&whole, 800, pieces, 3), 2);
	/* The second comes first: copies of it are made when it is known. */
	nat_expect(
	    nat, SPINAT_OUTSIDE, &pieces[1], SPINAT_HELD, SPINAT_REASON_NONE);
	nat->dropped_later++;
	nat_expect(nat, SPINAT_OUTSIDE, &pieces[0], SPINAT_PASSED,
	    SPINAT_REASON_OWN_TRAFFIC);
	assert_int_equal(nat->emitted, 4);
	nat_expect(nat, SPINAT_OUTSIDE, &pieces[1], SPINAT_PASSED,
	    SPINAT_REASON_OWN_TRAFFIC);
	assert_int_equal(nat->emitted, 6);
	nat_stop(nat);
}

/* --------------------------------------------------------------- mistakes */

/* A public address as the source makes nobody the gateway. */
static void test_source_proves_nothing(void **state)
{
	struct nat *nat = nat_start_default();
	const struct ike ikes[] = {
	    message(0xaaaa, INIT, INITIATOR, 0),
	    message(0xaaaa, AUTH, INITIATOR, 1),
	    message(cookie_of(B), INFORMATIONAL, INITIATOR, 2),
	};
	struct pkt pkt;
	(void)state;

	for (unsigned i = 0; i < COUNT_OF(ikes); i++) {
		make_ike(&pkt, PUBLIC, REMOTE1, &ikes[i]);
		nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED,
		    SPINAT_REASON_OWN_TRAFFIC);
	}
	make_esp(&pkt, PUBLIC, REMOTE1, 0x5000, 1);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_OWN_TRAFFIC);
	/* Nor is an inside host that, whatever the back end takes it for. */
	make_esp(&pkt, A, REMOTE1, 0x5001, 1);
	pkt.flags = SPINAT_PACKET_OWN;
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(nat_stats(nat).ike, 0);
	assert_int_equal(nat_stats(nat).peers, 1);
	assert_false(is_candidate(nat, PUBLIC));
	nat_stop(nat);
}

/* An inside host says what the gateway says. */
static void test_host_takes_nothing(void **state)
{
	struct nat *nat = start();
	struct pkt pkt, quoted;
	(void)state;

	ike_out(nat, A, message(cookie_of(PUBLIC), AUTH, INITIATOR, 1));
	for (uint32_t i = 1; i <= 50; i++) {
		const uint8_t flags = i % 2 != 0 ? INITIATOR : RESPONSE;
		ike_out(nat, A,
		    message(cookie_of(PUBLIC), INFORMATIONAL, flags, i));
		assert_int_equal(
		    ike_in(nat,
			message(cookie_of(PUBLIC), INFORMATIONAL, flags, i)),
		    GATEWAY);
		esp_out(nat, A, ~UINT32_C(0x1000), 5000 + i);
		assert_int_equal(esp_in(nat, 0x1000, 1000 + i), GATEWAY);
		nat_wait(nat, 0.1);
	}
	/* It objects in the gateway's name. */
	make_esp(&quoted, REMOTE1, PUBLIC, 0x1000, 1000);
	make_icmp_error(&pkt, 3, 2, A, REMOTE1, 0, quoted.data, 28);
	nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED,
	    SPINAT_REASON_ICMP_UNRELATED);
	/* ... and with its address. */
	make_refutation(&pkt, 0x1000);
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_OWN_TRAFFIC);
	assert_state(nat, 0x1000, "confirmed", PUBLIC);
	nat_stop(nat);
}

/* An inside host was the first to draw the gateway's cookie. */
static void test_same_cookie(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	ike_out(nat, A, message(cookie_of(PUBLIC), INIT, INITIATOR, 0));
	establish(nat, PUBLIC);
	ike_out(nat, A, message(cookie_of(PUBLIC), AUTH, INITIATOR, 1));
	assert_int_equal(
	    ike_in(
		nat, message(cookie_of(PUBLIC), INFORMATIONAL, INITIATOR, 9)),
	    GATEWAY);
	nat_stop(nat);
}

/* Who forges the remote's address spends its budget, and nothing else. */
static void test_flood(void **state)
{
	struct nat *nat = start();
	unsigned refused = 0;
	struct pkt pkt;
	(void)state;

	for (uint32_t i = 0; i < 500; i++) {
		make_esp(&pkt, REMOTE1, PUBLIC, 0x10000 + i, 1);
		refused += nat_reach(nat, &pkt) == 0;
		nat_forget(nat);
	}
	assert_true(refused > 300);
	assert_int_equal(esp_in(nat, 0x1000, 1000), GATEWAY);
	assert_int_equal(esp_in(nat, 0x1001, 1000), HOST(A));
	nat_stop(nat);
}

/* With a remote that nobody else talks to, the budget takes nothing from the
 * gateway. */
static void test_flood_alone(void **state)
{
	struct nat *nat = nat_start_default();
	(void)state;

	establish(nat, PUBLIC);
	for (uint32_t i = 0; i < 500; i++) {
		assert_int_equal(esp_in(nat, 0x10000 + i, 1), GATEWAY);
		assert_int_equal(
		    ike_in(
			nat, message(0xf000 + i, INFORMATIONAL, INITIATOR, 0)),
		    GATEWAY);
		nat_forget(nat);
	}
	assert_in_range(nat_stats(nat).flows, 1, 200);
	assert_in_range(nat_stats(nat).ike, 1, 200);
	nat_stop(nat);
}

/* Nor does a want of room. */
static void test_no_room(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	struct pkt pkt;
	struct ike ike = message(0xaaaa, INIT, INITIATOR, 0);
	(void)state;

	nat_config(&config);
	config.max_flows = config.max_ike = config.max_peers = 1;
	nat = nat_start(&config);
	esp_out(nat, PUBLIC, 0x5000, 1);
	esp_out(nat, PUBLIC, 0x5001, 1);
	assert_int_equal(esp_in(nat, 0x2000, 1), GATEWAY);
	make_esp(&pkt, PUBLIC, REMOTE2, 0x5002, 1);
	send_out(nat, PUBLIC, &pkt);
	ike_out(nat, PUBLIC, ike);
	ike.initiator++;
	ike_out(nat, PUBLIC, ike);
	assert_int_equal(
	    ike_in(nat, message(0xf000, INFORMATIONAL, INITIATOR, 0)), GATEWAY);
	assert_int_equal(nat_stats(nat).verdicts[SPINAT_DROPPED], 0);
	nat_stop(nat);
}

/* Errors about what it sent are for it, and change nothing. */
static void test_icmp(void **state)
{
	const struct ike ike = message(cookie_of(PUBLIC), CHILD, INITIATOR, 7);
	struct nat *nat = start();
	struct pkt pkt, quoted;
	(void)state;

	make_esp(&quoted, PUBLIC, REMOTE1, ~UINT32_C(0x1000), 1);
	make_icmp_error(&pkt, 3, 4, REMOTE2, PUBLIC, 1400, quoted.data, 28);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
	    SPINAT_REASON_OWN_TRAFFIC);
	make_ike(&quoted, PUBLIC, REMOTE1, &ike);
	for (unsigned quote = 28; quote <= 56; quote += 28) {
		ike_out(nat, PUBLIC, ike);
		make_icmp_error(
		    &pkt, 3, 3, REMOTE1, PUBLIC, 0, quoted.data, quote);
		nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
		    SPINAT_REASON_OWN_TRAFFIC);
	}
	nat_stop(nat);
}

/* ---------------------------------------------------------------- settings */

/* It keeps the address that it has, wherever hosts are put. */
static void test_several_addresses(void **state)
{
	(void)state;
	for (int spread = 0; spread < 2; spread++) {
		struct spinat_config config;
		struct nat *nat;
		struct pkt pkt;
		struct ike ike = message(0xaaaa, INIT, INITIATOR, 0);

		nat_config(&config);
		config.public_addresses[1] = wire32(PUBLIC2);
		config.public_count = 2;
		config.ipsec_spread = spread != 0;
		nat = nat_start(&config);
		make_ike(&pkt, PUBLIC2, REMOTE1, &ike);
		send_out(nat, PUBLIC2, &pkt);
		ike = message(0xaaaa, INIT, RESPONSE, 0);
		make_ike(&pkt, REMOTE1, PUBLIC2, &ike);
		assert_int_equal(nat_reach(nat, &pkt), GATEWAY);
		make_esp(&pkt, PUBLIC2, REMOTE1, 0x5000, 1);
		send_out(nat, PUBLIC2, &pkt);
		make_esp(&pkt, REMOTE1, PUBLIC2, 0x2000, 1);
		assert_int_equal(nat_reach(nat, &pkt), GATEWAY);
		make_esp(&pkt, REMOTE1, PUBLIC, 0x2000, 1);
		assert_int_equal(nat_reach(nat, &pkt), 0);
		/* One public address calls the other: nobody's but its own. */
		make_esp(&pkt, PUBLIC, PUBLIC2, 0x5000, 1);
		send_out(nat, PUBLIC, &pkt);
		assert_int_equal(nat_stats(nat).peers, 1);
		nat_stop(nat);
	}
}

static void test_ipsec_only(void **state)
{
	struct spinat_config config;
	struct nat *nat;
	struct pkt pkt;
	(void)state;

	nat_config(&config);
	config.mode = SPINAT_MODE_IPSEC_ONLY;
	nat = nat_start(&config);
	establish(nat, PUBLIC);
	establish(nat, A);
	assert_int_equal(esp_in(nat, 0x2000, 1), GATEWAY | HOST(A));
	make_udp(&pkt, PUBLIC, 4500, REMOTE1, 4500, "x", 1);
	pkt.flags = SPINAT_PACKET_OWN;
	nat_expect(
	    nat, SPINAT_INSIDE, &pkt, SPINAT_PASSED, SPINAT_REASON_NOT_IPSEC);
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_learnt),
	    cmocka_unit_test(test_alone),
	    cmocka_unit_test(test_without_ike),
	    cmocka_unit_test(test_answers_make_no_state),
	    cmocka_unit_test(test_known_is_certain),
	    cmocka_unit_test(test_probation),
	    cmocka_unit_test(test_past_the_budget),
	    cmocka_unit_test(test_unknown_cookies),
	    cmocka_unit_test(test_remote_calls),
	    cmocka_unit_test(test_provoked),
	    cmocka_unit_test(test_fragments),
	    cmocka_unit_test(test_source_proves_nothing),
	    cmocka_unit_test(test_host_takes_nothing),
	    cmocka_unit_test(test_same_cookie),
	    cmocka_unit_test(test_flood),
	    cmocka_unit_test(test_flood_alone),
	    cmocka_unit_test(test_no_room),
	    cmocka_unit_test(test_icmp),
	    cmocka_unit_test(test_several_addresses),
	    cmocka_unit_test(test_ipsec_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
