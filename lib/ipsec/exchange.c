/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/exchange.h"

#include <assert.h>

#include "ipsec/ike_sa.h"

static const char *const state_names[] = {
    [EXCHANGE_FREE] = "free",
    [EXCHANGE_STARTED] = "started",
    [EXCHANGE_ANSWERED] = "answered",
    [EXCHANGE_DONE] = "done",
};
static_assert(sizeof state_names / sizeof state_names[0] == EXCHANGE_STATES,
    "every state has a name");

#define TO(state) (1u << (state))
static const uint8_t allowed[EXCHANGE_STATES] = {
    [EXCHANGE_FREE] = TO(EXCHANGE_STARTED),
    [EXCHANGE_STARTED] = TO(EXCHANGE_ANSWERED) | TO(EXCHANGE_DONE),
    [EXCHANGE_ANSWERED] = TO(EXCHANGE_DONE),
};

const char *exchange_state_name(enum exchange_state state)
{
	ENSURE((unsigned)state < EXCHANGE_STATES);
	return state_names[state];
}

bool exchange_state_allows(enum exchange_state from, enum exchange_state to)
{
	return (allowed[from] & TO(to)) != 0;
}

static void set_state(struct exchange *exchange, enum exchange_state state)
{
	ENSURE(exchange_state_allows(exchange->state, state));
	exchange->state = (uint8_t)state;
}

static bool may_make_sa(const struct ike_message *message)
{
	if (message->version == 1)
		return message->exchange == IKE1_QUICK;
	return message->exchange == IKE2_AUTH ||
	    message->exchange == IKE2_CREATE_CHILD_SA ||
	    message->exchange == IKE2_FOLLOWUP_KE;
}

/* Who started the exchange that a message belongs to, and whether the message
 * is its answer.  IKEv2's flag says so; of a Quick Mode whoever spoke first
 * with its message id did. */
static struct exchange *find(struct exchanges *exchanges,
    const struct ike_message *message, enum spinat_side from, bool *answer)
{
	const bool v2 = message->version == 2;

	*answer = v2 && message->is_response;
	for (unsigned i = 0; i < EXCHANGE_SLOTS; i++) {
		struct exchange *slot = &exchanges->slots[i];
		if (slot->state == EXCHANGE_FREE ||
		    slot->message_id != message->message_id ||
		    slot->type != message->exchange)
			continue;
		if (!v2)
			*answer = slot->starter != from;
		if (!v2 || slot->starter == (from ^ *answer))
			return slot;
	}
	return NULL;
}

static struct exchange *begin(struct exchanges *exchanges,
    const struct ike_message *message, enum spinat_side starter, tick now)
{
	struct exchange *place = &exchanges->slots[0];

	exchanges->clock++;
	for (unsigned i = 0; i < EXCHANGE_SLOTS; i++) {
		struct exchange *slot = &exchanges->slots[i];
		if (slot->state == EXCHANGE_FREE) {
			place = slot;
			break;
		}
		if ((uint8_t)(exchanges->clock - slot->age) >
		    (uint8_t)(exchanges->clock - place->age))
			place = slot;
	}
	*place = (struct exchange){
	    .message_id = message->message_id,
	    .opened = now,
	    .type = message->exchange,
	    .starter = (uint8_t)starter,
	    .age = exchanges->clock,
	};
	set_state(place, EXCHANGE_STARTED);
	return place;
}

enum exchange_step exchange_follow(struct exchanges *exchanges,
    const struct ike_message *message, enum spinat_side from, tick now,
    tick *opened)
{
	const bool v2 = message->version == 2;
	struct exchange *exchange;
	bool answer;

	if (!message->is_protected || !may_make_sa(message))
		return EXCHANGE_NOTHING;
	exchange = find(exchanges, message, from, &answer);
	if (exchange == NULL) {
		exchange = begin(exchanges, message, from ^ answer, now);
		if (!v2)
			return EXCHANGE_NOTHING;
		if (!answer)
			return EXCHANGE_OPENS;
	}
	*opened = exchange->opened;
	if (exchange->state == EXCHANGE_DONE)
		return EXCHANGE_NOTHING;
	if (v2) {
		if (!answer)
			return EXCHANGE_NOTHING;
		set_state(exchange, EXCHANGE_DONE);
		return EXCHANGE_COMPLETES;
	}
	if (answer) {
		if (exchange->state != EXCHANGE_STARTED)
			return EXCHANGE_NOTHING;
		set_state(exchange, EXCHANGE_ANSWERED);
		exchange->opened = now;
		return EXCHANGE_OPENS;
	}
	if (exchange->state != EXCHANGE_ANSWERED)
		return EXCHANGE_NOTHING;
	set_state(exchange, EXCHANGE_DONE);
	return EXCHANGE_COMPLETES;
}
