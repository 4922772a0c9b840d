/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IKE on UDP 500: clients keep the port, and the cookies tell them apart; or a
 * client has a port of its own outside (ipsec/ike_port.h).  Only an address and
 * perhaps that port changes, and the UDP checksum with it; no payload is
 * touched (IKEv2 authenticates IKE_SA_INIT).
 *
 * Outward an IKE SA is learnt from the host's own message.  Inward a message
 * goes by exact cookies; else by the initiator's, which covers a first answer;
 * else it is the remote's own doing, and proto/ike_inbound.c looks for its
 * host.
 */
#include "event.h"
#include "ipsec/association.h"
#include "ipsec/half_open.h"
#include "ipsec/ike_port.h"
#include "ipsec/notify.h"
#include "ipsec/probation.h"
#include "ipsec/rivals.h"
#include "timers.h"
#include "packet/rewrite.h"
#include "proto/copies.h"
#include "proto/identify.h"
#include "proto/ike.h"
#include "proto/ipsec.h"
#include "proto/proto.h"
#include "verdict.h"

static bool parse(const struct view *view, struct ike_message *message)
{
	return ike_parse(message, view->l4 + UDP_HEADER,
	    view->l4_length - (size_t)UDP_HEADER);
}

static struct key key_of(const struct spinat *engine, const struct view *view,
    const struct ike_message *message)
{
	return view->side == SPINAT_INSIDE
	    ? ike_key(engine_ipsec_public_of(
			  engine, view_source(view), view_destination(view)),
		  view_destination(view), message->initiator)
	    : ike_key(view_destination(view), view_source(view),
		  message->initiator);
}

uint64_t ike_hash(
    const struct spinat *engine, const struct view *view, bool *valid)
{
	struct ike_message message;
	struct key key;

	*valid = parse(view, &message);
	if (!*valid)
		return 0;
	key = key_of(engine, view, &message);
	return key_hash(&engine->ikes.seed, &key);
}

uint32_t ike_open_sa(struct spinat *engine, uint32_t number_of_peer,
    const struct ike_message *message, enum spinat_side from)
{
	struct peer *peer = &engine->peers.peers[number_of_peer];
	struct ike_sa *sa;
	uint32_t number, surplus;

	if (message->initial)
		rivals_begin(engine, number_of_peer, from);
	surplus = association_surplus_ike(engine, number_of_peer);
	if (surplus != 0)
		timers_end_ike(engine, surplus, SPINAT_REASON_EVICTED);
	number = ike_open(&engine->ikes, peer->public_address, peer->remote,
	    message->initiator);
	if (number == 0)
		return 0;
	sa = &engine->ikes.sas[number];
	sa->inside = peer->inside;
	sa->peer = number_of_peer;
	memcpy(sa->responder, message->responder, 8);
	sa->seen_from_start = message->initial;
	sa->version = message->version;
	sa->created = engine->tick;
	/* Of a side that has not spoken: no sign of life after the first. */
	sa->last[SPINAT_INSIDE] = sa->last[SPINAT_OUTSIDE] = engine->tick;
	/* IKEv2 says who is the initiator; IKEv1 does in its first message. */
	sa->inside_initiated = message->from_initiator_known
	    ? message->from_initiator == (from == SPINAT_INSIDE)
	    : from == SPINAT_INSIDE;
	/* Cookies first seen in a protected message are of an IKE SA that was
	 * rekeyed within the one before: what was thought to make an IPsec SA
	 * made this. */
	if (message->is_protected && !message->initial)
		(void)expect_close_best(&peer->expects, engine->tick);
	association_add_ike(engine, number);
	if (from == SPINAT_INSIDE)
		half_open_enter(&engine->ikes, number);
	timers_ike_changed(engine, number);
	return number;
}

/* Auto sends an SA from another port than its host had. */
static void tell_of_port(
    struct spinat *engine, uint32_t number, const char *changed)
{
	if (changed != NULL)
		event_ike(engine, SPINAT_EVENT_NOTICE, number,
		    SPINAT_REASON_NONE, changed);
}

