/* SPDX-License-Identifier: BSD-2-Clause */
#include "proto/ipsec.h"

#include "ipsec/association.h"
#include "ipsec/rivals.h"
#include "verdict.h"

/* Whether somebody behind our own public address may be meant. */
static bool has_hairpin_target(struct spinat *engine, const struct view *view)
{
	const struct candidates candidates =
	    association_candidates(engine, view_destination(view),
		engine_ipsec_public_of(
		    engine, view_source(view), view_destination(view)),
		view_source(view));

	if (candidates.count == 0)
		return false;
	peer_close_if_empty(&engine->peers, candidates.latest);
	return true;
}

uint32_t ipsec_sender(struct spinat *engine, const struct view *view,
    enum spinat_verdict *verdict)
{
	const be32 source = view_source(view);
	const be32 destination = view_destination(view);
	const bool hairpin = engine_is_public(engine, destination, NULL);
	enum spinat_reason passed = engine_inside_policy(engine, source);
	uint32_t peer;

	if (passed == SPINAT_REASON_OWN_TRAFFIC && ipsec_is_own(view) &&
	    !hairpin)
		passed = SPINAT_REASON_NONE;
	if (passed == SPINAT_REASON_NONE && hairpin &&
	    !has_hairpin_target(engine, view))
		passed = SPINAT_REASON_NO_FLOW_PASSED;
	if (passed != SPINAT_REASON_NONE) {
		*verdict = verdict_pass(engine, view, passed);
		return 0;
	}
	peer = peer_open(&engine->peers, source,
	    engine_ipsec_public_of(engine, source, destination), destination,
	    engine->tick);
	if (peer == 0) {
		*verdict = ipsec_refuse(engine, view, SPINAT_REASON_NO_IPSEC);
		return 0;
	}
	if (redirect_is_ipsec_host(&engine->redirects, source,
		engine->peers.peers[peer].public_address, destination))
		engine->peers.peers[peer].redirected = 1;
	rivals_placed(engine, peer);
	return peer;
}

void ipsec_turn_inward(struct view *view)
{
	view->side = SPINAT_OUTSIDE;
	view->key.kind =
	    view->kind == VIEW_ESP ? KEY_OUTSIDE_SPI_IN : KEY_OUTSIDE;
	view->key.local = load_be32(view->ip + IP4_DESTINATION);
	view->key.remote = load_be32(view->ip + IP4_SOURCE);
	view->guess = 0;
}

enum spinat_verdict ipsec_refuse(
    struct spinat *engine, const struct view *view, enum spinat_reason reason)
{
	const bool own = view->side == SPINAT_INSIDE
	    ? ipsec_is_own(view)
	    : peer_only_own(
		  &engine->peers, view_destination(view), view_source(view));

	return own ? verdict_pass(engine, view, SPINAT_REASON_OWN_TRAFFIC)
		   : verdict_refuse(engine, view, reason);
}

enum spinat_verdict ipsec_unknown(struct spinat *engine,
    const struct view *view, be32 sender, enum spinat_reason reason)
{
	return be32_is_zero(sender) ? verdict_unknown(engine, view, reason)
				    : verdict_drop(engine, view, reason);
}
