/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/icmp_error.h"

#include "base/csum.h"
#include "event.h"

#define QUOTED_DATA 8u /* bytes after the quoted IP header (RFC 792) */
#define OWN_TTL     64u

/* A token every tick (7 a second), ICMP_BURST saved up (RFC 1812 4.3.2.8). */
static bool take_token(struct spinat *engine)
{
	const tick gone = engine->tick - engine->icmp_refilled;

	engine->icmp_refilled = engine->tick;
	engine->icmp_tokens = gone < ICMP_BURST - engine->icmp_tokens
	    ? engine->icmp_tokens + gone
	    : ICMP_BURST;
	if (engine->icmp_tokens == 0)
		return false;
	engine->icmp_tokens--;
	return true;
}

static void finish_checksum(uint8_t *at, const uint8_t *from, size_t length)
{
	store_be16(at, (be16){0});
	store_be16(at, (be16){(uint16_t)~csum_fold(csum_bytes(from, length))});
}

void icmp_send_prohibited(struct spinat *engine, const struct view *view)
{
	uint8_t packet[IP4_HEADER_MIN + ICMP_HEADER + 60 + QUOTED_DATA] = {0};
	uint8_t *icmp = packet + IP4_HEADER_MIN;
	const size_t header = (size_t)(view->l4 - view->ip);
	const size_t data =
	    view->l4_length < QUOTED_DATA ? view->l4_length : QUOTED_DATA;
	const size_t length = IP4_HEADER_MIN + ICMP_HEADER + header + data;

	if (engine->public_count == 0 || !take_token(engine))
		return;
	packet[0] = 0x45;
	store_be16(packet + IP4_TOTAL_LENGTH, be16_from_host((uint16_t)length));
	store_be16(packet + IP4_ID,
	    be16_from_host((uint16_t)random_next(&engine->random)));
	packet[IP4_TTL] = OWN_TTL;
	packet[IP4_PROTOCOL] = IPPROTO_ICMP;
	store_be32(packet + IP4_SOURCE, engine->publics[0]);
	store_be32(packet + IP4_DESTINATION, view_source(view));
	finish_checksum(packet + IP4_CHECKSUM, packet, IP4_HEADER_MIN);

	icmp[ICMP_TYPE] = ICMP_UNREACHABLE;
	icmp[ICMP_CODE] = ICMP_CODE_PROHIBITED;
	memcpy(icmp + ICMP_QUOTE, view->ip, header + data);
	finish_checksum(
	    icmp + ICMP_CHECKSUM, icmp, ICMP_HEADER + header + data);
	engine_emit(engine, SPINAT_INSIDE, packet, length);
}
