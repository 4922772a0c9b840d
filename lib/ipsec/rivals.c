/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/rivals.h"

#include "event.h"
#include "ipsec/association.h"
#include "timers.h"

/* ------------------------------------------------------------- looking */

static struct moment later(struct moment a, struct moment b)
{
	return !a.was || (b.was && tick_is_after(b.at, a.at)) ? b : a;
}

/* ESP that came for it: by SPIs that are certain to be its own, or also by
 * those that it merely holds. */
static struct moment esp_of(
    const struct spinat *engine, uint32_t number, bool certain)
{
	struct moment last = {.was = false}, own;

	for (uint32_t f = engine->peers.peers[number].flows; f != 0;
	     f = engine->table.flows[f].group_next) {
		const struct flow *flow = &engine->table.flows[f];

		if (flow_kind(flow) != SPINAT_FLOW_ESP_IN ||
		    (certain && flow->state != FLOW_CONFIRMED))
			continue;
		own.was = flow_table_last(
		    &engine->table, f, SPINAT_OUTSIDE, engine->tick, &own.at);
		last = later(last, own);
	}
	return last;
}

static struct moment heard_of(const struct spinat *engine, uint32_t number)
{
	return later(
	    engine->peers.peers[number].heard, esp_of(engine, number, true));
}

static struct moment sent_of(const struct spinat *engine, uint32_t number)
{
	const struct peer *peer = &engine->peers.peers[number];
	struct moment sent = {.was = false}, own;

	for (uint32_t f = peer->flows; f != 0;
	     f = engine->table.flows[f].group_next) {
		if (flow_kind(&engine->table.flows[f]) != SPINAT_FLOW_ESP_OUT)
			continue;
		own.was = flow_table_last(
		    &engine->table, f, SPINAT_INSIDE, engine->tick, &own.at);
		sent = later(sent, own);
	}
	for (uint32_t i = peer->ikes; i != 0; i = engine->ikes.sas[i].next) {
		const struct ike_sa *sa = &engine->ikes.sas[i];

		own.was = sa->state == IKE_ESTABLISHED;
		own.at = sa->last[SPINAT_INSIDE];
		sent = later(sent, own);
	}
	return sent;
}

static struct single_sight see(
    const struct spinat *engine, uint32_t number, bool begins)
{
	const struct peer *peer = &engine->peers.peers[number];
	const struct remote *remotes = engine->peers.remotes.remotes;
	const uint32_t rival = peer_find(&engine->peers, peer->watch.rival,
	    peer->public_address, peer->remote);
	struct single_sight sight = {
	    .heard = heard_of(engine, number),
	    .given = later(peer->heard, esp_of(engine, number, false)),
	    .told = peer->told,
	    .sent = sent_of(engine, number),
	    .begins = begins,
	    .certain = remotes[peer->of].probation_count == 0,
	};

	if (rival != 0)
		sight.rival = heard_of(engine, rival);
	return sight;
}

/* The records of a remote, one a public address; 0: none at this place. */
static uint32_t record_at(
    const struct spinat *engine, unsigned place, be32 remote)
{
	return remote_find(
	    &engine->peers.remotes, engine->publics[place], remote);
}

const struct single *rivals_evidence(const struct spinat *engine, be32 remote)
{
	const struct remote *remotes = engine->peers.remotes.remotes;

	if (engine->peers.remotes.singles == 0)
		return NULL;
	for (unsigned i = 0; i < engine->public_count; i++) {
		const uint32_t number = record_at(engine, i, remote);

		if (number != 0 && remotes[number].single.recognised)
			return &remotes[number].single;
	}
	return NULL;
}

bool rivals_is_single(const struct spinat *engine, be32 remote)
{
	return rivals_evidence(engine, remote) != NULL;
}

/* A public address that no host uses with the remote. */
static bool has_free(const struct spinat *engine, be32 remote)
{
	for (unsigned i = 0; i < engine->public_count; i++)
		if (record_at(engine, i, remote) == 0 &&
		    !redirect_gives_away(
			&engine->redirects, engine->publics[i]))
			return true;
	return false;
}