static SLOW_PATH uint32_t learn_outbound(struct spinat *engine,
    const struct view *view, const struct ike_message *message,
    enum spinat_verdict *verdict)
{
	const bool own = ipsec_is_own(view);
	const uint32_t surplus = half_open_surplus(
	    &engine->ikes, view_source(view), engine->config.max_half_open);
	const char *changed = NULL;
	uint32_t peer, number;

	/* What the gateway answers to whoever calls it makes no state, unless
	 * there is somebody else whom that remote might mean. */
	if (own && !message->initial &&
	    peer_first_of(&engine->peers, view_source(view),
		view_destination(view)) == 0) {
		*verdict =
		    verdict_pass(engine, view, SPINAT_REASON_OWN_TRAFFIC);
		return 0;
	}
	if (surplus != 0)
		timers_end_ike(engine, surplus, SPINAT_REASON_EVICTED);
	if (message->initial && !own)
		rivals_give_way(
		    engine, view_source(view), view_destination(view));
	peer = ipsec_sender(engine, view, verdict);
	if (peer == 0)
		return 0;
	number = ike_open_sa(engine, peer, message, SPINAT_INSIDE);
	if (number == 0) {
		peer_close_if_empty(&engine->peers, peer);
		*verdict = ipsec_refuse(engine, view, SPINAT_REASON_NO_IPSEC);
		return 0;
	}
	if (!own && !ike_port_choose(engine, number, message, true, &changed)) {
		association_remove_ike(engine, number);
		ike_close(&engine->ikes, number);
		*verdict = verdict_refuse(engine, view, SPINAT_REASON_NO_PORTS);
		return 0;
	}
	event_ike(engine, SPINAT_EVENT_CREATED, number, SPINAT_REASON_NONE,
	    own ? "learnt from the gateway's own message"
		: "learnt from the inside host's own message");
	tell_of_port(engine, number, changed);
	return number;
}

/* An initial request is sent again. */
static SLOW_PATH bool request_again(
    struct spinat *engine, uint32_t number, const struct ike_message *message)
{
	const char *changed;

	if (!ike_port_choose(engine, number, message, false, &changed))
		return false;
	tell_of_port(engine, number, changed);
	return true;
}

/* Exchanges that may make an IPsec SA open and strengthen hints. */
static void follow_exchange(struct spinat *engine, uint32_t number,
    const struct ike_message *message, enum spinat_side from)
{
	struct ike_sa *sa = &engine->ikes.sas[number];
	struct expects *expects = &engine->peers.peers[sa->peer].expects;
	tick opened;

	switch (exchange_follow(
	    &sa->exchanges, message, from, engine->tick, &opened)) {
	case EXCHANGE_OPENS:
		expect_open(expects, EXPECT_WEAK, engine->tick);
		break;
	case EXCHANGE_COMPLETES:
		expect_strengthen(expects, opened, engine->tick);
		break;
	case EXCHANGE_NOTHING:
		break;
	}
}

/* What a message tells about its SA.  `own`: it came from outside to its host's
 * own port. */
