/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP errors (RFC 792, RFC 5508 4): the packet they quote tells whose they
 * are.  Outer and quoted addresses are translated, the quoted checksums mended
 * as far as they are there, and no error ever changes any state (RFC 5508
 * REQ-6): a forged one neither kills nor redirects anything.
 *
 * What an error quotes was sent the other way: coming from the outside, it
 * quotes our public end as the source.
 */
#include "ipsec/ike_port.h"
#include "ipsec/probation.h"
#include "packet/parse.h"
#include "packet/rewrite.h"
#include "proto/identify.h"
#include "proto/proto.h"
#include "verdict.h"

#define SMALLEST_MTU 576u /* RFC 791: every host takes this much */

/* Whom an error is for, and how its quote reads there. */
struct target {
	struct quote_tuple quote;
	be32 source; /* outer, on the other side */
	be32 destination;
	enum spinat_side to;
};

/* The key of the quoted packet: the side is where the error came from, and
 * the local end is the one that sent it (from the outside) or that it was sent
 * to (from the inside). */
static struct key quoted_key(
    const struct quote *quote, enum spinat_side side, bool source_is_local)
{
	struct key key = {
	    .protocol = quote->protocol,
	    .kind = (uint8_t)side,
	    .local = source_is_local ? quote->source : quote->destination,
	    .remote = source_is_local ? quote->destination : quote->source,
	};
	const be16 source = load_be16(quote->l4 + L4_SOURCE_PORT);
	const be16 destination = load_be16(quote->l4 + L4_DESTINATION_PORT);

	switch (quote->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		key.ids.port.local = source_is_local ? source : destination;
		key.ids.port.remote = source_is_local ? destination : source;
		break;
	case IPPROTO_ICMP:
		key.ids.port.local = load_be16(quote->l4 + ICMP_ID);
		break;
	case IPPROTO_ESP:
		key.ids.spi = load_be32(quote->l4 + ESP_SPI);
		if (!source_is_local)
			key.kind |= KEY_INSIDE_SPI_IN;
		break;
	default:
		break;
	}
	return key;
}

static uint32_t find(const struct spinat *engine, const struct key *key)
{
	return flow_table_find(
	    &engine->table, key, key_hash(&engine->table.seed, key));
}

/* How the flow reads on its other side. */
static void fill_target(struct target *target, const struct flow *flow,
    enum spinat_side seen, bool source_is_local, const struct view *view)
{
	const struct flow_side *other = &flow->side[!seen];
	const bool ports =
	    flow->protocol == IPPROTO_TCP || flow->protocol == IPPROTO_UDP;
	const be16 remote_port =
	    ports ? other->ids.port.remote : other->ids.port.local;

	target->to = (flow->flags & FLOW_HAIRPIN) != 0 ? SPINAT_INSIDE : !seen;
	if (source_is_local) {
		target->quote = (struct quote_tuple){
		    other->local,
		    other->remote,
		    other->ids.port.local,
		    remote_port,
		};
		/* The error's sender may be a router on the way: it keeps its
		 * address; only where it goes changes. */
		target->source = view_source(view);
		target->destination = other->local;
	} else {
		target->quote = (struct quote_tuple){
		    other->remote,
		    other->local,
		    ports ? other->ids.port.remote : other->ids.port.local,
		    other->ids.port.local,
		};
		/* From the inside, whichever host or router sent it: it leaves
		 * as the flow's public address. */
		target->source = other->local;
		target->destination = other->remote;
	}
}

/* An error about ESP we sent: is it about something that was sent at all?
 * Eight quoted bytes, SPI and sequence, must suffice (RFC 792). */
static bool plausible_esp(
    const struct view *view, const struct quote *quote, const struct flow *flow)
{
	const uint32_t sequence =
	    be32_to_host(load_be32(quote->l4 + ESP_SEQUENCE));
	const unsigned mtu = be16_to_host(load_be16(view->l4 + ICMP_NEXT_MTU));

	if ((int32_t)(sequence - flow->highest_sequence) > 0)
		return false;
	return view->l4[ICMP_TYPE] != ICMP_UNREACHABLE ||
	    view->l4[ICMP_CODE] != ICMP_CODE_NEEDS_FRAGMENT || mtu == 0 ||
	    mtu >= SMALLEST_MTU;
}

/* Whether a quoted IKE message is this SA's: by its cookie if that much is
 * quoted, else by the checksum and IP id of the last message sent. */
