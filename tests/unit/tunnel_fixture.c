/* SPDX-License-Identifier: BSD-2-Clause */
#include "tunnel_fixture.h"

void send_ike(struct nat *nat, enum spinat_side side, uint32_t inside,
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

void establish(struct nat *nat, uint32_t inside, uint32_t remote,
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

void esp_out(struct nat *nat, uint32_t inside, uint32_t remote, uint32_t spi,
    uint32_t sequence)
{
	struct pkt pkt;

	make_esp(&pkt, inside, remote, spi, sequence);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_of(&pkt), PUBLIC);
}

void esp_in(struct nat *nat, uint32_t remote, uint32_t inside, uint32_t spi,
    uint32_t sequence)
{
	struct pkt pkt;

	make_esp(&pkt, remote, PUBLIC, spi, sequence);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), inside);
}

void assert_near(spinat_time got, spinat_time expected)
{
	assert_in_range(got - expected + SPINAT_SECOND / 2, 0, SPINAT_SECOND);
}

struct spinat_flow_info flow_of(const struct nat *nat, uint32_t spi)
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
