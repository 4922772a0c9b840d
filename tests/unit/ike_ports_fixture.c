/* SPDX-License-Identifier: BSD-2-Clause */
#include "ike_ports_fixture.h"

struct ike initial(uint64_t cookie)
{
	return (struct ike){.initiator = cookie,
	    .version = 2,
	    .exchange = SA_INIT,
	    .flags = INITIATOR,
	    .next_payload = 33,
	    .padding = 100};
}

struct ike answer(uint64_t cookie)
{
	struct ike ike = initial(cookie);

	ike.responder = cookie + 1000;
	ike.flags = RESPONSE;
	return ike;
}

struct ike protected_of(
    uint64_t cookie, uint8_t exchange, uint8_t flags, uint32_t message_id)
{
	return (struct ike){.initiator = cookie,
	    .responder = cookie + 1000,
	    .version = 2,
	    .exchange = exchange,
	    .flags = flags,
	    .next_payload = 46,
	    .message_id = message_id,
	    .padding = 200};
}

void make_ike_between(struct pkt *pkt, uint32_t from, uint16_t from_port,
    uint32_t to, uint16_t to_port, const struct ike *ike)
{
	uint8_t message[1500];

	make_udp(pkt, from, from_port, to, to_port, message,
	    ike_bytes(ike, message));
}

uint16_t ike_out_to(
    struct nat *nat, uint32_t inside, uint32_t remote, struct ike ike)
{
	struct pkt pkt, before;

	make_ike(&pkt, inside, remote, &ike);
	before = pkt;
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), PUBLIC);
	assert_int_equal(destination_of(&pkt), remote);
	assert_int_equal(destination_port(&pkt), 500);
	assert_int_equal(pkt.length, before.length);
	assert_memory_equal(
	    pkt.data + 28, before.data + 28, before.length - 28);
	return source_port(&pkt);
}

uint16_t ike_out(struct nat *nat, uint32_t inside, struct ike ike)
{
	return ike_out_to(nat, inside, REMOTE1, ike);
}

void ike_in_from(struct nat *nat, uint32_t remote, uint16_t port,
    uint32_t inside, struct ike ike)
{
	struct pkt pkt, before;

	make_ike_between(&pkt, remote, 500, PUBLIC, port, &ike);
	before = pkt;
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(source_of(&pkt), remote);
	assert_int_equal(source_port(&pkt), 500);
	assert_int_equal(destination_of(&pkt), inside);
	assert_int_equal(destination_port(&pkt), 500);
	assert_memory_equal(
	    pkt.data + 28, before.data + 28, before.length - 28);
	assert_int_equal(nat->emitted, 0);
}

void ike_in(struct nat *nat, uint16_t port, uint32_t inside, struct ike ike)
{
	ike_in_from(nat, REMOTE1, port, inside, ike);
}

void pass_in(struct nat *nat, uint32_t remote, uint16_t port,
    const struct ike *ike, enum spinat_reason why)
{
	struct pkt pkt;

	make_ike_between(&pkt, remote, 500, PUBLIC, port, ike);
	nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED, why);
}

uint16_t establish_with(
    struct nat *nat, uint32_t inside, uint32_t remote, uint64_t cookie)
{
	const uint16_t port = ike_out_to(nat, inside, remote, initial(cookie));

	ike_in_from(nat, remote, port, inside, answer(cookie));
	assert_int_equal(ike_out_to(nat, inside, remote,
			     protected_of(cookie, AUTH, INITIATOR, 1)),
	    port);
	ike_in_from(
	    nat, remote, port, inside, protected_of(cookie, AUTH, RESPONSE, 1));
	return port;
}

uint16_t establish(struct nat *nat, uint32_t inside, uint64_t cookie)
{
	return establish_with(nat, inside, REMOTE1, cookie);
}

struct spinat_ike_info ike_of(const struct nat *nat, uint64_t cookie)
{
	struct spinat_ike_info info;
	uint32_t cursor = 0;

	while (
	    spinat_next_ike(nat->engine, &cursor, &info) == SPINAT_WALK_FOUND)
		if (get32(info.initiator_spi + 4) == (uint32_t)cookie)
			return info;
	fail_msg("no IKE SA has cookie %u", (unsigned)cookie);
	return info;
}

struct nat *start(enum spinat_ike_ports policy)
{
	struct spinat_config config;

	nat_config(&config);
	config.ike_ports = policy;
	return nat_start(&config);
}

struct nat *start_with_one_port(enum spinat_ike_ports policy)
{
	struct spinat_config config;

	nat_config(&config);
	config.ike_ports = policy;
	config.port_low = config.port_high = PORT_LOW;
	return nat_start(&config);
}

void want_own(uint16_t port)
{
	assert_in_range(port, PORT_LOW, PORT_HIGH);
}