static bool quotes_ike(const struct ike_sa *sa, const struct quote *quote)
{
	if (quote->l4_length >= UDP_HEADER + 8u)
		return memcmp(quote->l4 + UDP_HEADER, sa->initiator, 8) == 0;
	return be16_equal(
		   load_be16(quote->l4 + UDP_CHECKSUM), sa->sent_checksum) &&
	    be16_equal(load_be16(quote->ip + IP4_ID), sa->sent_id);
}

/* IKE shares one tuple among all clients of a remote that keep port 500. */
static const struct ike_sa *find_quoted_ike(const struct spinat *engine,
    const struct quote *quote, be32 public_address, be32 remote, be32 inside)
{
	for (uint32_t p = peer_first_of(&engine->peers, public_address, remote);
	     p != 0; p = engine->peers.peers[p].next) {
		const struct peer *peer = &engine->peers.peers[p];
		if (!be32_is_zero(inside) && !be32_equal(peer->inside, inside))
			continue;
		for (uint32_t i = peer->ikes; i != 0;
		     i = engine->ikes.sas[i].next)
			if (quotes_ike(&engine->ikes.sas[i], quote))
				return &engine->ikes.sas[i];
	}
	return NULL;
}

static bool is_ike_port(be16 port)
{
	return be16_equal(port, be16_from_host(IKE_PORT));
}

/* The inside host whose own port a quote from outside has as its source; zero:
 * nobody's. */
static be32 owner_of_quoted_port(
    const struct spinat *engine, const struct quote *quote)
{
	const uint32_t peer = peer_find_port(&engine->peers, quote->source,
	    quote->destination, load_be16(quote->l4 + L4_SOURCE_PORT));

	return engine->peers.peers[peer].inside; /* of none: record 0, zero */
}

/* What is the gateway's own is passed to it, and to nobody else: an inside host
 * has nothing to say of it. */
static enum spinat_reason reason_of_own(const struct view *view)
{
	return view->side == SPINAT_OUTSIDE ? SPINAT_REASON_OWN_TRAFFIC
					    : SPINAT_REASON_ICMP_UNRELATED;
}

static enum spinat_reason target_of_ike(const struct spinat *engine,
    const struct view *view, const struct quote *quote, struct target *target)
{
	const bool from_outside = view->side == SPINAT_OUTSIDE;
	const struct ike_sa *sa = from_outside
	    ? find_quoted_ike(engine, quote, quote->source, quote->destination,
		  owner_of_quoted_port(engine, quote))
	    : find_quoted_ike(engine, quote,
		  engine_ipsec_public_of(
		      engine, quote->destination, quote->source),
		  quote->source, quote->destination);
	const be16 source_port = load_be16(quote->l4 + L4_SOURCE_PORT);
	const be16 destination_port =
	    load_be16(quote->l4 + L4_DESTINATION_PORT);
	be32 ours;

	if (sa == NULL)
		return SPINAT_REASON_ICMP_UNRELATED;
	if (peer_is_own(&engine->peers.peers[sa->peer]))
		return reason_of_own(view);
	ours = from_outside ? sa->inside : sa->public_address;
	target->quote = (struct quote_tuple){
	    from_outside ? ours : quote->source,
	    from_outside ? quote->destination : ours,
	    from_outside ? be16_from_host(IKE_PORT) : source_port,
	    from_outside ? destination_port : ike_port_of(engine, sa),
	};
	target->source = from_outside ? view_source(view) : ours;
	target->destination = from_outside ? ours : sa->remote;
	target->to = !view->side;
	return SPINAT_REASON_NONE;
}

/* Whether it quotes our end's port 500, or from outside a host's own port. */
static bool about_ike(const struct spinat *engine, const struct view *view,
    const struct quote *quote)
{
	if (quote->protocol != IPPROTO_UDP)
		return false;
	if (view->side == SPINAT_INSIDE)
		return is_ike_port(load_be16(quote->l4 + L4_DESTINATION_PORT));
	return is_ike_port(load_be16(quote->l4 + L4_SOURCE_PORT)) ||
	    !be32_is_zero(owner_of_quoted_port(engine, quote));
}

/* A host without ESP that got a copy of what may be another's says so. */
static bool is_provoked(
    struct spinat *engine, const struct view *view, const struct quote *quote)
{
	return view->side == SPINAT_INSIDE && quote->protocol == IPPROTO_ESP &&
	    view->l4[ICMP_TYPE] == ICMP_UNREACHABLE &&
	    !engine_is_public(engine, quote->destination, NULL) &&
	    probation_refuted(engine,
		engine_ipsec_public_of(
		    engine, quote->destination, quote->source),
		quote->source, quote->destination,
		load_be32(quote->l4 + ESP_SPI));
}

