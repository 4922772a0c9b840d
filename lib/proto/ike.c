/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IKE on UDP 500: every client keeps the port; the cookies tell them apart.
 * Only an address changes, and the UDP checksum with it; no payload is touched
 * (IKEv2 authenticates IKE_SA_INIT).
 *
 * Outward an IKE SA is learnt from the host's own message.  Inward a message
 * goes by exact cookies; else by the initiator's, which covers a first answer;
 * else it is the remote's own doing, and choose_inbound() looks for its host:
 * an initial request goes to one host only (several would answer), anything
 * else is protected and only its owner can take it.  (With several candidates
 * that fan-out belongs there.)
 */
#include "event.h"
#include "ipsec/association.h"
#include "timers.h"
#include "packet/rewrite.h"
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

static uint32_t open_sa(struct spinat *engine, uint32_t number_of_peer,
    const struct ike_message *message, enum spinat_side from)
{
	const struct peer *peer = &engine->peers.peers[number_of_peer];
	struct ike_sa *sa;
	uint32_t number, surplus;

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
	sa->version = message->version;
	sa->created = engine->tick;
	/* Of a side that has not spoken: no sign of life after the first. */
	sa->last[SPINAT_INSIDE] = sa->last[SPINAT_OUTSIDE] = engine->tick;
	/* IKEv2 says who is the initiator; IKEv1 does in its first message. */
	sa->inside_initiated = message->from_initiator_known
	    ? message->from_initiator == (from == SPINAT_INSIDE)
	    : from == SPINAT_INSIDE;
	association_add_ike(engine, number);
	timers_ike_changed(engine, number);
	return number;
}

static SLOW_PATH uint32_t learn_outbound(struct spinat *engine,
    const struct view *view, const struct ike_message *message,
    enum spinat_verdict *verdict)
{
	const uint32_t peer = ipsec_sender(engine, view, verdict);
	uint32_t number;

	if (peer == 0)
		return 0;
	number = open_sa(engine, peer, message, SPINAT_INSIDE);
	if (number == 0) {
		peer_close_if_empty(&engine->peers, peer);
		*verdict = verdict_refuse(engine, view, SPINAT_REASON_NO_IPSEC);
		return 0;
	}
	event_ike(engine, SPINAT_EVENT_CREATED, number, SPINAT_REASON_NONE,
	    "learnt from the inside host's own message");
	return number;
}

/* A message from the outside with cookies that are not known. */
static SLOW_PATH uint32_t choose_inbound(struct spinat *engine,
    const struct view *view, const struct ike_message *message, be32 sender,
    enum spinat_verdict *verdict)
{
	const char *why = NULL;
	uint32_t peer = 0, number;
	enum association_choice choice;

	if (!engine_is_public(engine, view_destination(view), NULL)) {
		*verdict = verdict_pass(engine, view, SPINAT_REASON_NOT_FOR_US);
		return 0;
	}
	choice = association_choose(engine, view_destination(view),
	    view_source(view), sender, &peer, &why);
	if (choice == ASSOCIATION_NONE ||
	    (!message->initial && !message->is_protected)) {
		if (peer != 0)
			peer_close_if_empty(&engine->peers, peer);
		*verdict = ipsec_unknown(
		    engine, view, sender, SPINAT_REASON_IKE_UNKNOWN);
		return 0;
	}
	/* Of several, the one most recently active gets an initial request. */
	if (choice == ASSOCIATION_SEVERAL && !message->initial) {
		*verdict =
		    verdict_refuse(engine, view, SPINAT_REASON_IKE_AMBIGUOUS);
		return 0;
	}
	number = open_sa(engine, peer, message, SPINAT_OUTSIDE);
	if (number == 0) {
		peer_close_if_empty(&engine->peers, peer);
		*verdict = verdict_refuse(engine, view, SPINAT_REASON_NO_IPSEC);
		return 0;
	}
	event_ike(engine, SPINAT_EVENT_BOUND, number, SPINAT_REASON_NONE, why);
	return number;
}

/* What a message tells about its SA. */
static void follow(struct spinat *engine, uint32_t number,
    const struct ike_message *message, enum spinat_side from)
{
	struct ike_sa *sa = &engine->ikes.sas[number];
	enum ike_state state = sa->state;

	if (state != IKE_ESTABLISHED || ike_spi_is_zero(sa->responder))
		memo_ike_changed(engine, number);
	sa->packets[from]++;
	sa->last[from] = engine->tick;
	if (message->is_protected)
		sa->protected_from |= (uint8_t)(1u << from);
	/* The responder's part, from its first answer on; while nothing is
	 * protected it may still answer the opening with another one. */
	if (!ike_spi_is_zero(message->responder) &&
	    (ike_spi_is_zero(sa->responder) || state != IKE_ESTABLISHED))
		memcpy(sa->responder, message->responder, 8);
	if (state == IKE_UNANSWERED && sa->packets[0] != 0 &&
	    sa->packets[1] != 0)
		state = IKE_HALF_OPEN;
	if (sa->protected_from == 3)
		state = IKE_ESTABLISHED;
	if (state == (enum ike_state)sa->state)
		return;
	ike_set_state(sa, state);
	if (state == IKE_ESTABLISHED)
		association_paired(engine, sa->peer);
}

static uint32_t find_sa(const struct spinat *engine, const struct view *view,
    const struct ike_message *message, be32 sender)
{
	struct ike_query query = {
	    .key = key_of(engine, view, message),
	    .sender = sender,
	    .responder = message->responder,
	    .exact = true,
	};
	uint32_t number;

	if (view->side == SPINAT_INSIDE)
		query.inside = view_source(view);
	number = ike_find(&engine->ikes, &query, view->hash);
	if (number != 0)
		return number;
	query.exact = false;
	return ike_find(&engine->ikes, &query, view->hash);
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

static enum spinat_verdict take(
    struct spinat *engine, struct view *view, be32 sender)
{
	const enum spinat_side from = view->side;
	struct ike_message message;
	struct ike_sa *sa;
	uint32_t number;

	if (!parse(view, &message))
		return malformed(engine, view);
	number = find_sa(engine, view, &message, sender);
	if (UNLIKELY(number == 0)) {
		enum spinat_verdict verdict = SPINAT_DROPPED;
		number = from == SPINAT_INSIDE
		    ? learn_outbound(engine, view, &message, &verdict)
		    : choose_inbound(engine, view, &message, sender, &verdict);
		if (number == 0)
			return verdict;
	}
	follow(engine, number, &message, from);
	sa = &engine->ikes.sas[number];
	if (from == SPINAT_OUTSIDE) {
		rewrite_udp_addresses(view, view_source(view), sa->inside);
		return verdict_translated(engine, view, SPINAT_INSIDE);
	}
	rewrite_udp_addresses(view, sa->public_address, view_destination(view));
	sa->sent_checksum = load_be16(view->l4 + UDP_CHECKSUM);
	sa->sent_id = load_be16(view->ip + IP4_ID);
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
	return take(engine, view, (be32){0});
}