static void follow(struct spinat *engine, uint32_t number,
    const struct ike_message *message, enum spinat_side from, bool own)
{
	struct ike_sa *sa = &engine->ikes.sas[number];
	enum ike_state state = sa->state;

	if (state != IKE_ESTABLISHED || ike_spi_is_zero(sa->responder))
		memo_ike_changed(engine, number);
	sa->packets[from]++;
	sa->last[from] = engine->tick;
	if (message->is_protected) {
		sa->protected_from |= (uint8_t)(1u << from);
		if (from == SPINAT_OUTSIDE)
			rivals_heard(engine, sa->peer, message);
		if (!sa->floated)
			follow_exchange(engine, number, message, from);
		if (from == SPINAT_INSIDE && engine->bindings.in_probation != 0)
			probation_spoke(
			    engine, sa->peer, ike_is_informational(message));
	}
	/* The responder's part, from its first answer on; while nothing is
	 * protected it may still answer the opening with another one. */
	if (!ike_spi_is_zero(message->responder) &&
	    (ike_spi_is_zero(sa->responder) || state != IKE_ESTABLISHED))
		memcpy(sa->responder, message->responder, 8);
	if (state == IKE_UNANSWERED && sa->packets[0] != 0 &&
	    sa->packets[1] != 0) {
		state = IKE_HALF_OPEN;
		if (from == SPINAT_OUTSIDE)
			ike_port_answered(engine, number, own);
	}
	if (sa->protected_from == 3)
		state = IKE_ESTABLISHED;
	if (state == (enum ike_state)sa->state)
		return;
	ike_set_state(sa, state);
	if (state != IKE_ESTABLISHED)
		return;
	half_open_leave(&engine->ikes, number);
	association_paired(engine, sa->peer);
	rivals_established(engine, number);
	if (!sa->seen_from_start)
		association_resumed(engine, sa->peer);
}

/* `inside` zero: whoever. */
static uint32_t find_sa(const struct spinat *engine, const struct view *view,
    const struct ike_message *message, be32 inside, be32 sender)
{
	struct ike_query query = {
	    .key = key_of(engine, view, message),
	    .inside = inside,
	    .sender = sender,
	    .responder = message->responder,
	    .exact = true,
	};
	uint32_t number;

	for (int open = 0; open < 2; open++) {
		query.exact = open == 0;
		/* The gateway's own before anybody's. */
		if (be32_is_zero(inside)) {
			query.inside = view_destination(view);
			number = ike_find(&engine->ikes, &query, view->hash);
			if (number != 0)
				return number;
		}
		query.inside = inside;
		number = ike_find(&engine->ikes, &query, view->hash);
		if (number != 0)
			return number;
	}
	return 0;
}

/* Port 500 without an ISAKMP header: nobody's, unless the gateway's. */
static SLOW_PATH enum spinat_verdict malformed(
    struct spinat *engine, const struct view *view)
{
	const bool to_us =
	    engine_is_public(engine, view_destination(view), NULL);
	enum spinat_reason passed;

	if (view->side == SPINAT_OUTSIDE)
		return to_us
		    ? verdict_unknown(engine, view, SPINAT_REASON_BAD_IKE)
		    : verdict_pass(engine, view, SPINAT_REASON_NOT_FOR_US);
	passed = engine_inside_policy(engine, view_source(view));
	if (passed == SPINAT_REASON_NONE && to_us)
		passed = SPINAT_REASON_BAD_IKE;
	return passed == SPINAT_REASON_NONE
	    ? verdict_drop(engine, view, SPINAT_REASON_BAD_IKE)
	    : verdict_pass(engine, view, passed);
}

/* The SA of a message from the inside; 0: *verdict is given. */
static uint32_t take_outbound(struct spinat *engine, const struct view *view,
    const struct ike_message *message, enum spinat_verdict *verdict)
{
	uint32_t number;

	/* A public address as the source makes nobody the gateway. */
	if (UNLIKELY(engine_is_public(engine, view_source(view), NULL) &&
		!ipsec_is_own(view))) {
		*verdict =
		    verdict_pass(engine, view, SPINAT_REASON_OWN_TRAFFIC);
		return 0;
	}
	if (UNLIKELY(!message->is_protected) &&
	    ike_is_provoked(engine, view, message)) {
		*verdict = verdict_drop(engine, view, SPINAT_REASON_PROVOKED);
		return 0;
	}
	number = find_sa(engine, view, message, view_source(view), (be32){0});
	if (UNLIKELY(number == 0))
		return learn_outbound(engine, view, message, verdict);
	if (UNLIKELY(message->initial) && !ipsec_is_own(view) &&
	    !request_again(engine, number, message)) {
		*verdict = verdict_refuse(engine, view, SPINAT_REASON_NO_PORTS);
		return 0;
	}
	return number;
}

