/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/ike_sa.h"

#include "ipsec/half_open.h"
#include "packet/header.h"

/* IKEv1: the message's payloads are encrypted.  IKEv2: who sends it, and
 * whether as an answer. */
enum {
	IKE1_FLAG_ENCRYPTED = 0x01,
	IKE2_FLAG_INITIATOR = 0x08,
	IKE2_FLAG_RESPONSE = 0x20
};
/* IKEv2 payloads that hold everything else encrypted (RFC 7296 3.14, 7383). */
enum { IKE2_ENCRYPTED = 46, IKE2_ENCRYPTED_FRAGMENT = 53 };

static const char *const state_names[] = {
    [IKE_UNANSWERED] = "unanswered",
    [IKE_HALF_OPEN] = "half-open",
    [IKE_ESTABLISHED] = "established",
};
static_assert(sizeof state_names / sizeof state_names[0] == IKE_STATES,
    "every state has a name");

const char *ike_state_name(enum ike_state state)
{
	ENSURE((unsigned)state < IKE_STATES);
	return state_names[state];
}

void ike_set_state(struct ike_sa *sa, enum ike_state state)
{
	ENSURE(state > (enum ike_state)sa->state && state < IKE_STATES);
	sa->state = (uint8_t)state;
}

bool ike_parse(
    struct ike_message *message, const uint8_t *payload, size_t length)
{
	if (length < IKE_HEADER)
		return false;
	message->initiator = payload + IKE_INITIATOR_SPI;
	message->responder = payload + IKE_RESPONDER_SPI;
	message->next_payload = payload[IKE_NEXT_PAYLOAD];
	message->version = payload[IKE_VERSION] >> 4;
	message->exchange = payload[IKE_EXCHANGE];
	message->flags = payload[IKE_FLAGS];
	message->message_id = be32_to_host(load_be32(payload + IKE_MESSAGE_ID));
	message->length = be32_to_host(load_be32(payload + IKE_LENGTH));
	if ((message->version != 1 && message->version != 2) ||
	    message->length < IKE_HEADER || ike_spi_is_zero(message->initiator))
		return false;
	if (message->version == 1) {
		message->initial = ike_spi_is_zero(message->responder) &&
		    (message->exchange == IKE1_MAIN ||
			message->exchange == IKE1_AGGRESSIVE);
		message->is_protected =
		    (message->flags & IKE1_FLAG_ENCRYPTED) != 0;
		message->from_initiator_known = false;
		message->from_initiator = false;
		message->is_response = false;
	} else {
		message->initial = ike_spi_is_zero(message->responder) &&
		    message->exchange == IKE2_SA_INIT;
		message->is_protected =
		    message->next_payload == IKE2_ENCRYPTED ||
		    message->next_payload == IKE2_ENCRYPTED_FRAGMENT;
		message->from_initiator_known = true;
		message->from_initiator =
		    (message->flags & IKE2_FLAG_INITIATOR) != 0;
		message->is_response =
		    (message->flags & IKE2_FLAG_RESPONSE) != 0;
	}
	return true;
}

void ike_table_init(struct ike_table *table, struct arena *arena, uint32_t max,
    const uint8_t seed[16], tick now)
{
	memset(table, 0, sizeof *table);
	table->max = max;
	table->sas = arena_take(arena, (size_t)max + 1, sizeof *table->sas);
	index_init(&table->index, arena, max, max);
	index_init(&table->half_open, arena, max, max);
	hash_seed_init(&table->seed, seed);
	if (table->sas != NULL)
		wheel_init(&table->wheel, &table->sas[0].timer,
		    sizeof *table->sas, now);
}

/* Sixteen bytes as every key, but of another shape: two addresses and the eight
 * bytes of the cookie. */
struct key ike_key(be32 public_address, be32 remote, const uint8_t initiator[8])
{
	uint32_t words[4] = {public_address.raw, remote.raw, 0, 0};
	struct key key;

	memcpy(&words[2], initiator, 8);
	memcpy(&key, words, sizeof key);
	return key;
}

static bool same_cookie(const struct ike_sa *sa, const struct key *key)
{
	const struct key own =
	    ike_key(sa->public_address, sa->remote, sa->initiator);

	return memcmp(&own, key, sizeof own) == 0;
}

static bool same_sa(const void *of, uint32_t number, const void *want)
{
	const struct ike_sa *sa = &((const struct ike_table *)of)->sas[number];
	const struct ike_query *query = want;

	if (!same_cookie(sa, &query->key) ||
	    (!be32_is_zero(query->inside) &&
		!be32_equal(sa->inside, query->inside)) ||
	    (!be32_is_zero(query->sender) &&
		be32_equal(sa->inside, query->sender)))
		return false;
	if (memcmp(sa->responder, query->responder, 8) == 0)
		return true;
	if (query->exact)
		return false;
	/* The responder's part is still open on one of the two sides, or it
	 * answers the opening once more with another one. */
	return ike_spi_is_zero(query->responder) ||
	    ike_spi_is_zero(sa->responder) || sa->state < IKE_ESTABLISHED;
}

uint32_t ike_find(
    const struct ike_table *table, const struct ike_query *query, uint64_t hash)
{
	return index_find(&table->index, hash, same_sa, table, query);
}

uint32_t ike_open(struct ike_table *table, be32 public_address, be32 remote,
    const uint8_t initiator[8])
{
	const struct key key = ike_key(public_address, remote, initiator);
	uint32_t number = table->free;
	struct ike_sa *sa;

	if (number != 0)
		table->free = table->sas[number].next;
	else if (table->highest < table->max)
		number = ++table->highest;
	else
		return 0;
	sa = &table->sas[number];
	memset(sa, 0, sizeof *sa);
	if (!index_insert(
		&table->index, key_hash(&table->seed, &key), number)) {
		sa->next = table->free;
		table->free = number;
		return 0;
	}
	sa->public_address = public_address;
	sa->remote = remote;
	memcpy(sa->initiator, initiator, 8);
	sa->live = true;
	table->live++;
	return number;
}

void ike_close(struct ike_table *table, uint32_t number)
{
	struct ike_sa *sa = &table->sas[number];
	const struct key key =
	    ike_key(sa->public_address, sa->remote, sa->initiator);

	ENSURE(sa->live);
	half_open_leave(table, number);
	index_remove(&table->index, key_hash(&table->seed, &key), number);
	wheel_cancel(&table->wheel, number);
	sa->live = false;
	sa->next = table->free;
	table->free = number;
	table->live--;
}
