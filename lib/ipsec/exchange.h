/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exchanges under way in one IKE SA, as far as the headers tell them: which
 * of them may make an IPsec SA, and when such a one is complete.
 *
 * | exchange                                | opens at          | completes at
 * |
 * |-----------------------------------------|-------------------|--------------|
 * | IKEv1 Quick Mode (RFC 2409 5.5)         | message 2         | message 3 |
 * | IKEv2 IKE_AUTH (RFC 7296 1.2)           | request           | response | |
 * IKEv2 CREATE_CHILD_SA (RFC 7296 1.3)    | request           | response     |
 * | IKEv2 IKE_FOLLOWUP_KE (RFC 9370 2.2.4)  | request           | response |
 *
 * An exchange is known by its message id and who started it, so that a
 * retransmission, or the second fragment of a message (RFC 7383), is not
 * counted again.  Both ends may start one at the same time.
 */
#ifndef SPINAT_IPSEC_EXCHANGE_H
#define SPINAT_IPSEC_EXCHANGE_H

#include "base/tick.h"

#define EXCHANGE_SLOTS 4u

struct ike_message;

/**
 * | state    | meaning                                    | left for         |
 * |----------|--------------------------------------------|------------------|
 * | FREE     | the slot is not used                       | STARTED          |
 * | STARTED  | its initiator has spoken                   | ANSWERED, DONE   |
 * | ANSWERED | Quick Mode: the responder has              | DONE             |
 * | DONE     | complete: retransmissions change nothing   | -                |
 *
 * A slot of any state may be taken for a newer exchange: the oldest goes.
 */
enum exchange_state {
	EXCHANGE_FREE,
	EXCHANGE_STARTED,
	EXCHANGE_ANSWERED,
	EXCHANGE_DONE,
	EXCHANGE_STATES
};

struct exchange {
	uint32_t message_id;
	tick opened; /* when its hint was opened */
	uint8_t type, state;
	uint8_t starter; /* enum spinat_side */
	uint8_t age;     /* for the choice of the slot to take */
};

struct exchanges {
	struct exchange slots[EXCHANGE_SLOTS];
	uint8_t clock;
};

enum exchange_step {
	EXCHANGE_NOTHING, /* no exchange of this kind, or nothing new */
	EXCHANGE_OPENS,   /* an SA may come of it */
	EXCHANGE_COMPLETES,
};

/** Follows a protected message from a side.  For COMPLETES, *opened is when it
 * OPENED (`now`, if it was not seen to). */
enum exchange_step exchange_follow(struct exchanges *exchanges,
    const struct ike_message *message, enum spinat_side from, tick now,
    tick *opened);
const char *exchange_state_name(enum exchange_state state);
bool exchange_state_allows(enum exchange_state from, enum exchange_state to);

#endif
