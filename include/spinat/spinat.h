/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libspinat: an SPI-aware NAT as a pure library.
 *
 * Packets go in, packets and verdicts come out.  The library opens no socket,
 * starts no thread, reads no clock, prints nothing and keeps no global state:
 * time, randomness and memory are handed in by the caller, so the same input
 * always gives the same output.
 *
 * One engine is used by one thread at a time.  Packets are borrowed for the
 * length of a call and rewritten in place.  Every function that returns int
 * gives 0 or a negative errno value.
 *
 * Sides.  A packet comes from the INSIDE (the private network, private source
 * addresses) or from the OUTSIDE (the public network).  A flow has two tuples,
 * one per side; translating a packet is replacing one tuple by the other.
 *
 * Byte order.  Values as they stand in packets are of the types spinat_be16
 * and spinat_be32, which do not mix with host integers by accident.
 */
#ifndef SPINAT_SPINAT_H
#define SPINAT_SPINAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SPINAT_API        __attribute__((visibility("default")))
#define SPINAT_MUST_CHECK __attribute__((warn_unused_result))

/** Nanoseconds on a monotonic clock of the caller's choice; never negative. */
typedef int64_t spinat_time;
#define SPINAT_SECOND INT64_C(1000000000)
#define SPINAT_NEVER  INT64_MAX

/** A 16-bit value in network byte order. */
typedef struct spinat_be16 {
	uint16_t raw;
} spinat_be16;

/** A 32-bit value in network byte order: an IPv4 address or an SPI. */
typedef struct spinat_be32 {
	uint32_t raw;
} spinat_be32;

/** The handle of an engine. */
struct spinat;

enum spinat_side {
	SPINAT_INSIDE = 0,
	SPINAT_OUTSIDE = 1,
};

/* ------------------------------------------------------------- verdicts */

/** What becomes of a packet.  Every packet ends in exactly one of these. */
enum spinat_verdict {
	/** Translated in place; send it on to the side in `to`. */
	SPINAT_TRANSLATED,
	/** Not ours, left unchanged: it belongs to the gateway itself (or, from
	 * the inside, is not subject to translation).  Let it take its way. */
	SPINAT_PASSED,
	/** A fragment that waits for its first: the engine took a copy, forget
	 * the packet.  It comes back through ops.emit, or is dropped in time.
	 */
	SPINAT_HELD,
	/** Drop it; `reason` says why. */
	SPINAT_DROPPED,
	SPINAT_VERDICT_COUNT
};

/**
 * Why a packet was dropped or passed, a flow refused or ended.  Each has a
 * counter in struct spinat_stats, and a name (spinat_reason_name) and a
 * sentence (spinat_reason_text) for people.
 */
