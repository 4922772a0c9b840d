/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/ike_port.h"

#include "ipsec/association.h"

/* So many initial requests without an answer, over so long, are silence.  IKE
 * sends a request again after half a second to ten; one or two of them may be
 * lost, or wait for a slow responder, and an honest answer takes no four
 * seconds.  Of old requests (a host that gave up) nothing follows. */
#define REQUESTS        3u
#define REQUESTS_SPAN   (4 * SPINAT_SECOND)
#define REQUESTS_OLDEST (300 * SPINAT_SECOND)

/* A remote that was up and answered no own port either is left alone. */
#define FAILED_SPAN (600 * SPINAT_SECOND)

static enum spinat_ike_ports policy_of(
    const struct spinat *engine, const struct peer *peer)
{
	const struct spinat_config *config = &engine->config;
	unsigned number;

	/* An address that a redirect_address gave away has no ports to draw. */
	engine_is_public(engine, peer->public_address, &number);
	if (number >= engine->public_max)
		return SPINAT_IKE_PORTS_PRESERVE;
	for (unsigned i = 0; i < config->ike_ports_count; i++)
		if (be32_equal(config->ike_ports_rules[i].remote, peer->remote))
			return (enum spinat_ike_ports)config->ike_ports_rules[i]
			    .policy;
	return config->ike_ports;
}

/* ------------------------------------------------------------------- ports */

static bool enter_port(
    struct spinat *engine, uint32_t number, unsigned address, uint16_t port)
{
	if (peer_set_port(&engine->peers, number, be16_from_host(port)))
		return true;
	ports_release(&engine->ports, address, PORT_UDP, port);
	return false;
}

static bool open_port(struct spinat *engine, uint32_t number)
{
	const struct spinat_config *config = &engine->config;
	unsigned address;
	uint16_t port;

	engine_is_public(
	    engine, peer_at(engine, number)->public_address, &address);
	return address < engine->public_max &&
	    ports_draw(&engine->ports, address, PORT_UDP, &engine->random,
		config->port_low, config->port_high, &port) &&
	    enter_port(engine, number, address, port);
}

static bool reopen_port(struct spinat *engine, uint32_t number, be16 wanted)
{
	const struct spinat_config *config = &engine->config;
	const uint16_t port = be16_to_host(wanted);
	unsigned address;

	engine_is_public(
	    engine, peer_at(engine, number)->public_address, &address);
	return address < engine->public_max && port >= config->port_low &&
	    port <= config->port_high &&
	    ports_reserve(&engine->ports, address, PORT_UDP, port) &&
	    enter_port(engine, number, address, port);
}

/* The last SA that went by it is gone, or goes by another. */
static void close_port_if_unused(struct spinat *engine, uint32_t number)
{
	const struct peer *peer = peer_at(engine, number);
	unsigned address;

	if (peer->port.raw == 0)
		return;
	for (uint32_t i = peer->ikes; i != 0; i = engine->ikes.sas[i].next)
		if (engine->ikes.sas[i].own_port)
			return;
	engine_is_public(engine, peer->public_address, &address);
	ENSURE(address < engine->public_max);
	ports_release(
	    &engine->ports, address, PORT_UDP, be16_to_host(peer->port));
	peer_clear_port(&engine->peers, number);
}

static void set_own(struct spinat *engine, uint32_t ike, bool own)
{
	struct ike_sa *sa = &engine->ikes.sas[ike];

	if (sa->own_port == own)
		return;
	sa->own_port = own;
	if (!own)
		close_port_if_unused(engine, sa->peer);
}

static bool was_answered(const struct spinat *engine, const struct peer *peer)
{
	for (uint32_t i = peer->ikes; i != 0; i = engine->ikes.sas[i].next)
		if (engine->ikes.sas[i].state != IKE_UNANSWERED)
			return true;
	return false;
}

bool ike_port_take(struct spinat *engine, uint32_t ike)
{
	const uint32_t number = engine->ikes.sas[ike].peer;

	if (peer_at(engine, number)->port.raw == 0 &&
	    !open_port(engine, number))
		return false;
	set_own(engine, ike, true);
	return true;
}

bool ike_port_take_again(struct spinat *engine, uint32_t ike, be16 port)
{
	const struct ike_sa *sa = &engine->ikes.sas[ike];
	struct peer *peer = peer_at(engine, sa->peer);

	if (peer->port.raw == 0 ? !reopen_port(engine, sa->peer, port)
				: !be16_equal(peer->port, port))
		return false;
	set_own(engine, ike, true);
	if (sa->state == IKE_UNANSWERED)
		return true;
	/* The most recently active comes back first. */
	peer->prefers_own = peer->prefers_own || !was_answered(engine, peer);
	remote_of(engine, sa->peer)->own_ports = OWN_PORTS_WORK;
	return true;
}

/* -------------------------------------------------------------------- auto */

static bool is_up_on_500(const struct spinat *engine, const struct peer *peer)
{
	for (uint32_t i = peer->ikes; i != 0; i = engine->ikes.sas[i].next)
		if (engine->ikes.sas[i].state == IKE_ESTABLISHED &&
		    !engine->ikes.sas[i].own_port)
			return true;
	return false;
}

static bool others_are_up_on_500(struct spinat *engine, uint32_t number)
{
	for (uint32_t p = remote_of(engine, number)->peers; p != 0;
	     p = peer_at(engine, p)->next)
		if (p != number && is_up_on_500(engine, peer_at(engine, p)))
			return true;
	return false;
}

/* Whether the remote is there at all, as far as others tell. */
static bool others_were_heard(
    struct spinat *engine, uint32_t number, tick since)
{
	for (uint32_t p = remote_of(engine, number)->peers; p != 0;
	     p = peer_at(engine, p)->next)
		if (p != number && association_was_heard(engine, p, since))
			return true;
	return false;
}

