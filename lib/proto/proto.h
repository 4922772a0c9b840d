/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The protocols: each takes a parsed packet to its verdict.
 *
 * All of them run in the second half of a burst, when the lines they will read
 * have been prefetched.
 */
#ifndef SPINAT_PROTO_PROTO_H
#define SPINAT_PROTO_PROTO_H

#include "engine.h"

/** TCP, UDP, ICMP queries, and any other protocol by address; what was not
 * guessed right (see session.h). */
enum spinat_verdict session_packet(struct spinat *engine, struct view *view);
enum spinat_verdict esp_packet(struct spinat *engine, struct view *view);
enum spinat_verdict ike_packet(struct spinat *engine, struct view *view);
enum spinat_verdict ah_packet(struct spinat *engine, struct view *view);
enum spinat_verdict icmp_error_packet(struct spinat *engine, struct view *view);
/** A later fragment: goes where its first went, or waits for it. */
enum spinat_verdict fragment_packet(struct spinat *engine, struct view *view);
/** A first fragment came: its datagram, by the addresses it came with; 0: there
 * is no room to follow it.  One that comes again gets the IP id it got before.
 */
uint32_t fragment_first_seen(struct spinat *engine, const struct view *view);
/** It has its verdict: the later ones follow. */
void fragment_first_done(struct spinat *engine, uint32_t datagram,
    const struct view *view, enum spinat_verdict verdict);

/** Whether a packet from outside is IKE to an inside host's own port; then its
 * view says so from now on. */
bool ike_takes(const struct spinat *engine, struct view *view);

/** The hash of an IKE message's key; 0 with *valid false: no ISAKMP header. */
uint64_t ike_hash(
    const struct spinat *engine, const struct view *view, bool *valid);

#endif