enum spinat_reason {
	SPINAT_REASON_NONE,
	/* malformed */
	SPINAT_REASON_TOO_SHORT,         /* no whole IPv4 header */
	SPINAT_REASON_NOT_IPV4,          /* version field is not 4 */
	SPINAT_REASON_BAD_HEADER_LENGTH, /* IHL under 5 or past the packet */
	SPINAT_REASON_BAD_TOTAL_LENGTH,  /* under the header or past the data */
	SPINAT_REASON_BAD_TRANSPORT,     /* transport header missing or cut */
	SPINAT_REASON_BAD_ICMP_QUOTE,    /* error whose quoted packet is cut */
	SPINAT_REASON_BAD_IKE,           /* UDP 500 without an ISAKMP header */
	SPINAT_REASON_BAD_SPI,           /* ESP SPI 0..255 (RFC 4303 2.1) */
	/* fragments */
	SPINAT_REASON_FRAGMENT_TINY,    /* first one too short for its ports */
	SPINAT_REASON_FRAGMENT_OVERLAP, /* rewrites the ports of the first */
	SPINAT_REASON_FRAGMENT_MEMORY,  /* no room to hold it */
	SPINAT_REASON_FRAGMENT_TIMEOUT, /* held, and its first never came */
	/* policy */
	SPINAT_REASON_NOT_FOR_US,     /* no public address of ours: passed */
	SPINAT_REASON_OWN_TRAFFIC,    /* the gateway's own: passed */
	SPINAT_REASON_NOT_INSIDE,     /* source of no inside network: passed */
	SPINAT_REASON_NOT_PRIVATE,    /* unregistered_only: passed */
	SPINAT_REASON_NOT_IPSEC,      /* mode ipsec-only: passed */
	SPINAT_REASON_NO_FLOW_PASSED, /* nothing known: left to the gateway */
	SPINAT_REASON_NO_FLOW_DENIED, /* nothing known: deny_incoming */
	SPINAT_REASON_FILTERED, /* mapping exists, but not for this remote */
	SPINAT_REASON_ICMP_UNRELATED, /* an error that quotes no flow of ours */
	SPINAT_REASON_ICMP_FORGED,    /* quotes what was never sent */
	SPINAT_REASON_ICMP_REFUSED, /* a type that does not cross (redirect) */
	SPINAT_REASON_AH,           /* AH cannot cross a NAT (RFC 3715 2.1) */
	/* exhaustion */
	SPINAT_REASON_NO_FLOWS, /* the flow table is full */
	SPINAT_REASON_NO_PORTS, /* no free public port or ICMP id */
	SPINAT_REASON_NO_IPSEC, /* the IKE or association table is full */
	SPINAT_REASON_CONFLICT, /* another host holds this (protocol, remote) */
	SPINAT_REASON_BUDGET, /* too many unknown SPIs or cookies of a remote */
	/* IPsec */
	SPINAT_REASON_ESP_UNKNOWN, /* unknown SPI, no client of this remote */
	SPINAT_REASON_IKE_UNKNOWN, /* unknown cookies, no client */
	SPINAT_REASON_PROVOKED,    /* a host's answer to what was a copy */
	/* why a flow ended */
	SPINAT_REASON_IDLE,      /* its timeout ran out */
	SPINAT_REASON_CLOSED,    /* TCP ended by FIN from both, or RST */
	SPINAT_REASON_REMOVED,   /* its rule or public address went away */
	SPINAT_REASON_EVICTED,   /* longest idle of an association over its cap,
				  * or oldest half-open IKE SA of a host */
	SPINAT_REASON_MOVED,     /* an inbound SPI was given to another host */
	SPINAT_REASON_DISPLACED, /* the remote serves one peer per address, and
				  * its host begins anew by another one */
	SPINAT_REASON_COUNT
};

/** The stable name, for machines: "no-ports".  Never NULL. */
SPINAT_API const char *spinat_reason_name(enum spinat_reason reason);
/** One plain sentence for people.  Never NULL. */
SPINAT_API const char *spinat_reason_text(enum spinat_reason reason);
SPINAT_API const char *spinat_verdict_name(enum spinat_verdict verdict);

/* -------------------------------------------------------------- packets */

/** The L4 checksum is unfinished: it holds the pseudo-header's sum only
 * (Linux CHECKSUM_PARTIAL, virtio-net NEEDS_CSUM).  It stays unfinished. */
#define SPINAT_PACKET_CSUM_PARTIAL 0x01u
/** From the inside: the gateway itself sends it, with one of the public
 * addresses as its source.  The back end knows that by where it met the packet:
 * a source address proves nothing. */
#define SPINAT_PACKET_OWN 0x02u

/** A packet on its way through the engine. */
struct spinat_packet {
	uint8_t *data;   /* in: the IPv4 header; rewritten in place */
	uint32_t length; /* in: bytes at data, link padding allowed */
	uint8_t side;    /* in: enum spinat_side it came from */
	uint8_t flags;   /* in: SPINAT_PACKET_* */
	uint8_t verdict; /* out: enum spinat_verdict */
	uint8_t to;      /* out: enum spinat_side it leaves by */
	uint8_t reason;  /* out: enum spinat_reason, NONE when translated */
};

/* --------------------------------------------------------------- seeing */

enum spinat_flow_kind {
	SPINAT_FLOW_SESSION, /* TCP, UDP, ICMP query, or another protocol */
	SPINAT_FLOW_ESP_OUT, /* an SPI that the inside host sends with */
	SPINAT_FLOW_ESP_IN,  /* an SPI that the remote sends with */
};

/** One end of a tuple.  For ESP and port-less protocols the port is 0; for
 * ICMP queries it is the identifier. */
struct spinat_endpoint {
	spinat_be32 address;
	spinat_be16 port;
};

