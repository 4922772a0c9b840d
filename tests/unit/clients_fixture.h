/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several clients of one gateway, REMOTE1: IKE up to a child SA, exchanges, ESP
 * each way, and conversations that tell whose an SPI is.  A host that is PUBLIC
 * is our own gateway, which has tunnels with REMOTE1 like its clients.
 */
#ifndef SPINAT_TESTS_CLIENTS_FIXTURE_H
#define SPINAT_TESTS_CLIENTS_FIXTURE_H

#include "nat_fixture.h"

#define A INSIDE1
#define B INSIDE2
#define C INSIDE3

enum {
	INFORMATIONAL = 37,
	CHILD = 36,
	AUTH = 35,
	INIT = 34,
	INITIATOR = 8,
	RESPONSE = 32
};

uint64_t cookie_of(uint32_t inside);
/** Its bit of what nat_reach() gives. */
uint64_t reach_of(uint32_t host);
/** IKE of any cookie; that of who answers is 0x1000 more. */
struct ike message(
    uint64_t cookie, uint8_t exchange, uint8_t flags, uint32_t message_id);
/** ... with a host's own cookie. */
struct ike protected_of(
    uint32_t inside, uint8_t exchange, uint8_t flags, uint32_t message_id);
/** The first message of an IKE SA. */
struct ike initial(uint64_t cookie);
/** From a host it must cross; from the gateway, be passed as its own. */
void send_out(struct nat *nat, uint32_t host, struct pkt *pkt);
void ike_out(struct nat *nat, uint32_t inside, struct ike ike);
/** Which hosts got it. */
uint64_t ike_in(struct nat *nat, struct ike ike);
/** One that is answered. */
void exchange(
    struct nat *nat, uint32_t inside, uint8_t kind, uint32_t message_id);
/** IKE of cookies that were never seen. */
struct ike rekeyed(uint8_t flags);
/** Of those that got it, the only one. */
uint32_t only_host(uint64_t hosts);
/** IKE up to its first child SA. */
void establish(struct nat *nat, uint32_t inside);
/** Which hosts got it, as nat_reach() says. */
uint64_t esp_in(struct nat *nat, uint32_t spi, uint32_t sequence);
/** ... and which host leads: gets the packet itself. */
uint32_t leader(struct nat *nat, uint32_t spi, uint32_t sequence);
void esp_out(struct nat *nat, uint32_t inside, uint32_t spi, uint32_t sequence);
/** An SPI one way; its state is "gone" if there is none. */
struct spinat_flow_info flow_of_kind(
    const struct nat *nat, enum spinat_flow_kind kind, uint32_t spi);
/** ... inbound. */
struct spinat_flow_info flow_of(const struct nat *nat, uint32_t spi);
void assert_state(
    const struct nat *nat, uint32_t spi, const char *state, uint32_t inside);
/** The owner answers what it gets, at irregular times, until that is known. */
void converse(
    struct nat *nat, uint32_t owner, uint32_t spi, uint32_t *sequence);
/** Tunnels of so many clients, 10.0.0.1 and on, each in use: SPI 0x1000 + n. */
struct nat *start(unsigned clients);
/** The same on a fresh engine. */
void bring_up(struct nat *nat, unsigned clients);
/** ... and before them one of the gateway: SPI 0x1000. */
struct nat *start_with_gateway(unsigned clients);
/** A notification in clear: RFC 2408 3.14, RFC 7296 3.10. */
void make_notify(struct pkt *pkt, uint32_t inside, uint8_t version,
    uint8_t type, uint64_t initiator, uint64_t responder, const uint32_t *spi);
/** Sends what must stay here, since a copy provoked it. */
void provoked(struct nat *nat, struct pkt *pkt);
/** SPI 0x1001, A's, becomes B's too; where each is in its own numbers. */
struct sequences {
	uint32_t of_a, of_b;
};
void share(struct nat *nat, struct sequences *sequences);
/** Both get all of it. */
void assert_shared(struct nat *nat, struct sequences *sequences);

#endif
