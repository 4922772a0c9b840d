/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copying out what is known of the hosts that may own an inbound SPI, or might
 * have.  Reads only.
 */
#include <assert.h>

#include "engine.h"
#include "ipsec/claims.h"

static_assert(SPINAT_SCORE_ROWS == SCORE_ROWS, "all rows are public");

/* What a row says of a host, where its weight is above and below 0. */
static const struct {
	const char *above, *below;
} rows[] = {
    [SCORE_EXPECTED] = {"it agreed on an SA with this remote before",
	"it agreed on no SA with this remote lately"},
    [SCORE_AWAITS] = {"it sends with an SPI that no inbound one is paired with",
	NULL},
    [SCORE_ONSET] = {"it began to send with a new SPI at the same time", NULL},
    [SCORE_SUCCESSION] = {"an older SPI of its own fell silent as this began",
	"an older SPI of its own goes on beside this one"},
    [SCORE_ANSWERS] = {"it sends right after packets of this SPI", NULL},
    [SCORE_PROMPTS] = {"packets of this SPI come right after it sends", NULL},
    [SCORE_TURNS] = {"it sends when it was given a packet, and not otherwise",
	NULL},
    [SCORE_ALONE] = {"it alone has sent since this SPI appeared", NULL},
    [SCORE_VOLUME] = {"it sends most while this SPI is in use", NULL},
    [SCORE_ECHOES] = {"its packets change their size as those of this SPI do",
	NULL},
    [SCORE_CIPHER] = {NULL, "its packets have the sizes of another cipher"},
    [SCORE_OBJECTED] = {NULL,
	"it spoke up in IKE right after it was given a packet"},
    [SCORE_HOLDS] = {"the SPI is bound to it", NULL},
};
static_assert(
    sizeof rows / sizeof rows[0] == SCORE_ROWS, "every row has a text");

const char *spinat_score_row_name(unsigned row)
{
	return row < SCORE_ROWS ? score_row_name((enum score_row)row)
				: "unknown";
}

const char *spinat_score_row_text(unsigned row, int weight)
{
	const char *text = NULL;

	if (row < SCORE_ROWS && weight != 0)
		text = weight > 0 ? rows[row].above : rows[row].below;
	return text != NULL ? text : "nothing to say";
}

/* The binding of an inbound SPI; 0: it has none. */
static uint32_t number_of_binding(const struct spinat *engine, uint32_t number)
{
	const struct flow *flow = &engine->table.flows[number];

	return flow_kind(flow) == SPINAT_FLOW_ESP_IN ? flow->binding : 0;
}

static void info_of_claim(const struct spinat *engine, uint32_t number,
    const struct claim *claim, struct spinat_claim_info *info)
{
	const struct binding *binding = &engine->bindings.bindings[number];
	const struct flow *flow = &engine->table.flows[binding->flow];
	const struct flow_side *out = &flow->side[SPINAT_OUTSIDE];
	const be32 holder = flow->side[SPINAT_INSIDE].local;
	const bool holds = be32_equal(holder, claim->inside);

	*info = (struct spinat_claim_info){
	    .flow = binding->flow,
	    .spi = out->ids.spi,
	    .inside = claim->inside,
	    .public_address = out->local,
	    .remote = out->remote,
	    .holder = holder,
	    .state = flow_state_name(flow->state),
	    .holds = holds,
	    .owner = flow->state == FLOW_SHARED
		? claim->owner
		: flow->state == FLOW_CONFIRMED && holds,
	    .refuted = claims_is_refuted(engine, claim),
	    .objected = claim->objected,
	    .gone = !claims_is_valid(engine, binding, claim),
	    .agreed_before = claim->agreed_before,
	    .copies = claim->copies,
	    .sent = claim->sent,
	    .score = claim->score,
	};
	if (claim->refuted)
		info->refuted_at = tick_to_time(claim->refuted_at, engine->now);
	for (unsigned row = 0; row < SCORE_ROWS; row++)
		info->rows[row] = claim->rows[row];
}

/* The claims of a binding are few (CLAIMS_MOST), so counting them off is
 * a bounded step. */
static bool get_claim(const struct spinat *engine, uint32_t binding,
    unsigned number, struct spinat_claim_info *info)
{
	const struct claim *claims = engine->bindings.claims;
	uint32_t claim = engine->bindings.bindings[binding].claims;

	for (; claim != 0 && number != 0; number--)
		claim = claims[claim].next;
	if (claim == 0)
		return false;
	info_of_claim(engine, binding, &claims[claim], info);
	return true;
}

bool spinat_get_claim(const struct spinat *engine, uint32_t flow,
    unsigned number, struct spinat_claim_info *info)
{
	uint32_t binding;

	if (flow == 0 || flow > engine->table.highest ||
	    !flow_is_live(&engine->table.flows[flow]))
		return false;
	binding = number_of_binding(engine, flow);
	return binding != 0 && get_claim(engine, binding, number, info);
}

/* Bindings that one step of a walk looks at. */
#define WALK_STEP 256u
/* The cursor is the binding less one, which has 16 bits, and how many of its
 * claims were shown. */
#define CURSOR_SHIFT 16

enum spinat_walk spinat_next_claim(const struct spinat *engine,
    uint32_t *cursor, struct spinat_claim_info *info)
{
	const struct bindings *bindings = &engine->bindings;

	for (unsigned looked = 0; looked < WALK_STEP; looked++) {
		const uint32_t binding = (*cursor >> CURSOR_SHIFT) + 1;
		const uint32_t shown = *cursor & ((1u << CURSOR_SHIFT) - 1);

		if (binding > bindings->highest)
			return SPINAT_WALK_END;
		if (bindings->bindings[binding].flow != 0 &&
		    get_claim(engine, binding, shown, info)) {
			++*cursor;
			return SPINAT_WALK_FOUND;
		}
		*cursor = binding << CURSOR_SHIFT;
	}
	return SPINAT_WALK_ON;
}