/** A flow, copied out for people and machines. */
struct spinat_flow_info {
	uint32_t id; /* the record's number; reused after the flow ended */
	uint8_t kind;
	uint8_t protocol;
	bool hairpin;                      /* both ends are inside */
	bool redirected;                   /* made by a static rule */
	const char *state;                 /* static storage: "established" */
	spinat_be32 spi;                   /* ESP only */
	struct spinat_endpoint inside;     /* the inside host */
	struct spinat_endpoint public_end; /* what the outside sees of it */
	struct spinat_endpoint remote;     /* the remote, as it is */
	struct spinat_endpoint
	    remote_seen; /* the remote, as the inside sees it */
	uint64_t packets[2],
	    bytes[2]; /* by the side they came from; IP bytes */
	spinat_time created;
	spinat_time last_seen[2]; /* resolution 134 ms; 0: never */
	spinat_time expires;      /* were nothing to come any more */
	const char *why;          /* ESP only, static storage: why it is this
				   * host's */
	uint32_t candidates;      /* inbound SPI: hosts that it may, or might,
				   * belong to */
	uint64_t copies;          /* ... and what was copied to others */
	uint32_t sequence;        /* ESP only: the highest seen */
	bool open[2]; /* whether a fast path may take its packets, by the side
		       * they come from */
};

/** Rows of a score: kinds of evidence. */
#define SPINAT_SCORE_ROWS 13

/**
 * A claim: what is known of one inside host and one inbound SPI that it may
 * own, or might have.  Weights are decibans: ten are odds of ten to one, 20 of
 * a hundred to one.  They compare the claims of one SPI; by themselves they
 * mean nothing.  They are those of the last look; of an SPI that is certain, of
 * the decision.
 */
struct spinat_claim_info {
	uint32_t flow; /* the id of the SPI's flow */
	spinat_be32 spi, inside, public_address, remote;
	spinat_be32 holder;     /* the inside host that the SPI is bound to */
	const char *state;      /* of the SPI, as of its flow */
	bool holds;             /* this host is the holder */
	bool owner;             /* it is known to own the SPI */
	bool refuted;           /* it said that it does not, and is believed */
	bool objected;          /* it spoke up, protected, right after a copy */
	bool gone;              /* its association ended since */
	spinat_time refuted_at; /* 0: never */
	/* it agreed on an SA so long before the SPI; SPINAT_NEVER: on none */
	spinat_time agreed_before;
	uint32_t copies; /* packets of this SPI that it got as copies */
	uint32_t sent;   /* ESP packets that it sent in the meantime */
	int score, rows[SPINAT_SCORE_ROWS]; /* the score is the rows' sum */
};

/** The stable name of a row, for machines: "answers".  Never NULL. */
SPINAT_API const char *spinat_score_row_name(unsigned row);
/** What a row of this weight says of a host, for people: "it ...".  Never
 * NULL. */
SPINAT_API const char *spinat_score_row_text(unsigned row, int weight);

/** An IKE SA as seen from the middle (RFC 7296 3.1, RFC 2408 3.1). */
struct spinat_ike_info {
	uint32_t id;
	spinat_be32 inside, public_address, remote;
	uint8_t initiator_spi[8], responder_spi[8]; /* as on the wire */
	uint8_t version;                            /* major: 1 or 2 */
	bool inside_initiated;
	bool floated; /* moved to UDP 4500 (RFC 3947, RFC 7296 2.23) */
	spinat_be16 public_port; /* the inside host's as seen outside: 500, or
				  * one of its own */
	const char *state; /* static storage: "unanswered" ... "established" */
	uint64_t packets[2];
	spinat_time created, last_seen[2], expires;
};

/** An association: one inside host and one remote gateway.  Here and above, an
 * `inside` that is the public address is the gateway itself. */
struct spinat_peer_info {
	uint32_t id;
	spinat_be32 inside, public_address, remote;
	bool candidate; /* may be given an unknown inbound SPI of the remote */
	bool redirected;
	uint32_t ike_count, out_count,
	    in_count;                  /* live IKE SAs, SPIs each way */
	uint64_t packets[2], bytes[2]; /* ESP of its live SPIs */
	spinat_time created, last_seen[2];
	const char *why; /* static storage: why it is (not) a candidate */
	bool moved; /* through another public address than all else of the host,
		     * since the remote serves one peer per address */
	/* The remote was seen to serve one peer per address: so many times in a
	 * row, last at that time, it ended the session of host `ended` as that
	 * of host `rival` began.  0: it was not. */
	uint32_t endings;
	spinat_be32 ended, rival;
	spinat_time ended_at;
};

