/* SPDX-License-Identifier: BSD-2-Clause */
#include "clients_fixture.h"

uint64_t cookie_of(uint32_t inside)
{
	return 0x1000000000000000 + inside;
}

uint64_t reach_of(uint32_t host)
{
	return host == PUBLIC ? GATEWAY : HOST(host);
}

struct ike message(
    uint64_t cookie, uint8_t exchange, uint8_t flags, uint32_t message_id)
{
	const bool is_initial = exchange == INIT;
	const bool is_first = is_initial && flags == INITIATOR;

	return (struct ike){.initiator = cookie,
	    .responder = is_first ? 0 : cookie + 0x1000,
	    .version = 2,
	    .exchange = exchange,
	    .flags = flags,
	    .next_payload = is_initial ? 33 : 46,
	    .message_id = message_id,
	    .padding = 100};
}

struct ike protected_of(
    uint32_t inside, uint8_t exchange, uint8_t flags, uint32_t message_id)
{
	return message(cookie_of(inside), exchange, flags, message_id);
}

struct ike initial(uint64_t cookie)
{
	return message(cookie, INIT, INITIATOR, 0);
}

void send_out(struct nat *nat, uint32_t host, struct pkt *pkt)
{
	if (host != PUBLIC && host != PUBLIC2) {
		nat_cross(nat, SPINAT_INSIDE, pkt);
		return;
	}
	pkt->flags |= SPINAT_PACKET_OWN;
	nat_expect(
	    nat, SPINAT_INSIDE, pkt, SPINAT_PASSED, SPINAT_REASON_OWN_TRAFFIC);
}

void ike_out(struct nat *nat, uint32_t inside, struct ike ike)
{
	struct pkt pkt;

	make_ike(&pkt, inside, REMOTE1, &ike);
	send_out(nat, inside, &pkt);
}

uint64_t ike_in(struct nat *nat, struct ike ike)
{
	struct pkt pkt;

	make_ike(&pkt, REMOTE1, PUBLIC, &ike);
	return nat_reach(nat, &pkt);
}

void exchange(
    struct nat *nat, uint32_t inside, uint8_t kind, uint32_t message_id)
{
	const uint64_t cookie = cookie_of(inside);

	ike_out(nat, inside, message(cookie, kind, INITIATOR, message_id));
	nat_wait(nat, 0.01);
	assert_int_equal(
	    ike_in(nat, message(cookie, kind, RESPONSE, message_id)),
	    reach_of(inside));
}

struct ike rekeyed(uint8_t flags)
{
	struct ike ike = protected_of(A, INFORMATIONAL, flags, 0);

	ike.initiator = 0xaaaaaaaa;
	ike.responder = 0xbbbbbbbb;
	return ike;
}

uint32_t only_host(uint64_t hosts)
{
	assert_int_equal(__builtin_popcountll(hosts), 1);
	return IP(10, 0, 0, __builtin_ctzll(hosts));
}

void establish(struct nat *nat, uint32_t inside)
{
	exchange(nat, inside, INIT, 0);
	exchange(nat, inside, AUTH, 1);
}

uint64_t esp_in(struct nat *nat, uint32_t spi, uint32_t sequence)
{
	struct pkt pkt;

	make_esp(&pkt, REMOTE1, PUBLIC, spi, sequence);
	return nat_reach(nat, &pkt);
}

uint32_t leader(struct nat *nat, uint32_t spi, uint32_t sequence)
{
	struct pkt pkt;

	make_esp(&pkt, REMOTE1, PUBLIC, spi, sequence);
	assert_int_not_equal(nat_reach(nat, &pkt), 0);
	return destination_of(&pkt);
}

void esp_out(struct nat *nat, uint32_t inside, uint32_t spi, uint32_t sequence)
{
	struct pkt pkt;

	make_esp(&pkt, inside, REMOTE1, spi, sequence);
	send_out(nat, inside, &pkt);
}

struct spinat_flow_info flow_of_kind(
    const struct nat *nat, enum spinat_flow_kind kind, uint32_t spi)
{
	struct spinat_flow_info info;
	uint32_t cursor = 0;

	while (nat_next_flow(nat, &cursor, &info))
		if (info.kind == kind && host32(info.spi) == spi)
			return info;
	return (struct spinat_flow_info){.state = "gone", .why = ""};
}

struct spinat_flow_info flow_of(const struct nat *nat, uint32_t spi)
{
	return flow_of_kind(nat, SPINAT_FLOW_ESP_IN, spi);
}

