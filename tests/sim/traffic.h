/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes through a tunnel.  Each end answers only what it received, so what
 * the NAT misdelivers has its consequences: a ping without a reply, a stalled
 * transfer.
 */
#ifndef SPINAT_SIM_TRAFFIC_H
#define SPINAT_SIM_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include "spinat/spinat.h"

struct world;
struct end;
struct tunnel;
struct esp_content;

#define MAX_APPS 8u

enum app_kind {
	APP_PING,   /* echo, and reply */
	APP_BULK,   /* TCP-like: window, acknowledgements, retransmission */
	APP_WEB,    /* request from inside, response in a burst */
	APP_VOICE,  /* 20 ms both ways, constant size */
	APP_STREAM, /* one way, nothing ever answers */
	APP_KINDS
};

/** `from`: the side that begins, or that sends the data. */
struct app {
	enum app_kind kind;
	enum spinat_side from;
	spinat_time start;    /* after the tunnel's end is first up */
	spinat_time interval; /* PING, STREAM: between packets; WEB: mean pause
			       */
	uint16_t length;      /* of the inner IP packets */
	uint32_t count;       /* packets, segments or requests in all */
	/* state */
	struct tunnel *tunnel;
	uint8_t number;
	bool started;
	uint32_t sent, answered;
	/* BULK and WEB: the sender's */
	uint32_t una, next, window, dup_acks;
	spinat_time rto;
	uint64_t generation;
	/* the receiver's */
	uint32_t expected, unacked;
	uint64_t ack_generation;
	uint32_t received;
};

struct app *traffic_add(struct tunnel *tunnel, enum app_kind kind,
    enum spinat_side from, spinat_time start, spinat_time interval,
    uint16_t length, uint32_t count);
/** The end has a child SA: its applications start, if they have not yet. */
void traffic_up(struct end *end);
void traffic_receive(struct end *end, const struct esp_content *content);
/** Whether it was told to do no more, and did it. */
bool traffic_is_done(const struct app *app);

#endif
