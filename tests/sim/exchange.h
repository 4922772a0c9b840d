/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exchanges: messages to and fro under one message id, each answered by the
 * next, asked again until then.  What they mean is ike.c's.
 */
#ifndef SPINAT_SIM_EXCHANGE_H
#define SPINAT_SIM_EXCHANGE_H

#include "ike.h"

/** On the wire; lengths are of whole IKE messages. */
struct shape {
	const char *name;
	uint8_t version, exchange, steps, first_protected;
	uint16_t length[6];
};
extern const struct shape shapes[OP_COUNT];

struct world;

/** Unlike any before: what waits under an older one is void. */
uint64_t exchange_new_generation(struct world *world);
struct exchange *exchange_open(
    struct ike *ike, enum op op, bool mine, uint32_t id);
/** One of our own, under an id of its own. */
struct exchange *exchange_begin(struct ike *ike, enum op op);
/** The one that a message belongs to, or NULL. */
struct exchange *exchange_find(
    struct ike *ike, const struct ike_header *header);
/** Whether a request of our own is unanswered (IKEv2 has a window of one). */
bool exchange_busy(const struct ike *ike);
/** Sends the step that is due, and again until it is answered. */
void exchange_send(struct ike *ike, struct exchange *exchange);
/** Sends once more what it sent last. */
void exchange_transmit(struct ike *ike, const struct exchange *exchange);

#endif
