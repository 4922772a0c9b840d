/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake_engine.h"

#include <netinet/in.h>

#include "spinat/spinat.h"

struct fake_engine fake;

static spinat_be32 address(uint32_t host)
{
	return (spinat_be32){htonl(host)};
}

enum spinat_walk spinat_next_flow(const struct spinat *engine, uint32_t *cursor,
    struct spinat_flow_info *flow)
{
	uint32_t i = *cursor;

	(void)engine;
	if (i >= fake.flows)
		return SPINAT_WALK_END;
	*cursor = i + 1;
	fake.walked++;
	*flow = (struct spinat_flow_info){
	    .id = i,
	    .kind = (uint8_t)(i % 3),
	    .protocol = i % 3 ? 50 : 17,
	    .state = "established",
	    .inside.address = address(0x0a000000 + i % 3),
	    .public_end.address = address(0xcb007101),
	    .remote.address = address(0xc0000200 + i % 2),
	    .spi.raw = htonl(0x1000 + i),
	    .packets = {7, UINT64_C(5000000000)},
	    .expires = SPINAT_NEVER,
	};
	flow->remote_seen = flow->remote;
	if (i % 3 == 0)
		flow->inside.port.raw = htons(4242);
	return SPINAT_WALK_FOUND;
}

enum spinat_walk spinat_next_ike(
    const struct spinat *engine, uint32_t *cursor, struct spinat_ike_info *ike)
{
	(void)engine;
	if ((*cursor)++)
		return SPINAT_WALK_END;
	*ike = (struct spinat_ike_info){
	    .id = 1,
	    .inside = address(0x0a000001),
	    .remote = address(0xc0000201),
	    .initiator_spi = {1, 2, 3, 4, 5, 6, 7, 0xff},
	    .version = 2,
	    .state = "established",
	};
	return SPINAT_WALK_FOUND;
}

enum spinat_walk spinat_next_peer(const struct spinat *engine, uint32_t *cursor,
    struct spinat_peer_info *peer)
{
	(void)engine;
	if ((*cursor)++)
		return SPINAT_WALK_END;
	*peer = (struct spinat_peer_info){
	    .id = 1,
	    .inside = address(0x0a000001),
	    .remote = address(0xc0000201),
	    .candidate = true,
	    .why = "because",
	    .moved = true,
	    .endings = 2,
	    .ended = address(0x0a000002),
	    .rival = address(0x0a000001),
	};
	return SPINAT_WALK_FOUND;
}

enum spinat_walk spinat_next_claim(const struct spinat *engine,
    uint32_t *cursor, struct spinat_claim_info *claim)
{
	const uint32_t i = (*cursor)++;

	(void)engine;
	if (i >= 2)
		return SPINAT_WALK_END;
	*claim = (struct spinat_claim_info){
	    .flow = 5,
	    .spi.raw = htonl(0x1005),
	    .inside = address(i ? 0x0a000007 : 0x0a000002),
	    .remote = address(0xc0000201),
	    .holder = address(0x0a000002),
	    .state = "confirmed",
	    .holds = i == 0,
	    .owner = i == 0,
	    .refuted = i == 1,
	    .refuted_at = i,
	    .agreed_before = i ? SPINAT_NEVER : 3 * SPINAT_SECOND,
	    .copies = 4 * i,
	    .sent = 9,
	    .score = i ? -20 : 61,
	    .rows = {i ? -20 : 20, 0, i ? 0 : 41},
	};
	return SPINAT_WALK_FOUND;
}

const char *spinat_score_row_name(unsigned row)
{
	return row ? "onset" : "expected";
}

const char *spinat_score_row_text(unsigned row, int weight)
{
	(void)row;
	return weight > 0 ? "it did" : "it did not";
}

void spinat_get_stats(const struct spinat *engine, struct spinat_stats *stats)
{
	(void)engine;
	*stats = (struct spinat_stats){
	    .packets = {3, 4}, .max_flows = 100, .copies = 8, .probation = 2};
	stats->reasons[SPINAT_REASON_AH] = 2;
}

const char *spinat_reason_name(enum spinat_reason reason)
{
	return reason == SPINAT_REASON_AH ? "ah" : "another";
}

const char *spinat_reason_text(enum spinat_reason reason)
{
	(void)reason;
	return "It cannot.";
}

const char *spinat_verdict_name(enum spinat_verdict verdict)
{
	static const char *const names[] = {
	    "translated", "passed", "held", "dropped"};

	return names[verdict];
}
