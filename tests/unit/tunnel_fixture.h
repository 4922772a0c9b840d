/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tunnels, packet by packet, each of which must cross to the host it is for;
 * and what is shown of them.
 */
#ifndef SPINAT_TESTS_TUNNEL_FIXTURE_H
#define SPINAT_TESTS_TUNNEL_FIXTURE_H

#include "nat_fixture.h"

#define HOUR 3600.0

void send_ike(struct nat *nat, enum spinat_side side, uint32_t inside,
    uint32_t remote, const struct ike *ike);
struct ike message(uint64_t initiator, uint64_t responder, uint8_t exchange,
    uint8_t flags, uint8_t next_payload);
/** IKE up to an established SA, in `steps` of four messages. */
void establish(struct nat *nat, uint32_t inside, uint32_t remote,
    uint64_t initiator, unsigned steps);
void esp_out(struct nat *nat, uint32_t inside, uint32_t remote, uint32_t spi,
    uint32_t sequence);
void esp_in(struct nat *nat, uint32_t remote, uint32_t inside, uint32_t spi,
    uint32_t sequence);
/** To the tick of 134 ms, twice rounded. */
void assert_near(spinat_time got, spinat_time expected);
struct spinat_flow_info flow_of(const struct nat *nat, uint32_t spi);
struct spinat_ike_info ike_of(const struct nat *nat, uint64_t initiator);

#endif