/* -------------------------------------------------------------- saying */

static const char *advice(const struct spinat *engine, be32 remote)
{
	if (engine->public_count == 1)
		return "the remote ended its session as the other host's "
		       "began, "
		       "and the same before: it serves one peer per address; "
		       "add an alias_address, or use NAT traversal (UDP 4500), "
		       "or give the hosts different identities";
	if (has_free(engine, remote))
		return "the remote ended its session as the other host's "
		       "began, "
		       "and the same before: it serves one peer per address; "
		       "whoever begins IKE anew gets a public address of its "
		       "own, and with ipsec_addresses spread everybody does at "
		       "once";
	return "the remote ended its session as the other host's began, and "
	       "the same before: it serves one peer per address, and there are "
	       "more hosts than public addresses; add an alias_address, or use "
	       "NAT traversal (UDP 4500), or give the hosts different "
	       "identities";
}

/* Once per remote and hour, whichever public addresses it was seen through. */
static void say(struct spinat *engine, uint32_t number)
{
	const struct peer *peer = &engine->peers.peers[number];
	struct remote *remotes = engine->peers.remotes.remotes;

	for (unsigned i = 0; i < engine->public_count; i++) {
		const uint32_t record = record_at(engine, i, peer->remote);

		if (record != 0 &&
		    !single_may_say(&remotes[record].single, engine->tick))
			return;
	}
	remotes[peer->of].single.said = (struct moment){engine->tick, true};
	event_peer(engine, SPINAT_EVENT_ONE_PEER, number, peer->watch.rival,
	    advice(engine, peer->remote));
}

/* -------------------------------------------------------------- judging */

static void set_single(
    struct spinat *engine, uint32_t record, const struct single *single)
{
	struct remotes *remotes = &engine->peers.remotes;
	struct single *old = &remotes->remotes[record].single;

	remotes->singles -= old->recognised;
	*old = *single;
	remotes->singles += old->recognised;
}

/* Somebody was served beside another: so it is through every address. */
static void forget_single(struct spinat *engine, be32 remote)
{
	for (unsigned i = 0; i < engine->public_count; i++) {
		const uint32_t record = record_at(engine, i, remote);
		struct single single;

		if (record == 0)
			continue;
		single = engine->peers.remotes.remotes[record].single;
		single.recognised = false;
		single.endings = 0;
		set_single(engine, record, &single);
	}
}

enum occasion {
	RIVAL_IS_UP,
	HOST_BEGINS,
	REMOTE_BEGINS, /* a new IKE SA */
};

static void judge(
    struct spinat *engine, uint32_t number, enum occasion occasion)
{
	struct peer *peer = peer_at(engine, number);
	struct single single = remote_of(engine, number)->single;
	struct single_sight sight;
	enum single_verdict verdict;

	if (!peer->watch.on)
		return;
	sight = see(engine, number, occasion == HOST_BEGINS);
	verdict = single_judge(&peer->watch, &sight, engine->tick);
	if (verdict == SINGLE_SERVED)
		forget_single(engine, peer->remote);
	if (verdict == SINGLE_ENDED) {
		single_note(&single, &peer->watch, peer->inside,
		    remote_of(engine, number)->peer_count, engine->tick);
		set_single(engine, peer->of, &single);
		peer->ended = true;
		if (single.recognised)
			say(engine, number);
	}
	if (verdict != SINGLE_OPEN || occasion != RIVAL_IS_UP)
		peer->watch.on = false;
}

/* --------------------------------------------------------- named events */

void rivals_heard(
    struct spinat *engine, uint32_t number, const struct ike_message *message)
{
	struct peer *peer = peer_at(engine, number);

	peer->heard = (struct moment){engine->tick, true};
	if (ike_is_informational(message) && !message->is_response)
		peer->told = peer->heard;
}

