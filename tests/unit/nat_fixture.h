/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An engine on a fake clock, used through its public header alone, and packets
 * made by plain code that shares nothing with the engine (wire.h).
 *
 * nat_send() checks what must hold for every packet whatever it is: one verdict
 * with its reason, length kept, bytes beyond the packet untouched, what is not
 * translated unchanged, checksums right that were right, no inside address on
 * the outside, statistics that add up.
 */
#ifndef SPINAT_TESTS_NAT_FIXTURE_H
#define SPINAT_TESTS_NAT_FIXTURE_H

#include "common.h"

#include "spinat/spinat.h"
#include "tests/wire.h"

#define PUBLIC    IP(203, 0, 113, 1)
#define PUBLIC2   IP(203, 0, 113, 2)
#define INSIDE1   IP(10, 0, 0, 1)
#define INSIDE2   IP(10, 0, 0, 2)
#define INSIDE3   IP(10, 0, 0, 3)
#define REMOTE1   IP(198, 51, 100, 1)
#define REMOTE2   IP(198, 51, 100, 2)
#define PORT_LOW  20000
#define PORT_HIGH 29999

enum {
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_GRE = 47,
	PROTO_ESP = 50,
	PROTO_AH = 51
};
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

#define PACKET_ROOM 4096u

struct pkt {
	uint8_t data[PACKET_ROOM];
	uint32_t length;
	uint8_t flags; /* SPINAT_PACKET_* */
	/* of the last nat_send() */
	uint8_t verdict, to, reason;
};

/* ------------------------------------------------- the bytes of packets */

/** The makers begin anew: `pkt` need not be set before. */
void make_ip(struct pkt *pkt, uint8_t protocol, uint32_t from, uint32_t to,
    const void *payload, size_t length);
void make_udp(struct pkt *pkt, uint32_t from, uint16_t from_port, uint32_t to,
    uint16_t to_port, const void *payload, size_t length);
void make_tcp(struct pkt *pkt, uint32_t from, uint16_t from_port, uint32_t to,
    uint16_t to_port, uint8_t flags, const void *payload, size_t length);
void make_echo(struct pkt *pkt, uint8_t type, uint32_t from, uint32_t to,
    uint16_t id, uint16_t sequence);
/** `quoted` bytes of another packet, from its IP header on. */
void make_icmp_error(struct pkt *pkt, uint8_t type, uint8_t code, uint32_t from,
    uint32_t to, uint32_t rest, const uint8_t *quote, size_t quoted);
void make_esp(struct pkt *pkt, uint32_t from, uint32_t to, uint32_t spi,
    uint32_t sequence);

/** IKE on UDP 500: cookies by one number each. */
struct ike {
	uint64_t initiator, responder;
	uint8_t version, exchange, flags, next_payload;
	uint32_t message_id;
	uint16_t padding; /* bytes after the header */
};
size_t ike_bytes(const struct ike *ike, uint8_t *to);
void make_ike(
    struct pkt *pkt, uint32_t from, uint32_t to, const struct ike *ike);

/** Adds all checksums up anew (a UDP checksum of 0 stays). */
void fix_sums(struct pkt *pkt);
/** Leaves the transport's unfinished, as an offloading sender does. */
void make_partial(struct pkt *pkt);
/** Whether the IP header's, the transport's (if whole) and a quote's checksums
 * are right. */
bool sums_are_right(const uint8_t *packet, size_t length, uint8_t flags);
/** Cuts a packet into fragments of `size` payload bytes (of 8). */
size_t make_fragments(
    const struct pkt *whole, size_t size, struct pkt *fragments, size_t room);

uint32_t source_of(const struct pkt *pkt);
uint32_t destination_of(const struct pkt *pkt);
uint16_t source_port(const struct pkt *pkt);
uint16_t destination_port(const struct pkt *pkt);
/** The ICMP identifier. */
uint16_t echo_id(const struct pkt *pkt);

/* ---------------------------------------------------------- the engine */

#define NAT_EMITS  256u
#define NAT_EVENTS 4096u

struct nat {
	struct spinat *engine;
	struct spinat_config config;
	void *memory;
	struct spinat_memory shared; /* instead of it */
	spinat_time now;
	struct {
		uint8_t to;
		size_t length;
		uint8_t *data;
	} emits[NAT_EMITS];
	unsigned emitted;
	struct spinat_event events[NAT_EVENTS];
	unsigned event_count;
	unsigned dropped_later; /* held fragments that were dropped: allowed */
};

/** Small tables, all events, 203.0.113.1, inside 10.0.0.0/8, ports 20000 to
 * 29999, seed "1". */
void nat_config(struct spinat_config *config);
struct nat *nat_start(const struct spinat_config *config);
/** The same on a clock that starts elsewhere. */
struct nat *nat_start_at(const struct spinat_config *config, spinat_time now);
/** One whose tables a fast path shares: what ended rests until a grace period
 * is over. */
struct nat *nat_start_shared(const struct spinat_config *config);
/** ... in memory of the caller's. */
struct nat *nat_start_in(const struct spinat_config *config,
    const struct spinat_memory *memory, spinat_time now);
struct nat *nat_start_default(void);
void nat_stop(struct nat *nat);

enum spinat_verdict nat_send(
    struct nat *nat, enum spinat_side side, struct pkt *pkt);
/** Sends and wants it translated to the other side. */
void nat_cross(struct nat *nat, enum spinat_side side, struct pkt *pkt);
/** Sends and wants this verdict and reason. */
void nat_expect(struct nat *nat, enum spinat_side side, struct pkt *pkt,
    enum spinat_verdict verdict, enum spinat_reason reason);
/** Sends from the outside and says to which inside hosts 10.0.0.1 .. 10.0.0.63
 * it went, as HOST() bits: its own destination and the copies, each of which
 * must be the packet with another destination and right checksums; and GATEWAY
 * if it was passed as the gateway's own.  What was emitted is forgotten.  0: it
 * was not translated, nor the gateway's. */
uint64_t nat_reach(struct nat *nat, struct pkt *pkt);
#define GATEWAY      UINT64_C(1)
#define HOST(inside) (UINT64_C(1) << ((inside)&63))
/** Lets time pass, timers firing as they fall due. */
void nat_wait(struct nat *nat, double seconds);
struct spinat_stats nat_stats(const struct nat *nat);
/** How many events of a kind there were since nat_forget(). */
unsigned nat_events(const struct nat *nat, enum spinat_event_kind kind);
void nat_forget(struct nat *nat);
/** The only flow there is. */
/** The next flow; false: that was all. */
bool nat_next_flow(
    const struct nat *nat, uint32_t *cursor, struct spinat_flow_info *info);
struct spinat_flow_info nat_only_flow(const struct nat *nat);
bool nat_is_public(const struct nat *nat, uint32_t address);

#endif
