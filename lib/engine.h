/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine: all its parts in one struct, which lies at the head of the memory
 * that the caller handed in.
 */
#ifndef SPINAT_ENGINE_H
#define SPINAT_ENGINE_H

#include "flow/mapping.h"
#include "flow/redirect.h"
#include "ipsec/binding.h"
#include "ipsec/ike_sa.h"
#include "ipsec/memo.h"
#include "ipsec/peer.h"
#include "ipsec/sketch.h"
#include "packet/fragment.h"
#include "packet/identity.h"

#define BURST      32u /* packets hashed and prefetched together */
#define AH_HOSTS   64u /* hosts that were told about AH */
#define ICMP_BURST 16u /* ICMP errors of our own at once, then 7 a second */

struct spinat {
	struct spinat_config config;
	tick timeouts[SPINAT_TIMEOUT_COUNT];
	spinat_time now;
	tick tick;

	be32 publics[SPINAT_MAX_PUBLIC];
	unsigned public_count, public_max;

	struct flow_table table;
	struct ports ports;
	struct redirects redirects;
	struct peers peers;
	struct ike_table ikes;
	struct memos memos;
	struct bindings bindings;
	struct sketch sketch;
	struct fragments fragments;
	struct identities identities;
	struct random random;
	tick timers_done; /* the last tick whose timers have all fired */

	be32 ah_hosts[AH_HOSTS];
	unsigned ah_next;
	unsigned icmp_tokens;
	tick icmp_refilled;

	struct spinat_stats stats;
	struct copies copies; /* of the packet at work */
	be16 identity;        /* that its datagram has got before; zero: none */
	struct view views[BURST];
};

/** An association; the remote that it is with. */
static inline struct peer *peer_at(struct spinat *engine, uint32_t number)
{
	return &engine->peers.peers[number];
}

static inline struct remote *remote_of(struct spinat *engine, uint32_t peer)
{
	return &engine->peers.remotes.remotes[peer_at(engine, peer)->of];
}

/** What is known of whose an inbound SPI is; by the SPI's flow. */
static inline struct binding *binding_at(struct spinat *engine, uint32_t number)
{
	return &engine->bindings.bindings[number];
}

static inline struct binding *binding_of(struct spinat *engine, uint32_t flow)
{
	return binding_at(engine, engine->table.flows[flow].binding);
}

/** Whether an address is one of ours; if it is one of the list, *number says
 * which (else public_max: a redirect_address of its own). */
bool engine_is_public(
    const struct spinat *engine, be32 address, unsigned *number);
/** The public address of an inside host: always the same one (RFC 4787 REQ-2,
 * paired pooling). */
be32 engine_public_of(const struct spinat *engine, be32 inside);
/** The same for its IKE and ESP with a remote: a host that a rule makes
 * responder answers from where it was asked, and the gateway itself keeps the
 * address that it has. */
be32 engine_ipsec_public_of(
    const struct spinat *engine, be32 inside, be32 remote);
/** Whether mode ipsec-only leaves this protocol to the kernel. */
bool engine_leaves_to_kernel(const struct spinat *engine, uint8_t protocol);
/** Whether packets of this inside source are to be translated; otherwise the
 * reason they are passed. */
enum spinat_reason engine_inside_policy(
    const struct spinat *engine, be32 source);

#endif
