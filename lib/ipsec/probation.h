/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Probation: finding out whose an inbound SPI is, while its packets arrive.
 *
 * Only the owner of an SA can use its packets (RFC 4303 3.4.3), so a packet
 * whose owner is not certain goes to the host that what is known speaks most
 * for, and as a copy to every other that has not refused it.  What the hosts
 * send meanwhile tells the owner.  A wrong guess thus costs copies, within a
 * budget, and past that a delay.
 *
 * Functions are named events: "should be called when ...".
 */
#ifndef SPINAT_IPSEC_PROBATION_H
#define SPINAT_IPSEC_PROBATION_H

#include "engine.h"

/** ... a packet came for an SPI in PROBATION or SHARED: says who gets copies of
 * it.  May give the SPI to another host: returns the flow that delivers it (0:
 * there was no room for it). */
SPINAT_MUST_CHECK uint32_t probation_received(struct spinat *engine,
    uint32_t flow, uint16_t size, be32 sender, struct copies *copies);

/** ... a packet came for a CONFIRMED SPI whose sequence number fell far back.
 */
void probation_fell_back(
    struct spinat *engine, uint32_t flow, uint32_t sequence);

/** ... a packet came for an inbound SPI that has a binding, whose sequence
 * number was not above the highest: it is late, or of another SA with the same
 * SPI that began at the same time. */
void probation_fell_behind(
    struct spinat *engine, uint32_t flow, uint32_t sequence);
/** Whether so many do that it is another SA. */
bool probation_is_of_two(const struct binding *binding);

/** ... an inside host sent ESP with an outbound SPI, and something of its
 * remote is in probation or this SPI awaits its pair. */
void probation_sent(struct spinat *engine, uint32_t flow, uint16_t size);

/** ... an inside host sent protected IKE. */
void probation_spoke(struct spinat *engine, uint32_t peer, bool informational);

/** ... an inside host said in clear that it does not own an inbound SPI (RFC
 * 7296 2.21, RFC 2408 3.14.1, or ICMP protocol unreachable).  True: a copy
 * that we gave it provoked that. */
bool probation_refuted(struct spinat *engine, be32 public_address, be32 remote,
    be32 inside, be32 spi);

#endif