struct spinat_stats {
	uint64_t packets[2], bytes[2]; /* by the side they came from */
	uint64_t verdicts[SPINAT_VERDICT_COUNT];
	uint64_t reasons[SPINAT_REASON_COUNT];
	uint64_t flows_created, flows_ended, emitted;
	uint64_t copies; /* of what may be another inside host's */
	uint32_t flows, max_flows, mappings;
	uint32_t ike, max_ike, peers, max_peers;
	uint32_t probation; /* inbound SPIs whose owner is not certain */
	uint32_t fragments_held;
	size_t memory; /* bytes handed in by the caller and used */
};

enum spinat_event_kind {
	SPINAT_EVENT_CREATED, /* a flow or an IKE SA came to be */
	SPINAT_EVENT_BOUND,   /* an inbound SPI or IKE SA was given to a host */
	SPINAT_EVENT_CONFIRMED, /* an inbound SPI is certain to be its host's */
	SPINAT_EVENT_DOUBTED,   /* ... is so no more */
	SPINAT_EVENT_REFUTED, /* a host said that an inbound SPI is not its own
			       */
	SPINAT_EVENT_REFUSED, /* a new flow was refused */
	SPINAT_EVENT_DROPPED, /* a packet was dropped */
	SPINAT_EVENT_EXPIRED, /* a flow or an IKE SA ended */
	SPINAT_EVENT_NOTICE,  /* something to tell a person: once per host that
			       * it sends AH; that an IKE SA changes its port */
	/* a remote serves one peer per address: it ended an association for
	 * host `by`, and the same before; once per remote and hour */
	SPINAT_EVENT_ONE_PEER,
	/* such a remote: the association of a host with it is through another
	 * public address than all else of the host */
	SPINAT_EVENT_MOVED,
	SPINAT_EVENT_KINDS
};

/** What an event is about; which member of the union holds. */
enum spinat_subject {
	SPINAT_ABOUT_PACKET,
	SPINAT_ABOUT_FLOW,
	SPINAT_ABOUT_IKE,
	SPINAT_ABOUT_PEER
};

/** The tuple of a packet as it came in (before any rewriting). */
struct spinat_packet_info {
	uint8_t side, protocol;
	struct spinat_endpoint source, destination;
	spinat_be32 spi;
	uint32_t length;
};

/** Valid only during the call of ops.event. */
struct spinat_event {
	uint8_t kind;
	uint8_t subject;
	uint8_t reason;
	spinat_time now;
	const char *why; /* static storage; NULL: see spinat_reason_text */
	spinat_be32 by;  /* REFUTED: the inside host that said so; ONE_PEER: the
			  * one that took its place; else 0 */
	union {
		struct spinat_packet_info packet;
		struct spinat_flow_info flow;
		struct spinat_ike_info ike;
		struct spinat_peer_info peer;
	} about;
};

SPINAT_API const char *spinat_event_name(enum spinat_event_kind kind);

/* -------------------------------------------------------- configuration */

enum spinat_mode {
	SPINAT_MODE_FULL,      /* spinat is the NAT */
	SPINAT_MODE_IPSEC_ONLY /* only IKE, ESP (and AH's refusal) are ours */
};

/** Idle timeouts, in config.timeouts[]; the defaults in brackets. */
enum spinat_timeout {
	SPINAT_TIMEOUT_UDP,           /* [300 s] RFC 4787 REQ-5 */
	SPINAT_TIMEOUT_TCP_OPENING,   /* [240 s] RFC 5382 REQ-5, transitory */
	SPINAT_TIMEOUT_TCP,           /* [7440 s] RFC 5382 REQ-5, established */
	SPINAT_TIMEOUT_TCP_CLOSING,   /* [240 s] after a FIN from both */
	SPINAT_TIMEOUT_TCP_RESET,     /* [10 s] after a RST; data restores */
	SPINAT_TIMEOUT_ICMP,          /* [60 s] RFC 5508 REQ-2 */
	SPINAT_TIMEOUT_OTHER,         /* [600 s] any other protocol */
	SPINAT_TIMEOUT_ESP,           /* [25 h] idle, also of its association */
	SPINAT_TIMEOUT_ESP_UNPAIRED,  /* [120 s] outbound SPI, nothing else */
	SPINAT_TIMEOUT_IKE,           /* [25 h] established, idle */
	SPINAT_TIMEOUT_IKE_HALF_OPEN, /* [300 s] answered, not yet protected */
	SPINAT_TIMEOUT_IKE_UNANSWERED, /* [30 s] */
	SPINAT_TIMEOUT_FRAGMENT,       /* [10 s] */
	SPINAT_TIMEOUT_COUNT
};

