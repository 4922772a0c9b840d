/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An initial request goes to exactly one host: several would answer.  A static
 * rule's, or the candidate most recently active that was not asked lately: a
 * remote that comes again, with other cookies, was not served by who was, or
 * wants another.  So one that rebooted finds each of its hosts within a few
 * tries.  Who declines in clear, or stays silent, makes way at once.
 *
 * Anything else that is protected can only be taken by its owner (RFC 7296
 * 2.21, RFC 2409): copies go to all candidates, in groups if they are many,
 * those first that just agreed on something: this is an IKE SA that was
 * rekeyed, whenever its new cookies are first used.  No state is made; the
 * owner's answer makes it (proto/ike.c, learn_outbound()).
 */
#include "event.h"
#include "ipsec/association.h"
#include "ipsec/ike_port.h"
#include "ipsec/notify.h"
#include "ipsec/probation.h"
#include "lifetime.h"
#include "packet/rewrite.h"
#include "timers.h"
#include "proto/copies.h"
#include "proto/ike.h"
#include "proto/ipsec.h"
#include "verdict.h"

/* A host that was asked is not asked again so soon, unless all were. */
#define ASKED_SPAN (60 * SPINAT_SECOND)
/* Requests without an answer until another host gets them. */
#define UNANSWERED_MOST 2u

static bool was_asked(const struct spinat *engine, const struct peer *peer)
{
	return peer->was_asked &&
	    engine->tick - peer->asked < tick_span(ASKED_SPAN);
}

static void note_asked(struct spinat *engine, uint32_t peer)
{
	peer_at(engine, peer)->was_asked = true;
	peer_at(engine, peer)->asked = engine->tick;
}

/* The candidate for an initial request; 0: all were asked. */
static uint32_t choose_willing(
    struct spinat *engine, uint32_t first, be32 sender, enum binding_why tier)
{
	uint32_t best = 0;
	tick latest = 0;

	for (uint32_t p = first; p != 0; p = peer_at(engine, p)->next) {
		const tick active = lifetime_peer_activity(engine, p);
		if (be32_equal(peer_at(engine, p)->inside, sender) ||
		    was_asked(engine, peer_at(engine, p)) ||
		    !association_is_one_of(engine, p, tier))
			continue;
		if (best == 0 || tick_is_after(active, latest)) {
			best = p;
			latest = active;
		}
	}
	return best;
}

static uint32_t choose_host(
    struct spinat *engine, const struct candidates *candidates, be32 sender)
{
	const uint32_t first = remote_of(engine, candidates->latest)->peers;
	uint32_t best;

	if (candidates->count == 1)
		return candidates->latest;
	best = choose_willing(engine, first, sender, candidates->why);
	if (best != 0)
		return best;
	/* All were: they are asked once more. */
	for (uint32_t p = first; p != 0; p = peer_at(engine, p)->next)
		peer_at(engine, p)->was_asked = false;
	return candidates->latest;
}

/* The hosts that a protected message may be for: those first that just agreed
 * on something, the others in turn. */
static void choose_copies(struct spinat *engine,
    const struct candidates *candidates, be32 sender, struct copies *copies)
{
	const uint32_t first = remote_of(engine, candidates->latest)->peers;
	struct remote *remote = remote_of(engine, candidates->latest);
	unsigned skip = candidates->count > COPIES_MOST + 1
	    ? remote->rotor % candidates->count
	    : 0;

	for (uint32_t p = first; p != 0; p = peer_at(engine, p)->next)
		peer_at(engine, p)->mark = 0;
	for (int pass = 0; pass < 3; pass++)
		for (uint32_t p = first; p != 0; p = peer_at(engine, p)->next) {
			struct peer *peer = peer_at(engine, p);
			const bool agreed =
			    expect_best(&peer->expects, engine->tick) != NULL;

			if (!be32_is_zero(copies->instead))
				return;
			if (be32_equal(peer->inside, sender) ||
			    agreed != (pass == 0) || peer->mark != 0 ||
			    !association_is_one_of(engine, p, candidates->why))
				continue;
			if (pass == 1 && skip != 0) {
				skip--;
				continue;
			}
			if (copies->count < COPIES_MOST)
				copies->hosts[copies->count++] = peer->inside;
			else
				copies->instead = peer->inside;
			peer->copied = engine->now;
			peer->mark = 1;
			remote->rotor++;
		}
}