/* Whether a host of this remote may leave port 500. */
static bool may_try_own(struct spinat *engine, uint32_t number)
{
	const struct remote *remote = remote_of(engine, number);

	return (remote->own_ports != OWN_PORTS_FAIL ||
		   engine->tick - remote->own_ports_failed >=
		       tick_span(FAILED_SPAN)) &&
	    others_are_up_on_500(engine, number);
}

static void note_failed(struct spinat *engine, uint32_t number)
{
	struct remote *remote = remote_of(engine, number);

	/* One host that nobody would answer spoils nothing for others. */
	if (remote->own_ports == OWN_PORTS_WORK ||
	    !others_were_heard(
		engine, number, peer_at(engine, number)->first_request))
		return;
	remote->own_ports = OWN_PORTS_FAIL;
	remote->own_ports_failed = engine->tick;
}

static bool is_silence(const struct spinat *engine, const struct peer *peer)
{
	return peer->requests >= REQUESTS &&
	    engine->tick - peer->first_request >= tick_span(REQUESTS_SPAN);
}

/* One more request is about to leave: should it go from the other port? */
static bool wants_change(struct spinat *engine, uint32_t number)
{
	struct peer *peer = peer_at(engine, number);

	if (peer->requests != 0 && !peer->prefers_own &&
	    engine->tick - peer->first_request > tick_span(REQUESTS_OLDEST))
		peer->requests = 0;
	/* The first ever: as it was with the hosts before it. */
	if (peer->requests == 0 && !peer->prefers_own &&
	    !was_answered(engine, peer))
		return remote_of(engine, number)->own_ports == OWN_PORTS_WORK &&
		    others_are_up_on_500(engine, number);
	return is_silence(engine, peer) &&
	    (peer->prefers_own || may_try_own(engine, number));
}

static void change(struct spinat *engine, uint32_t number)
{
	struct peer *peer = peer_at(engine, number);

	if (peer->prefers_own)
		note_failed(engine, number);
	peer->prefers_own = !peer->prefers_own;
	peer->requests = 0;
}

static void count_request(struct spinat *engine, uint32_t number)
{
	struct peer *peer = peer_at(engine, number);

	if (peer->requests == 0)
		peer->first_request = engine->tick;
	if (peer->requests < UINT8_MAX)
		peer->requests++;
}

/* -------------------------------------------------------------- all of them */

static const char *why_of_change(bool own, bool first)
{
	if (!own)
		return "its port of its own is not answered either: it goes "
		       "on from port 500";
	return first
	    ? "another host has port 500 with this remote, which took ports "
	      "of their own before: it begins with one"
	    : "the remote answers another host on port 500 and not this one: "
	      "it goes on from a port of its own";
}

/* With auto; returns why it changes, or NULL. */
static const char *choose_by_silence(struct spinat *engine, uint32_t ike)
{
	const uint32_t number = engine->ikes.sas[ike].peer;
	struct peer *peer = peer_at(engine, number);
	const bool first = peer->requests == 0;
	bool changes = wants_change(engine, number);

	if (changes)
		change(engine, number);
	if (peer->prefers_own && !ike_port_take(engine, ike)) {
		peer->prefers_own = false;
		changes = false;
	}
	set_own(engine, ike, peer->prefers_own);
	count_request(engine, number);
	return changes ? why_of_change(peer->prefers_own, first) : NULL;
}

/* Cookies that were made within an older SA: where that one goes. */
static bool goes_on_from_own(const struct spinat *engine,
    const struct peer *peer, const struct ike_sa *sa)
{
	for (uint32_t i = peer->ikes; i != 0; i = engine->ikes.sas[i].next)
		if (&engine->ikes.sas[i] != sa &&
		    engine->ikes.sas[i].state != IKE_UNANSWERED)
			return peer->prefers_own;
	return policy_of(engine, peer) == SPINAT_IKE_PORTS_REWRITE;
}

bool ike_port_choose(struct spinat *engine, uint32_t ike,
    const struct ike_message *message, bool fresh, const char **changed)
{
	const struct ike_sa *sa = &engine->ikes.sas[ike];
	const struct peer *peer = peer_at(engine, sa->peer);
	bool own;

	*changed = NULL;
	if (!message->initial) {
		own = fresh && goes_on_from_own(engine, peer, sa);
		return !own || ike_port_take(engine, ike);
	}
	if (sa->state != IKE_UNANSWERED || !sa->inside_initiated)
		return true;
	switch (policy_of(engine, peer)) {
	case SPINAT_IKE_PORTS_REWRITE:
		return ike_port_take(engine, ike);
	case SPINAT_IKE_PORTS_AUTO:
		*changed = choose_by_silence(engine, ike);
		return true;
	default:
		set_own(engine, ike, false);
		return true;
	}
}

void ike_port_answered(struct spinat *engine, uint32_t ike, bool own)
{
	const uint32_t number = engine->ikes.sas[ike].peer;
	struct peer *peer = peer_at(engine, number);

	set_own(engine, ike, own);
	peer->prefers_own = own;
	peer->requests = 0;
	if (own)
		remote_of(engine, number)->own_ports = OWN_PORTS_WORK;
}

void ike_port_sa_ended(struct spinat *engine, const struct ike_sa *sa)
{
	if (!sa->own_port)
		return;
	if (sa->state == IKE_UNANSWERED && sa->inside_initiated &&
	    is_silence(engine, peer_at(engine, sa->peer)))
		note_failed(engine, sa->peer);
	close_port_if_unused(engine, sa->peer);
}
