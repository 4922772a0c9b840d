/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IKE SAs as seen from the middle: told apart by their cookies (IKEv1, RFC
 * 2408) or SPIs (IKEv2, RFC 7296 2.6), never by ports, which stay 500 mostly
 * (ike_port.h).
 *
 * Found by {public, remote, initiator SPI}: the initiator's part is known from
 * the first message on and never changes.  Two SAs may share it (two inside
 * hosts that drew the same, or one initiator's retries answered differently);
 * the responder's part then decides.
 */
#ifndef SPINAT_IPSEC_IKE_SA_H
#define SPINAT_IPSEC_IKE_SA_H

#include "base/wheel.h"
#include "flow/index.h"
#include "flow/key.h"
#include "ipsec/exchange.h"

/**
 * | state       | meaning                                   | left for       |
 * |-------------|-------------------------------------------|----------------|
 * | UNANSWERED  | only one side has spoken                  | HALF_OPEN      |
 * | HALF_OPEN   | both have, not yet protected from both    | ESTABLISHED    |
 * | ESTABLISHED | protected messages seen from both sides   | -              |
 */
enum ike_state { IKE_UNANSWERED, IKE_HALF_OPEN, IKE_ESTABLISHED, IKE_STATES };

struct ike_sa {
	be32 inside, public_address, remote;
	uint32_t peer;                      /* its association */
	uint8_t initiator[8], responder[8]; /* as on the wire; 0: not known */
	uint32_t next; /* of the same association; free list */
	tick created;
	uint32_t packets[2];    /* by the side they came from */
	tick last[2];           /* of a side that is yet to speak: created */
	uint8_t version;        /* major */
	uint8_t state;          /* enum ike_state */
	uint8_t protected_from; /* 1 << side */
	bool inside_initiated : 1, floated : 1, live : 1, seen_from_start : 1;
	bool own_port : 1; /* outside it has its association's, not 500 */
	/* The last message from the inside, to know it in an ICMP error. */
	be16 sent_checksum, sent_id;
	struct exchanges exchanges;
	/* Half-open, of the same host: half_open.h; 0: it is not. */
	uint32_t half_open_next, half_open_prev;
	uint32_t half_open_count; /* of the oldest: how many there are */
	struct wheel_node timer;
};

struct ike_table {
	struct ike_sa *sas; /* [1 .. max] */
	uint32_t max, live, highest, free;
	struct index index;
	struct index half_open; /* a host's oldest, by its address */
	struct wheel wheel;
	struct hash_seed seed;
};

/** The fields of an ISAKMP header (RFC 2408 3.1, RFC 7296 3.1). */
struct ike_message {
	const uint8_t *initiator, *responder; /* 8 bytes each */
	uint8_t next_payload, version, exchange, flags;
	uint32_t message_id, length;
	bool initial;      /* opens an IKE SA: responder's part still zero */
	bool is_protected; /* encrypted under the SA's keys */
	bool is_response;  /* IKEv2's flag */
	bool from_initiator_known, from_initiator; /* IKEv2's flag */
};

enum ike_exchange {
	IKE1_MAIN = 2,
	IKE1_AGGRESSIVE = 4,
	IKE1_INFORMATIONAL = 5,
	IKE1_TRANSACTION = 6,
	IKE1_QUICK = 32,
	IKE2_SA_INIT = 34,
	IKE2_AUTH = 35,
	IKE2_CREATE_CHILD_SA = 36,
	IKE2_INFORMATIONAL = 37,
	IKE2_FOLLOWUP_KE = 44,
};

/** Deletions, dead peer detection, errors. */
static inline bool ike_is_informational(const struct ike_message *message)
{
	return message->exchange == IKE1_INFORMATIONAL ||
	    message->exchange == IKE2_INFORMATIONAL;
}

/** Parses the header in a UDP payload; false: it is none. */
bool ike_parse(
    struct ike_message *message, const uint8_t *payload, size_t length);

void ike_table_init(struct ike_table *table, struct arena *arena, uint32_t max,
    const uint8_t seed[16], tick now);
struct key ike_key(
    be32 public_address, be32 remote, const uint8_t initiator[8]);

/** Who asks: {public, remote, SPIs} and, from the inside, which host. */
struct ike_query {
	struct key key; /* ike_key() */
	be32 inside;    /* zero: whoever */
	be32 sender;    /* zero, or the one that cannot be meant */
	const uint8_t *responder;
	bool exact; /* the responder's part must be known and equal */
};

/** The SA a message belongs to; 0: none. */
uint32_t ike_find(const struct ike_table *table, const struct ike_query *query,
    uint64_t hash);
/** Makes one, zeroed but for the fields of its key; 0: full. */
uint32_t ike_open(struct ike_table *table, be32 public_address, be32 remote,
    const uint8_t initiator[8]);
void ike_close(struct ike_table *table, uint32_t number);
const char *ike_state_name(enum ike_state state);
/** The single setter; states only go forward. */
void ike_set_state(struct ike_sa *sa, enum ike_state state);

static inline bool ike_spi_is_zero(const uint8_t spi[8])
{
	static const uint8_t zero[8];

	return memcmp(spi, zero, 8) == 0;
}

#endif