static enum spinat_reason find_target(struct spinat *engine,
    const struct view *view, const struct quote *quote, struct target *target)
{
	/* From the outside it quotes what our end sent. */
	bool source_is_local = view->side == SPINAT_OUTSIDE;
	enum spinat_side seen = view->side;
	struct key key;
	uint32_t number;
	const struct flow *flow;

	/* Only queries have an identifier, and a flow. */
	if (quote->protocol == IPPROTO_ICMP &&
	    !icmp_is_query(quote->l4[ICMP_TYPE]))
		return SPINAT_REASON_ICMP_UNRELATED;
	if (about_ike(engine, view, quote))
		return target_of_ike(engine, view, quote, target);
	if (UNLIKELY(is_provoked(engine, view, quote)))
		return SPINAT_REASON_PROVOKED;
	key = quoted_key(quote, seen, source_is_local);
	number = find(engine, &key);
	if (number == 0 && view->side == SPINAT_INSIDE &&
	    engine_is_public(engine, quote->source, NULL)) {
		/* Within a hairpin the other inside host answers: it quotes
		 * the flow's outside tuple, whose local end is public. */
		seen = SPINAT_OUTSIDE;
		source_is_local = true;
		key = quoted_key(quote, seen, source_is_local);
		number = find(engine, &key);
	}
	if (number == 0)
		return SPINAT_REASON_ICMP_UNRELATED;
	flow = &engine->table.flows[number];
	if ((flow->flags & FLOW_OWN) != 0)
		return reason_of_own(view);
	if (flow_kind(flow) == SPINAT_FLOW_ESP_OUT &&
	    !plausible_esp(view, quote, flow))
		return SPINAT_REASON_ICMP_FORGED;
	fill_target(target, flow, seen, source_is_local, view);
	/* In a hairpin nobody learns an inside address. */
	if ((flow->flags & FLOW_HAIRPIN) != 0 && source_is_local)
		target->source = target->quote.destination;
	return SPINAT_REASON_NONE;
}

enum spinat_verdict icmp_error_packet(struct spinat *engine, struct view *view)
{
	const uint8_t type = view->l4[ICMP_TYPE];
	struct quote quote;
	struct target target;
	enum spinat_reason reason;

	if (view->side == SPINAT_INSIDE) {
		reason = engine_inside_policy(engine, view_source(view));
		if (reason != SPINAT_REASON_NONE)
			return verdict_pass(engine, view, reason);
	} else if (!engine_is_public(engine, view_destination(view), NULL)) {
		return verdict_pass(engine, view, SPINAT_REASON_NOT_FOR_US);
	}
	if (!parse_quote(view, &quote))
		return engine->config.mode == SPINAT_MODE_IPSEC_ONLY
		    ? verdict_pass(engine, view, SPINAT_REASON_NOT_IPSEC)
		    : verdict_drop(engine, view, SPINAT_REASON_BAD_ICMP_QUOTE);
	reason = find_target(engine, view, &quote, &target);
	if (reason == SPINAT_REASON_ICMP_UNRELATED &&
	    engine->config.mode == SPINAT_MODE_IPSEC_ONLY)
		return verdict_pass(engine, view, SPINAT_REASON_NOT_IPSEC);
	if (reason == SPINAT_REASON_ICMP_UNRELATED)
		/* From the outside it may be about the gateway's own packets;
		 * from the inside to elsewhere it must not leave as it is. */
		return view->side == SPINAT_OUTSIDE ||
			engine_is_public(engine, view_destination(view), NULL)
		    ? verdict_pass(engine, view, reason)
		    : verdict_drop(engine, view, reason);
	if (reason == SPINAT_REASON_OWN_TRAFFIC)
		return verdict_pass(engine, view, reason);
	if (reason != SPINAT_REASON_NONE)
		return verdict_drop(engine, view, reason);
	/* A redirect or a source quench is between neighbours (RFC 1812). */
	if (type == ICMP_REDIRECT || type == ICMP_SOURCE_QUENCH)
		return verdict_drop(engine, view, SPINAT_REASON_ICMP_REFUSED);
	rewrite_quote(view, &quote, &target.quote);
	rewrite_addresses(view->ip, target.source, target.destination);
	identify(engine, view);
	return verdict_translated(engine, view, target.to);
}