/* The port that a packet from outside came to (in a hairpin the view's key has
 * none). */
static be16 port_arrived_at(const struct view *view)
{
	return load_be16(view->l4 + L4_DESTINATION_PORT);
}

static uint32_t owner_of_port(
    const struct spinat *engine, const struct view *view)
{
	if (LIKELY(engine->peers.by_port.used == 0))
		return 0;
	return peer_find_port(&engine->peers, view_destination(view),
	    view_source(view), port_arrived_at(view));
}

bool ike_takes(const struct spinat *engine, struct view *view)
{
	bool valid;

	if (view->protocol != IPPROTO_UDP || view->side != SPINAT_OUTSIDE ||
	    owner_of_port(engine, view) == 0)
		return false;
	view->hash = ike_hash(engine, view, &valid);
	if (valid)
		view->kind = VIEW_IKE;
	return valid;
}

/* The SA of a message from the outside; `peer`: to the own port of this
 * association; 0: to port 500. */
static uint32_t take_inbound(struct spinat *engine, const struct view *view,
    const struct ike_message *message, uint32_t peer, be32 sender,
    enum spinat_verdict *verdict)
{
	const be32 inside =
	    peer != 0 ? peer_at(engine, peer)->inside : (be32){0};
	const uint32_t number = find_sa(engine, view, message, inside, sender);

	if (LIKELY(number != 0) &&
	    !ike_wants_another(engine, number, message, sender))
		return number;
	return peer != 0
	    ? ike_bind_by_port(engine, view, message, peer, sender, verdict)
	    : ike_choose(engine, view, message, sender, verdict);
}

static enum spinat_verdict take(
    struct spinat *engine, struct view *view, be32 sender)
{
	const enum spinat_side from = view->side;
	enum spinat_verdict verdict = SPINAT_DROPPED;
	struct ike_message message;
	struct ike_sa *sa;
	uint32_t number, peer = 0;
	bool own;

	if (!parse(view, &message))
		return malformed(engine, view);
	if (from == SPINAT_OUTSIDE)
		peer = owner_of_port(engine, view);
	number = from == SPINAT_INSIDE
	    ? take_outbound(engine, view, &message, &verdict)
	    : take_inbound(engine, view, &message, peer, sender, &verdict);
	if (UNLIKELY(number == 0))
		return verdict;
	follow(engine, number, &message, from, peer != 0);
	sa = &engine->ikes.sas[number];
	own = peer_is_own(peer_at(engine, sa->peer));
	if (from == SPINAT_OUTSIDE && own)
		return verdict_pass(engine, view, SPINAT_REASON_OWN_TRAFFIC);
	if (from == SPINAT_OUTSIDE) {
		rewrite_udp_destination(
		    view, sa->inside, be16_from_host(IKE_PORT));
		return verdict_translated(engine, view, SPINAT_INSIDE);
	}
	if (!own) {
		rewrite_udp_source(
		    view, sa->public_address, ike_port_of(engine, sa));
		identify(engine, view);
	}
	sa->sent_checksum = load_be16(view->l4 + UDP_CHECKSUM);
	sa->sent_id = load_be16(view->ip + IP4_ID);
	if (own)
		return verdict_pass(engine, view, SPINAT_REASON_OWN_TRAFFIC);
	if (UNLIKELY(engine_is_public(engine, view_destination(view), NULL))) {
		const be32 inside = sa->inside;
		bool valid;
		ipsec_turn_inward(view);
		view->hash = ike_hash(engine, view, &valid);
		return take(engine, view, inside);
	}
	return verdict_translated(engine, view, SPINAT_OUTSIDE);
}

enum spinat_verdict ike_packet(struct spinat *engine, struct view *view)
{
	copies_none(engine);
	return take(engine, view, (be32){0});
}