/* A protected message that several hosts may own. */
static enum spinat_verdict fan_out(struct spinat *engine,
    const struct view *view, const struct candidates *candidates, be32 sender)
{
	struct remote *remote = remote_of(engine, candidates->latest);
	struct copies *copies = &engine->copies;

	if (!bucket_take_many(&remote->copies, REMOTE_COPIES, engine->tick,
		candidates->count < COPIES_MOST ? candidates->count
						: COPIES_MOST))
		return verdict_refuse(engine, view, SPINAT_REASON_BUDGET);
	choose_copies(engine, candidates, sender, copies);
	if (copies->count == 0)
		return verdict_refuse(engine, view, SPINAT_REASON_BUDGET);
	/* The packet itself goes to the last of them. */
	if (be32_is_zero(copies->instead))
		copies->instead = copies->hosts[--copies->count];
	engine->stats.copies += copies->count;
	copies_spare_gateway(copies, view_destination(view), copies->instead);
	copies_send(engine, view, copies);
	if (be32_equal(copies->instead, view_destination(view)))
		return verdict_pass(engine, view, SPINAT_REASON_OWN_TRAFFIC);
	rewrite_udp_destination(
	    view, copies->instead, be16_from_host(IKE_PORT));
	return verdict_translated(engine, view, SPINAT_INSIDE);
}

/* Looking for whose it is costs more the more hosts there are: a remote, or who
 * forges its address, has a budget for that. */
static bool is_admitted(struct spinat *engine, const struct view *view)
{
	const uint32_t number = remote_find(
	    &engine->peers.remotes, view_destination(view), view_source(view));

	return number == 0 ||
	    bucket_take(&engine->peers.remotes.remotes[number].ike, REMOTE_IKE,
		engine->tick);
}

static uint32_t open_for(struct spinat *engine, const struct view *view,
    const struct ike_message *message, uint32_t peer,
    enum spinat_verdict *verdict)
{
	const uint32_t number =
	    ike_open_sa(engine, peer, message, SPINAT_OUTSIDE);

	if (number != 0)
		return number;
	peer_close_if_empty(&engine->peers, peer);
	*verdict = ipsec_refuse(engine, view, SPINAT_REASON_NO_IPSEC);
	return 0;
}

uint32_t ike_choose(struct spinat *engine, const struct view *view,
    const struct ike_message *message, be32 sender,
    enum spinat_verdict *verdict)
{
	struct candidates candidates;
	uint32_t peer, number;

	if (!engine_is_public(engine, view_destination(view), NULL)) {
		*verdict = verdict_pass(engine, view, SPINAT_REASON_NOT_FOR_US);
		return 0;
	}
	if (!is_admitted(engine, view)) {
		*verdict = ipsec_refuse(engine, view, SPINAT_REASON_BUDGET);
		return 0;
	}
	candidates = association_candidates(
	    engine, view_destination(view), view_source(view), sender);
	if (candidates.count == 0 ||
	    (!message->initial && !message->is_protected)) {
		if (candidates.count != 0)
			peer_close_if_empty(&engine->peers, candidates.latest);
		*verdict = ipsec_unknown(
		    engine, view, sender, SPINAT_REASON_IKE_UNKNOWN);
		return 0;
	}
	if (candidates.count > 1 && !message->initial) {
		*verdict = fan_out(engine, view, &candidates, sender);
		return 0;
	}
	peer = choose_host(engine, &candidates, sender);
	number = open_for(engine, view, message, peer, verdict);
	if (number == 0)
		return 0;
	note_asked(engine, peer);
	event_ike(engine, SPINAT_EVENT_BOUND, number, SPINAT_REASON_NONE,
	    candidates.count == 1
		? binding_why_text(candidates.why)
		: "of several hosts, the one most recently active that was not "
		  "asked lately");
	return number;
}

uint32_t ike_bind_by_port(struct spinat *engine, const struct view *view,
    const struct ike_message *message, uint32_t peer, be32 sender,
    enum spinat_verdict *verdict)
{
	uint32_t number;