void rivals_begin(struct spinat *engine, uint32_t number, enum spinat_side from)
{
	judge(engine, number,
	    from == SPINAT_INSIDE ? HOST_BEGINS : REMOTE_BEGINS);
	peer_at(engine, number)->before = heard_of(engine, number);
}

/* Another host's IKE SA was established. */
static void face(
    struct spinat *engine, uint32_t number, const struct single_rival *rival)
{
	struct peer *peer = peer_at(engine, number);
	const be32 newest = remote_of(engine, number)->single.newest;
	struct moment heard;
	const char *why;

	judge(engine, number, RIVAL_IS_UP);
	heard = heard_of(engine, number);
	if (!peer->ended &&
	    !single_is_awaited(&peer->watch, heard, engine->tick) &&
	    association_is_candidate(engine, number, &why))
		peer->watch = single_watch(rival, esp_of(engine, number, true),
		    be32_equal(peer->inside, newest));
}

void rivals_established(struct spinat *engine, uint32_t ike)
{
	const struct ike_sa *sa = &engine->ikes.sas[ike];
	struct peer *peer = peer_at(engine, sa->peer);
	const struct single_rival rival = {
	    .inside = sa->inside,
	    .began = sa->created,
	    .since = engine->tick,
	    .before = peer->before,
	};

	/* What was rekeyed began before, and on UDP 4500 a remote knows its
	 * peers by port. */
	if (!sa->seen_from_start || sa->floated)
		return;
	peer->watch.on = false;
	peer->ended = false;
	for (uint32_t p = remote_of(engine, sa->peer)->peers; p != 0;
	     p = peer_at(engine, p)->next)
		if (p != sa->peer)
			face(engine, p, &rival);
	remote_of(engine, sa->peer)->single.newest = sa->inside;
}

/* --------------------------------------------------------------- healing */

/* Of a remote that serves one: it ended, or may have, which is enough then, or
 * it never began. */
static bool is_over(const struct spinat *engine, uint32_t number)
{
	const struct peer *peer = &engine->peers.peers[number];

	return peer->ended ||
	    single_is_silent(&peer->watch, heard_of(engine, number)) ||
	    !association_is_paired(engine, number);
}

void rivals_give_way(struct spinat *engine, be32 inside, be32 remote)
{
	const be32 address = engine_ipsec_public_of(engine, inside, remote);
	const uint32_t number =
	    peer_find(&engine->peers, inside, address, remote);
	struct peer *peer = peer_at(engine, number);
	bool over;

	if (number == 0)
		return;
	over = is_over(engine, number);
	judge(engine, number, HOST_BEGINS);
	if (peer->redirected || remote_of(engine, number)->peer_count == 1 ||
	    !over || !rivals_is_single(engine, remote) ||
	    !has_free(engine, remote))
		return;
	while (peer->live && peer->flows != 0)
		timers_end_flow(engine, peer->flows, SPINAT_REASON_DISPLACED);
	while (peer->live && peer->ikes != 0)
		timers_end_ike(engine, peer->ikes, SPINAT_REASON_DISPLACED);
}

void rivals_placed(struct spinat *engine, uint32_t number)
{
	struct peer *peer = peer_at(engine, number);
	const struct single *evidence;

	/* Only when it is new. */
	if (peer->out_count + peer->in_count + peer->ike_count != 0 ||
	    be32_equal(
		peer->public_address, engine_public_of(engine, peer->inside)))
		return;
	peer_set_astray(&engine->peers, number);
	evidence = rivals_evidence(engine, peer->remote);
	if (evidence == NULL || peer->redirected || engine->config.ipsec_spread)
		return;
	if (!remote_of(engine, number)->single.recognised)
		set_single(engine, peer->of, evidence);
	event_peer(engine, SPINAT_EVENT_MOVED, number, (be32){0},
	    "the remote serves one peer per address: with it the host goes by "
	    "another public address than with all others");
}
