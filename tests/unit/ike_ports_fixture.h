/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients that use IKE with remotes, each from the port that it was given, and
 * what is told of them.
 */
#ifndef SPINAT_TESTS_IKE_PORTS_FIXTURE_H
#define SPINAT_TESTS_IKE_PORTS_FIXTURE_H

#include "nat_fixture.h"

#define A INSIDE1
#define B INSIDE2
#define C INSIDE3

enum { SA_INIT = 34, AUTH = 35, CHILD = 36, INFORMATIONAL = 37 };
enum { INITIATOR = 0x08, RESPONSE = 0x20 };

/** The first message of an IKE SA. */
struct ike initial(uint64_t cookie);
/** Whoever answers draws the cookie of who asked, and a thousand. */
struct ike answer(uint64_t cookie);
/** One that is encrypted, between the same two cookies. */
struct ike protected_of(
    uint64_t cookie, uint8_t exchange, uint8_t flags, uint32_t message_id);
void make_ike_between(struct pkt *pkt, uint32_t from, uint16_t from_port,
    uint32_t to, uint16_t to_port, const struct ike *ike);

/** Sends from an inside host's port 500; the public port it leaves with. */
uint16_t ike_out_to(
    struct nat *nat, uint32_t inside, uint32_t remote, struct ike ike);
/** ... to REMOTE1. */
uint16_t ike_out(struct nat *nat, uint32_t inside, struct ike ike);
/** Sends to a public port, and wants the inside host to get it on port 500. */
void ike_in_from(struct nat *nat, uint32_t remote, uint16_t port,
    uint32_t inside, struct ike ike);
/** ... from REMOTE1. */
void ike_in(struct nat *nat, uint16_t port, uint32_t inside, struct ike ike);
/** Sends to a public port, and wants it to be nobody's. */
void pass_in(struct nat *nat, uint32_t remote, uint16_t port,
    const struct ike *ike, enum spinat_reason why);
/** IKE up to an established SA, all of it with one port, which is returned. */
uint16_t establish_with(
    struct nat *nat, uint32_t inside, uint32_t remote, uint64_t cookie);
/** ... with REMOTE1. */
uint16_t establish(struct nat *nat, uint32_t inside, uint64_t cookie);
struct spinat_ike_info ike_of(const struct nat *nat, uint64_t cookie);

struct nat *start(enum spinat_ike_ports policy);
/** With one public port beside 500: PORT_LOW. */
struct nat *start_with_one_port(enum spinat_ike_ports policy);
/** A port other than 500. */
void want_own(uint16_t port);

#endif