void assert_state(
    const struct nat *nat, uint32_t spi, const char *state, uint32_t inside)
{
	const struct spinat_flow_info info = flow_of(nat, spi);

	assert_string_equal(info.state, state);
	assert_int_equal(host32(info.inside.address), inside);
}

void converse(struct nat *nat, uint32_t owner, uint32_t spi, uint32_t *sequence)
{
	uint64_t random = spi;

	for (unsigned i = 0; i < 60; i++) {
		assert_true(esp_in(nat, spi, ++*sequence) & reach_of(owner));
		nat_wait(nat, 0.002);
		esp_out(nat, owner, ~spi, *sequence);
		nat_wait(nat, 0.02 + 0.001 * test_below(&random, 700));
		if (strcmp(flow_of(nat, spi).state, "confirmed") == 0)
			return;
	}
	fail_msg("%x is %s after 60 answers", spi, flow_of(nat, spi).state);
}

/* A tunnel in use. */
static void start_tunnel(struct nat *nat, uint32_t host, uint32_t spi)
{
	uint32_t sequence = 0;

	establish(nat, host);
	converse(nat, host, spi, &sequence);
	assert_state(nat, spi, "confirmed", host);
	nat_wait(nat, 10);
}

void bring_up(struct nat *nat, unsigned clients)
{
	for (uint32_t n = 1; n <= clients; n++)
		start_tunnel(nat, IP(10, 0, 0, n), 0x1000 + n);
	nat_wait(nat, 100);
	nat_forget(nat);
}

struct nat *start(unsigned clients)
{
	struct nat *nat = nat_start_default();

	bring_up(nat, clients);
	return nat;
}

struct nat *start_with_gateway(unsigned clients)
{
	struct nat *nat = nat_start_default();

	start_tunnel(nat, PUBLIC, 0x1000);
	bring_up(nat, clients);
	return nat;
}

void make_notify(struct pkt *pkt, uint32_t inside, uint8_t version,
    uint8_t type, uint64_t initiator, uint64_t responder, const uint32_t *spi)
{
	const size_t doi = version == 1 ? 4 : 0;
	const struct ike ike = {
	    .initiator = initiator,
	    .responder = responder,
	    .version = version,
	    .exchange = version == 1 ? 5 : INFORMATIONAL,
	    .next_payload = version == 1 ? 11 : 41,
	    .flags = version == 1 ? 0 : RESPONSE,
	    .padding = (uint16_t)(8 + doi + (spi == NULL ? 0 : 4)),
	};
	uint8_t bytes[100];
	const size_t length = ike_bytes(&ike, bytes);
	uint8_t *notify = bytes + 28;

	memset(notify, 0, length - 28);
	notify[3] = (uint8_t)(length - 28);
	notify[4 + doi] = 3;
	notify[5 + doi] = spi == NULL ? 0 : 4;
	notify[7 + doi] = type;
	if (spi != NULL)
		put32(notify + 8 + doi, *spi);
	make_udp(pkt, inside, 500, REMOTE1, 500, bytes, length);
}

void provoked(struct nat *nat, struct pkt *pkt)
{
	nat_expect(
	    nat, SPINAT_INSIDE, pkt, SPINAT_DROPPED, SPINAT_REASON_PROVOKED);
}

void share(struct nat *nat, struct sequences *sequences)
{
	uint64_t random = 1;

	*sequences = (struct sequences){.of_a = 1000};
	for (; sequences->of_a < 9000; sequences->of_a += 100)
		assert_int_equal(esp_in(nat, 0x1001, sequences->of_a), HOST(A));
	exchange(nat, B, CHILD, 2);
	for (int i = 0; i < 60; i++) {
		const uint64_t hosts = esp_in(nat, 0x1001, ++sequences->of_b);
		assert_true((hosts & HOST(B)) != 0);
		nat_wait(nat, 0.002);
		esp_out(nat, B, 0x4000, sequences->of_b);
		nat_wait(nat, 0.02 + 0.001 * test_below(&random, 500));
	}
	assert_string_equal(flow_of(nat, 0x1001).state, "shared");
}

void assert_shared(struct nat *nat, struct sequences *sequences)
{
	for (int i = 0; i < 300; i++) {
		assert_int_equal(
		    esp_in(nat, 0x1001, ++sequences->of_b), HOST(A) | HOST(B));
		assert_int_equal(
		    esp_in(nat, 0x1001, ++sequences->of_a), HOST(A) | HOST(B));
	}
}