	if (!is_admitted(engine, view)) {
		*verdict = verdict_refuse(engine, view, SPINAT_REASON_BUDGET);
		return 0;
	}
	if ((!message->initial && !message->is_protected) ||
	    be32_equal(peer_at(engine, peer)->inside, sender)) {
		*verdict = ipsec_unknown(
		    engine, view, sender, SPINAT_REASON_IKE_UNKNOWN);
		return 0;
	}
	number = open_for(engine, view, message, peer, verdict);
	if (number == 0)
		return 0;
	if (!ike_port_take(engine, number)) {
		/* Making room ended what it had it for. */
		timers_end_ike(engine, number, SPINAT_REASON_NO_PORTS);
		*verdict = verdict_refuse(engine, view, SPINAT_REASON_NO_PORTS);
		return 0;
	}
	event_ike(engine, SPINAT_EVENT_BOUND, number, SPINAT_REASON_NONE,
	    "it came to this host's own port");
	return number;
}

static bool has_others(struct spinat *engine, const struct ike_sa *sa)
{
	const struct candidates candidates = association_candidates(
	    engine, sa->public_address, sa->remote, sa->inside);
	const bool others = candidates.count != 0;

	if (others)
		peer_close_if_empty(&engine->peers, candidates.latest);
	return others;
}

/* Whether one of the others was not asked lately. */
static bool has_willing(struct spinat *engine, const struct ike_sa *sa)
{
	const struct candidates candidates = association_candidates(
	    engine, sa->public_address, sa->remote, sa->inside);
	bool willing;

	if (candidates.count == 0)
		return false;
	willing =
	    choose_willing(engine, remote_of(engine, candidates.latest)->peers,
		sa->inside, candidates.why) != 0;
	peer_close_if_empty(&engine->peers, candidates.latest);
	return willing;
}

bool ike_wants_another(struct spinat *engine, uint32_t number,
    const struct ike_message *message, be32 sender)
{
	const struct ike_sa *sa = &engine->ikes.sas[number];

	if (LIKELY(sa->state != IKE_UNANSWERED) || sa->inside_initiated ||
	    sa->own_port || !message->initial ||
	    sa->packets[SPINAT_OUTSIDE] < UNANSWERED_MOST ||
	    !be32_is_zero(sender) || !has_others(engine, sa))
		return false;
	note_asked(engine, sa->peer);
	timers_end_ike(engine, number, SPINAT_REASON_MOVED);
	return true;
}

/* NO_PROPOSAL_CHOSEN to a request that others may agree to: they are asked,
 * when the remote sends it again.  The last one's is the answer. */
static bool declines(
    struct spinat *engine, uint32_t peer, const struct ike_message *message)
{
	for (uint32_t i = peer_at(engine, peer)->ikes; i != 0;
	     i = engine->ikes.sas[i].next) {
		const struct ike_sa *sa = &engine->ikes.sas[i];
		if (sa->inside_initiated || sa->own_port ||
		    sa->state == IKE_ESTABLISHED ||
		    memcmp(sa->initiator, message->initiator, 8) != 0)
			continue;
		if (!has_willing(engine, sa))
			return false;
		note_asked(engine, peer);
		timers_end_ike(engine, i, SPINAT_REASON_MOVED);
		return true;
	}
	return false;
}

bool ike_is_provoked(struct spinat *engine, const struct view *view,
    const struct ike_message *message)
{
	const be32 inside = view_source(view), remote = view_destination(view);
	const be32 public_address =
	    engine_ipsec_public_of(engine, inside, remote);
	const uint32_t peer =
	    peer_find(&engine->peers, inside, public_address, remote);
	be32 spi;

	if (peer == 0)
		return false;
	switch (notify_parse(message, view->l4 + UDP_HEADER,
	    view->l4_length - (size_t)UDP_HEADER, &spi)) {
	case NOTIFY_INVALID_SPI:
		return probation_refuted(
		    engine, public_address, remote, inside, spi);
	case NOTIFY_INVALID_IKE_SPI:
		return association_was_given_copy(engine, peer);
	case NOTIFY_NO_PROPOSAL_CHOSEN:
		return declines(engine, peer, message);
	case NOTIFY_NONE:
		break;
	}
	return false;
}