/** What an inside host's IKE from port 500 has as its public port. */
enum spinat_ike_ports {
	SPINAT_IKE_PORTS_PRESERVE, /* 500, as all others: cookies tell whose */
	SPINAT_IKE_PORTS_REWRITE,  /* one of its own, of port_low..port_high */
	/* 500; but one of its own where the remote has answered others there
	 * and does not answer this host */
	SPINAT_IKE_PORTS_AUTO,
	SPINAT_IKE_PORTS_COUNT
};

/** What it is with one remote. */
struct spinat_ike_ports_rule {
	spinat_be32 remote;
	uint8_t policy; /* enum spinat_ike_ports */
};

/** The name as configured: "preserve", "rewrite", "auto".  Never NULL. */
SPINAT_API const char *spinat_ike_ports_name(enum spinat_ike_ports policy);

/** The name as configured: "udp", "tcp_opening" ...  Never NULL. */
SPINAT_API const char *spinat_timeout_name(enum spinat_timeout timeout);
/** The longest timeout that can be asked for. */
#define SPINAT_TIMEOUT_MAX (7 * 24 * 3600 * SPINAT_SECOND)

/** An IPv4 network; length 0..32 bits. */
struct spinat_prefix {
	spinat_be32 address;
	uint8_t length;
};

#define SPINAT_MAX_PUBLIC    64
#define SPINAT_MAX_INSIDE    64
#define SPINAT_MAX_IKE_PORTS 256
#define SPINAT_MAX_FLOWS     (1u << 26)

/** What the engine calls back.  Both may be NULL.  Neither may call into the
 * same engine, except its spinat_*_name functions and, of an event about a
 * flow, spinat_get_claim(). */
struct spinat_ops {
	/** A packet the engine sends of its own: a fragment released, an ICMP
	 * error, a duplicate.  `data` is borrowed for the call. */
	void (*emit)(void *context, enum spinat_side to, const uint8_t *data,
	    size_t length);
	/** Something happened that was asked for in config.events. */
	void (*event)(void *context, const struct spinat_event *event);
	void *context;
};

struct spinat_config {
	enum spinat_mode mode;
	/** The public addresses, the first being the gateway's main one. */
	spinat_be32 public_addresses[SPINAT_MAX_PUBLIC];
	unsigned public_count;
	/** Whose packets from the inside are translated; none: everybody's. */
	struct spinat_prefix inside[SPINAT_MAX_INSIDE];
	unsigned inside_count;
	uint16_t port_low,
	    port_high;          /* public ports, host order, both included */
	uint32_t max_flows;     /* 1 .. SPINAT_MAX_FLOWS; memory follows */
	uint32_t max_ike;       /* IKE SAs at a time */
	uint32_t max_half_open; /* of these, that one inside host opened and
				 * that are not established yet */
	uint32_t max_peers;     /* {inside host, remote gateway} pairs */
	uint32_t max_spis;      /* inbound SPIs, of max_flows */
	uint32_t max_bindings;  /* of these, in question: up to 65535 */
	uint32_t max_claims;    /* hosts in question for these, all told */
	uint32_t max_fragments; /* fragmented datagrams followed at a time */
	uint32_t max_redirects; /* static rules */
	bool same_ports;        /* keep the inside port where it is free */
	bool unregistered_only; /* translate RFC 1918 and 6598 sources only */
	bool ipsec_spread;      /* IKE and ESP of several inside hosts with one
				 * remote get different public addresses, as far
				 * as there are any */
	enum spinat_ike_ports ike_ports; /* with remotes that no rule names */
	struct spinat_ike_ports_rule ike_ports_rules[SPINAT_MAX_IKE_PORTS];
	unsigned ike_ports_count; /* rules; each names another remote */
	bool deny_incoming;       /* drop what matches nothing */
	bool endpoint_independent_filtering; /* RFC 4787 5: a mapping is open to
						all */
	spinat_time timeouts[SPINAT_TIMEOUT_COUNT];
	uint32_t events;  /* which kinds are called back: 1u << kind, or-ed */
	uint8_t seed[32]; /* of the hashes and of all random choices: secret */
	struct spinat_ops ops;
};

