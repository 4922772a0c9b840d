/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IKE on UDP 500, both versions, as far as the middle sees it: exact headers,
 * true lengths, message ids, retransmissions, and what each exchange makes of
 * SAs.  The payload is `struct ike_content` and padding.
 */
#ifndef SPINAT_SIM_IKE_H
#define SPINAT_SIM_IKE_H

#include "packet.h"
#include "spinat/spinat.h"

struct child;
struct end;
struct host;
struct world;

enum op {
	OP_INIT,      /* v2 IKE_SA_INIT */
	OP_AUTH,      /* v2 IKE_AUTH, with the first child SA */
	OP_CHILD,     /* v2 CREATE_CHILD_SA: a child, new or rekeyed */
	OP_REKEY_IKE, /* v2 CREATE_CHILD_SA: the IKE SA */
	OP_DPD2,      /* v2 INFORMATIONAL, empty */
	OP_DELETE2,   /* v2 INFORMATIONAL: a child, or the IKE SA itself */
	OP_MAIN,      /* v1 Main Mode */
	OP_QUICK,     /* v1 Quick Mode */
	OP_DPD1,      /* v1 Informational: R-U-THERE */
	OP_ACK1,      /* v1 Informational: R-U-THERE-ACK */
	OP_DELETE1,   /* v1 Informational: delete */
	OP_INVALID,   /* in clear: INVALID_SPI, INVALID_IKE_SPI */
	OP_COUNT
};

#define MAX_EXCHANGES 16u

struct exchange {
	bool live, mine, done;
	enum op op;
	uint32_t id;
	uint8_t next; /* the step that is due */
	uint8_t tries;
	uint64_t generation; /* of its retransmission */
	struct packet *last; /* what it sent last: a copy */
	uint32_t spi, their_spi, old_spi;
	uint64_t key, their_key;
	uint64_t cookie, new_key;
	struct child *child; /* half made, or to be rekeyed */
	bool refused;
};

struct ike {
	struct ike *next; /* of the host */
	struct end *end;
	uint64_t initiator, responder;
	uint64_t key;
	bool is_initiator, up, alive;
	uint8_t version;
	uint16_t port; /* of the peer, as last seen */
	uint32_t next_id;
	unsigned newest; /* of exchanges, a ring */
	struct exchange exchanges[MAX_EXCHANGES];
};

/** A record, without a message yet. */
struct ike *ike_open(
    struct end *end, uint64_t initiator, uint64_t responder, bool is_initiator);
uint64_t ike_new_cookie(struct world *world);
/** Chooses an SPI for an exchange to offer. */
void ike_offer(struct ike *ike, struct exchange *exchange);

/** Begins a new IKE SA and, in the end, a child SA. */
void ike_start(struct end *end);
/** A new child SA, beside the present ones or instead of the present one. */
void ike_add_child(struct end *end, bool rekey);
void ike_rekey(struct end *end);
void ike_probe(struct end *end);
void ike_delete_child(struct child *child);
void ike_receive(struct host *host, const struct packet *packet);
/** In clear, to whoever sent a packet that the host has no SA for. */
void ike_notify(struct host *host, const struct packet *about);
void ike_end(struct ike *ike);
/** Says that it ends, once. */
void ike_delete(struct ike *ike);

#endif
