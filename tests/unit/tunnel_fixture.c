/* SPDX-License-Identifier: BSD-2-Clause */
#include "tunnel_fixture.h"

const struct ike init_request = {
    .initiator = 0x1111222233334444,
    .version = 2,
    .exchange = 34,
    .flags = 0x08,
    .next_payload = 33,
    .padding = 100,
};

void ike_out(
    struct nat *nat, uint32_t inside, uint32_t remote, const struct ike *ike)
{
	struct pkt pkt, before;

	make_ike(&pkt, inside, remote, ike);
	before = pkt;
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), PUBLIC);
	assert_int_equal(source_port(&pkt), 500);
	assert_int_equal(destination_port(&pkt), 500);
	assert_memory_equal(
	    pkt.data + 28, before.data + 28, before.length - 28);
}

void ike_in(
    struct nat *nat, uint32_t remote, uint32_t inside, const struct ike *ike)
{
	struct pkt pkt;

	make_ike(&pkt, remote, PUBLIC, ike);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(source_of(&pkt), remote);
	assert_int_equal(destination_of(&pkt), inside);
	assert_int_equal(destination_port(&pkt), 500);
}

void send_ike(struct nat *nat, enum spinat_side side, uint32_t inside,
    uint32_t remote, const struct ike *ike)
{
	if (side == SPINAT_INSIDE)
		ike_out(nat, inside, remote, ike);
	else
		ike_in(nat, remote, inside, ike);
}

struct ike message(uint64_t initiator, uint64_t responder, uint8_t exchange,
    uint8_t flags, uint8_t next_payload)
{
	return (struct ike){.initiator = initiator,
	    .responder = responder,
	    .version = 2,
	    .exchange = exchange,
	    .flags = flags,
	    .next_payload = next_payload,
	    .padding = 100};
}

struct ike init_response(uint64_t responder)
{
	return message(init_request.initiator, responder, 34, 0x20, 33);
}

struct ike protected_message(
    uint64_t initiator, uint64_t responder, uint8_t exchange, uint8_t flags)
{
	return message(initiator, responder, exchange, flags, 46);
}

void establish_between(struct nat *nat, uint32_t inside, uint32_t remote,
    uint64_t initiator, uint64_t responder, unsigned steps)
{
	const struct ike messages[] = {
	    message(initiator, 0, 34, 0x08, 33),
	    message(initiator, responder, 34, 0x20, 33),
	    protected_message(initiator, responder, 35, 0x08),
	    protected_message(initiator, responder, 35, 0x20),
	};

	for (unsigned i = 0; i < steps; i++)
		send_ike(nat, i % 2 == 0 ? SPINAT_INSIDE : SPINAT_OUTSIDE,
		    inside, remote, &messages[i]);
}

void establish(struct nat *nat, uint32_t inside, uint32_t remote,
    uint64_t initiator, unsigned steps)
{
	establish_between(
	    nat, inside, remote, initiator, initiator + 0x100, steps);
}

void esp_out(struct nat *nat, uint32_t inside, uint32_t remote, uint32_t spi,
    uint32_t sequence)
{
	struct pkt pkt;

	make_esp(&pkt, inside, remote, spi, sequence);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), PUBLIC);
	assert_int_equal(get32(pkt.data + 20), spi);
}

void esp_in(struct nat *nat, uint32_t remote, uint32_t inside, uint32_t spi,
    uint32_t sequence)
{
	struct pkt pkt;

	make_esp(&pkt, remote, PUBLIC, spi, sequence);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), inside);
	assert_int_equal(source_of(&pkt), remote);
}

void pass_in(struct nat *nat, struct pkt *pkt, enum spinat_reason why)
{
	nat_expect(nat, SPINAT_OUTSIDE, pkt, SPINAT_PASSED, why);
}

void assert_near(spinat_time got, spinat_time expected)
{
	assert_in_range(got - expected + SPINAT_SECOND / 2, 0, SPINAT_SECOND);
}

struct spinat_flow_info flow_of(const struct nat *nat, uint32_t spi)
{
	struct spinat_flow_info info;
	uint32_t cursor = 0;

	while (nat_next_flow(nat, &cursor, &info))
		if (host32(info.spi) == spi)
			return info;
	fail_msg("there is no SPI 0x%x", spi);
	return info;
}

struct spinat_ike_info ike_of(const struct nat *nat, uint64_t initiator)
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

struct spinat_ike_info only_ike(const struct nat *nat)
{
	struct spinat_ike_info info, more;
	uint32_t cursor = 0;

	assert_int_equal(
	    spinat_next_ike(nat->engine, &cursor, &info), SPINAT_WALK_FOUND);
	assert_int_equal(
	    spinat_next_ike(nat->engine, &cursor, &more), SPINAT_WALK_END);
	return info;
}

struct spinat_peer_info only_peer(const struct nat *nat)
{
	struct spinat_peer_info info, more;
	uint32_t cursor = 0;

	assert_int_equal(
	    spinat_next_peer(nat->engine, &cursor, &info), SPINAT_WALK_FOUND);
	assert_int_equal(
	    spinat_next_peer(nat->engine, &cursor, &more), SPINAT_WALK_END);
	return info;
}