/** Fills in every default; addresses and seed are left zero. */
SPINAT_API void spinat_config_init(struct spinat_config *config);

/** Checks a configuration.  On -EINVAL `*what` (static storage) says which
 * value is wrong and what would be right. */
SPINAT_API SPINAT_MUST_CHECK int spinat_config_check(
    const struct spinat_config *config, const char **what);

enum spinat_redirect_kind {
	SPINAT_REDIRECT_PORT,  /* public port(s) to an inside host's port(s) */
	SPINAT_REDIRECT_PROTO, /* an IP protocol to an inside host */
	SPINAT_REDIRECT_ADDRESS, /* a whole public address to an inside host */
	SPINAT_REDIRECT_IPSEC,   /* IKE and ESP that nobody else claims */
};

/** A static rule.  Zero address, port or protocol: any. */
struct spinat_redirect {
	enum spinat_redirect_kind kind;
	uint8_t protocol; /* PORT: TCP or UDP; PROTO: any */
	spinat_be32 inside;
	spinat_be32 public_address; /* 0: the first public address */
	spinat_be32 remote;
	uint16_t inside_port, public_port, port_count; /* host order */
	uint16_t remote_port, remote_port_count;       /* host order */
};

/* -------------------------------------------------------------- the engine */

/** Bytes of memory an engine of this configuration wants. */
SPINAT_API SPINAT_MUST_CHECK size_t spinat_memory_size(
    const struct spinat_config *config);

/**
 * Makes an engine inside `memory`: zeroed, aligned to 64 bytes, best on
 * huge pages, at least spinat_memory_size() long.  The caller keeps owning it
 * and frees it when it is done with the engine; nothing else is allocated.
 * Errors: -EINVAL (see spinat_config_check), -ENOMEM (size too small).
 */
SPINAT_API SPINAT_MUST_CHECK int spinat_create(struct spinat **engine,
    const struct spinat_config *config, void *memory, size_t size,
    spinat_time now);

/**
 * The memory of an engine comes in regions.  All but the first are tables that
 * a fast path, such as a program in the kernel, may look up and count in beside
 * the engine: see spinat_create_shared().
 */
enum spinat_region {
	SPINAT_REGION_ENGINE, /* what is the engine's alone */
	SPINAT_REGION_FLOWS,  /* records of 64 bytes; number 0 is never used */
	SPINAT_REGION_COUNTERS_INSIDE, /* of packets from the inside: 16 bytes,
					* as many as records */
	SPINAT_REGION_COUNTERS_OUTSIDE,
	SPINAT_REGION_INDEX,      /* buckets of 64 bytes that find records */
	SPINAT_REGION_SPIS,       /* the same, of inbound SPIs seen outside */
	SPINAT_REGION_IDENTITIES, /* sequences of IP ids: 4 bytes each */
	SPINAT_REGIONS
};

struct spinat_memory {
	/* zeroed (or see spinat_adopt()), aligned to 64 bytes */
	void *base[SPINAT_REGIONS];
	size_t size[SPINAT_REGIONS];
};

/** How large each region has to be; -EINVAL: see spinat_config_check(). */
SPINAT_API SPINAT_MUST_CHECK int spinat_region_sizes(
    const struct spinat_config *config, size_t size[SPINAT_REGIONS]);

/**
 * Makes an engine whose tables others read and count in while it works, each
 * region by itself; else as spinat_create().  A record of a flow that ended is
 * then used again only after a grace period, which the caller waits out:
 *
 *     if (spinat_grace_begin(engine)) {
 *             wait until everybody who looked something up before is done;
 *             spinat_grace_end(engine);
 *     }
 *
 * now and then, and best soon after many flows have ended.  Meanwhile the
 * engine goes on.
 */
SPINAT_API SPINAT_MUST_CHECK int spinat_create_shared(struct spinat **engine,
    const struct spinat_config *config, const struct spinat_memory *memory,
    spinat_time now);

/** Of everything in the shared regions; another one: nothing can be adopted. */
#define SPINAT_LAYOUT_VERSION 1u

struct spinat_adoption {
	uint32_t sessions, spis; /* flows that go on */
	uint32_t refused; /* that this engine could not have made: they ended */
	uint32_t mended;  /* slots of indexes that were wrong or missing */
};

