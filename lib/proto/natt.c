/* SPDX-License-Identifier: BSD-2-Clause */
#include "proto/natt.h"

#define NON_ESP_MARKER 4u /* zero bytes before IKE (RFC 3948 2.2) */

void natt_session_opened(struct spinat *engine, const struct view *view)
{
	const uint8_t *payload = view->l4 + UDP_HEADER;
	const unsigned length = view->l4_length - (unsigned)UDP_HEADER;
	struct ike_message message;
	struct ike_query query;
	uint32_t number;

	if (!be16_equal(
		view->key.ids.port.remote, be16_from_host(IKE_NATT_PORT)) ||
	    length < NON_ESP_MARKER + IKE_HEADER ||
	    load_be32(payload).raw != 0 ||
	    !ike_parse(
		&message, payload + NON_ESP_MARKER, length - NON_ESP_MARKER))
		return;
	query = (struct ike_query){
	    .key = ike_key(engine_ipsec_public_of(engine, view_source(view),
			       view_destination(view)),
		view_destination(view), message.initiator),
	    .inside = view_source(view),
	    .responder = message.responder,
	};
	number = ike_find(
	    &engine->ikes, &query, key_hash(&engine->ikes.seed, &query.key));
	if (number == 0 || engine->ikes.sas[number].floated)
		return;
	engine->ikes.sas[number].floated = true;
	memo_ike_changed(engine, number);
}
