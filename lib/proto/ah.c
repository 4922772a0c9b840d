/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AH (RFC 4302) authenticates the addresses of the IP header, so a translated
 * packet can never be accepted (RFC 3715 2.1).  It is dropped and counted; its
 * host is told of once, and gets an ICMP error (3, code 13) as a hint for
 * captures and tools.
 */
#include "event.h"
#include "packet/icmp_error.h"
#include "proto/proto.h"
#include "verdict.h"

/* The last AH_HOSTS hosts that were told of; true the first time. */
static bool first_time(struct spinat *engine, be32 host)
{
	for (unsigned i = 0; i < AH_HOSTS; i++)
		if (be32_equal(engine->ah_hosts[i], host))
			return false;
	engine->ah_hosts[engine->ah_next] = host;
	engine->ah_next = (engine->ah_next + 1) % AH_HOSTS;
	return true;
}

static void tell_once(struct spinat *engine, const struct view *view, be32 host)
{
	if (first_time(engine, host))
		event_packet(engine, SPINAT_EVENT_NOTICE, view,
		    SPINAT_REASON_AH,
		    "AH authenticates the IP addresses, so no NAT can carry "
		    "it: use ESP (in tunnel mode, with its own "
		    "authentication) for this peer");
}

enum spinat_verdict ah_packet(struct spinat *engine, struct view *view)
{
	const enum spinat_reason policy = view->side == SPINAT_INSIDE
	    ? engine_inside_policy(engine, view_source(view))
	    : SPINAT_REASON_NONE;

	if (policy != SPINAT_REASON_NONE)
		return verdict_pass(engine, view, policy);
	if (view->side == SPINAT_OUTSIDE) {
		if (!engine_is_public(engine, view_destination(view), NULL))
			return verdict_pass(
			    engine, view, SPINAT_REASON_NOT_FOR_US);
		/* The gateway may speak AH itself. */
		if (peer_first_of(&engine->peers, view_destination(view),
			view_source(view)) == 0)
			return verdict_unknown(
			    engine, view, SPINAT_REASON_NO_FLOW_PASSED);
		tell_once(engine, view, view_source(view));
		return verdict_drop(engine, view, SPINAT_REASON_AH);
	}
	if (engine_is_public(engine, view_destination(view), NULL))
		return verdict_pass(engine, view, SPINAT_REASON_NO_FLOW_PASSED);
	tell_once(engine, view, view_source(view));
	icmp_send_prohibited(engine, view);
	return verdict_drop(engine, view, SPINAT_REASON_AH);
}