/**
 * Goes on with the flows that an engine before this one left in the shared
 * regions, while a fast path may be translating by them: right after
 * spinat_create_shared() and spinat_add_redirect(), which then were given
 * regions that are not zeroed, of the same SPINAT_LAYOUT_VERSION and sizes.
 * The first 16 bytes of config.seed must be the same, and `now` of the same
 * clock.  The other engine may have been stopped anywhere; whatever is in the
 * regions, this ends well.  ESP in question, and IKE, come back by
 * spinat_restore() only, after this.
 *
 * What ended here may still be in use by the fast path: a grace period has to
 * pass before the engine is asked anything else.
 */
SPINAT_API void spinat_adopt(
    struct spinat *engine, spinat_time now, struct spinat_adoption *adoption);

/** False: no record waits, or the last grace period is not over. */
SPINAT_API SPINAT_MUST_CHECK bool spinat_grace_begin(struct spinat *engine);
SPINAT_API void spinat_grace_end(struct spinat *engine);

/** How to look up in an index; see lib/flow/index.h. */
struct spinat_index_layout {
	uint32_t buckets, number_mask;
};

/** The numbers of a hash, secret; see lib/base/hash.h. */
struct spinat_hash_layout {
	uint64_t add, times[4], finish;
};

/** What one has to know to look up in the tables of an engine. */
struct spinat_layout {
	struct spinat_hash_layout hash;     /* of keys */
	struct spinat_hash_layout identity; /* of the sequences of IP ids */
	struct spinat_index_layout index, spis;
	uint32_t max_flows;
};

SPINAT_API void spinat_get_layout(
    const struct spinat *engine, struct spinat_layout *layout);

/** Adds a static rule.  -EINVAL: impossible; -EEXIST: its public ports are
 * taken by another; -ENOSPC: config.max_redirects reached. */
SPINAT_API SPINAT_MUST_CHECK int spinat_add_redirect(
    struct spinat *engine, const struct spinat_redirect *rule);

/** Replaces the public addresses (a dynamic interface got a new one): at most
 * as many as at creation.  Flows of an address that went away end with reason
 * REMOVED. */
SPINAT_API SPINAT_MUST_CHECK int spinat_set_public(struct spinat *engine,
    spinat_time now, const spinat_be32 *addresses, unsigned count);

/**
 * Translates a burst: every packet gets its verdict.  `now` never goes back.
 * Bursts of 32 and more are fastest: the engine hashes all, prefetches all,
 * then works.
 */
SPINAT_API void spinat_translate(struct spinat *engine, spinat_time now,
    struct spinat_packet *packets, size_t count);

/**
 * Runs the timers that are due, a bounded number of them, and returns when it
 * wants to be called next (SPINAT_NEVER: only after the next packet).
 */
SPINAT_API spinat_time spinat_run_timers(
    struct spinat *engine, spinat_time now);

/** What a step of a walk came to. */
enum spinat_walk {
	SPINAT_WALK_END,   /* that was all */
	SPINAT_WALK_FOUND, /* *info is filled */
	SPINAT_WALK_ON,    /* only empty slots so far: call again */
};

/* Walks.  Start with *cursor = 0 and go on until SPINAT_WALK_END.  A step looks
 * at a bounded number of slots, so that a walk never stalls the packets; what
 * is added or ends between steps may be seen or not. */
SPINAT_API enum spinat_walk spinat_next_flow(const struct spinat *engine,
    uint32_t *cursor, struct spinat_flow_info *info);
SPINAT_API enum spinat_walk spinat_next_ike(const struct spinat *engine,
    uint32_t *cursor, struct spinat_ike_info *info);
SPINAT_API enum spinat_walk spinat_next_peer(const struct spinat *engine,
    uint32_t *cursor, struct spinat_peer_info *info);
/** ... over the claims, those of one SPI together. */
SPINAT_API enum spinat_walk spinat_next_claim(const struct spinat *engine,
    uint32_t *cursor, struct spinat_claim_info *info);
/** One of the claims of a flow, from 0; false: it has no more. */
SPINAT_API bool spinat_get_claim(const struct spinat *engine, uint32_t flow,
    unsigned number, struct spinat_claim_info *info);
SPINAT_API void spinat_get_stats(
    const struct spinat *engine, struct spinat_stats *stats);

