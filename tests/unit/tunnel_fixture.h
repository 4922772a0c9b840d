/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tunnels, packet by packet, each of which must cross to the host it is for;
 * and what is shown of them.
 */
#ifndef SPINAT_TESTS_TUNNEL_FIXTURE_H
#define SPINAT_TESTS_TUNNEL_FIXTURE_H

#include "nat_fixture.h"

#define HOUR 3600.0

/** The first message of an IKE SA. */
extern const struct ike init_request;
/** ... and its answer. */
struct ike init_response(uint64_t responder);
/** `flags` 0x08: from the initiator, 0x20: a response. */
struct ike message(uint64_t initiator, uint64_t responder, uint8_t exchange,
    uint8_t flags, uint8_t next_payload);
/** ... that is encrypted. */
struct ike protected_message(
    uint64_t initiator, uint64_t responder, uint8_t exchange, uint8_t flags);
/** From port 500 to port 500, and so it must arrive. */
void ike_out(
    struct nat *nat, uint32_t inside, uint32_t remote, const struct ike *ike);
void ike_in(
    struct nat *nat, uint32_t remote, uint32_t inside, const struct ike *ike);
/** The one or the other. */
void send_ike(struct nat *nat, enum spinat_side side, uint32_t inside,
    uint32_t remote, const struct ike *ike);
/** IKE up to an established SA, in `steps` of four messages; its responder's
 * cookie is 0x100 more. */
void establish(struct nat *nat, uint32_t inside, uint32_t remote,
    uint64_t initiator, unsigned steps);
/** ... with any cookies. */
void establish_between(struct nat *nat, uint32_t inside, uint32_t remote,
    uint64_t initiator, uint64_t responder, unsigned steps);
void esp_out(struct nat *nat, uint32_t inside, uint32_t remote, uint32_t spi,
    uint32_t sequence);
void esp_in(struct nat *nat, uint32_t remote, uint32_t inside, uint32_t spi,
    uint32_t sequence);
/** Sends what is nobody's inside, for this reason. */
void pass_in(struct nat *nat, struct pkt *pkt, enum spinat_reason why);
/** To the tick of 134 ms, twice rounded. */
void assert_near(spinat_time got, spinat_time expected);
struct spinat_flow_info flow_of(const struct nat *nat, uint32_t spi);
struct spinat_ike_info ike_of(const struct nat *nat, uint64_t initiator);
/** The only IKE SA, the only pair of host and remote there is. */
struct spinat_ike_info only_ike(const struct nat *nat);
struct spinat_peer_info only_peer(const struct nat *nat);

#endif