/* ----------------------------------------------- what outlives a restart */

/* IKE SAs and SPIs are known by what was seen of them, which nobody says
 * again.  So that a tunnel survives a restart of the NAT, the caller writes
 * down what spinat_next_change() hands out and gives it to spinat_restore()
 * of the next engine.  TCP, UDP and the rest are not written down. */

enum spinat_memo_kind {
	SPINAT_MEMO_IKE,
	SPINAT_MEMO_ESP_OUT,
	SPINAT_MEMO_ESP_IN,
	SPINAT_MEMO_KINDS
};

/** The numbers are written down: they never change their meaning. */
enum spinat_memo_state {
	SPINAT_MEMO_UNANSWERED = 0, /* IKE */
	SPINAT_MEMO_HALF_OPEN = 1,
	SPINAT_MEMO_ESTABLISHED = 2,
	SPINAT_MEMO_UNPAIRED = 3, /* ESP outward */
	SPINAT_MEMO_PAIRED = 4,
	SPINAT_MEMO_BOUND = 5, /* ESP inward */
	SPINAT_MEMO_CONFIRMED = 6,
	SPINAT_MEMO_SHARED = 7, /* of several hosts that chose the same SPI */
};

/** How many hosts may own an SPI beside the one that a memo names `inside`. */
#define SPINAT_MEMO_OWNERS 8u

/** All that is needed to make a record again.  Times are spans before the
 * `now` of the call, since a monotonic clock does not outlive a boot. */
struct spinat_memo {
	/** The record's name: a later memo with the same id replaces this one,
	 * whatever its kind.  Means nothing to another engine. */
	uint32_t id;
	bool gone;     /* it ended: only `id` holds */
	uint8_t kind;  /* enum spinat_memo_kind */
	uint8_t state; /* enum spinat_memo_state */
	bool hairpin;  /* the remote is a public address of ours */
	spinat_be32 inside, public_address, remote;
	spinat_time age;
	spinat_time idle[2]; /* by side, the last packet; SPINAT_NEVER: none */
	uint64_t packets[2], bytes[2]; /* by the side they came from */
	/* ESP */
	spinat_be32 spi;
	uint32_t highest_sequence; /* at least: it is not always up to date */
	/** SHARED: the inside hosts that own it too, the rest zero.  Each is
	 * one as long as it has an association with the remote, which its own
	 * memos bring back, before this one or after it. */
	spinat_be32 owners[SPINAT_MEMO_OWNERS];
	/* IKE */
	uint8_t initiator_spi[8], responder_spi[8]; /* as on the wire */
	uint8_t version;                            /* major: 1 or 2 */
	uint8_t protected_from;                     /* 1 << side, or-ed */
	bool inside_initiated;
	bool floated;            /* moved to UDP 4500 */
	spinat_be16 public_port; /* 500, or one of its own; ESP: 0 */
};

/**
 * Hands out a record that changed since it was last handed out.  That one came
 * to be, changed its state or ended is handed out at the next call, stamps and
 * counters of an active one every 30 seconds.  SPINAT_WALK_ON: nothing yet,
 * call again; SPINAT_WALK_END: nothing for now, ask again in a while.  A call
 * does a bounded, small piece of work; never calling costs nothing.
 */
SPINAT_API enum spinat_walk spinat_next_change(
    struct spinat *engine, spinat_time now, struct spinat_memo *memo);

/** What was written down is lost, or is to be written anew: every record there
 * is counts as changed.  What is gone already is not handed out again. */
SPINAT_API void spinat_change_all(struct spinat *engine);

/**
 * Puts a record back, before or between packets; the most recently active of an
 * association go first, since it lives as long as any of them.  It goes on
 * where it was: its timeout too.  Every value is checked, so it may come from a
 * file that nobody vouches for. Errors: -EINVAL (impossible values);
 * -EADDRNOTAVAIL (its public address or port is not ours any more, or its host
 * is not inside); -ETIME (its timeout ran out meanwhile); -EEXIST (it is
 * there); -ENOSPC (no room).
 */
SPINAT_API SPINAT_MUST_CHECK int spinat_restore(
    struct spinat *engine, spinat_time now, const struct spinat_memo *memo);

/** "0.1.0" */
SPINAT_API const char *spinat_version(void);

#ifdef __cplusplus
}
#endif
#endif
