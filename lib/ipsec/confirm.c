/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/confirm.h"

#include "event.h"
#include "ipsec/association.h"
#include "lifetime.h"

static void has_moved(struct spinat *engine, uint32_t flow)
{
	memo_flow_changed(engine, flow);
	wheel_arm(&engine->table.wheel, flow, lifetime_of_flow(engine, flow));
}

static void enter_probation(struct spinat *engine, uint32_t flow)
{
	struct binding *binding = binding_of(engine, flow);

	binding->since = engine->tick;
	binding->looked = 0;
	binding->packets = binding->moments = 0;
	binding->cover = (struct cover){0};
	bucket_fill(&binding->allowed, BINDING_COPIES, engine->tick);
	association_enter_probation(engine, flow);
	has_moved(engine, flow);
}

static bool give_binding(struct spinat *engine, uint32_t flow)
{
	const uint32_t number = binding_take(&engine->bindings);

	if (number == 0)
		return false;
	binding_at(engine, number)->flow = flow;
	engine->table.flows[flow].binding = (uint16_t)number;
	return true;
}

bool confirm_begin(struct spinat *engine, uint32_t flow, enum binding_why why)
{
	struct binding *binding;

	if (!give_binding(engine, flow))
		return false;
	binding = binding_of(engine, flow);
	binding->why = (uint8_t)why;
	binding->seen = engine->now;
	enter_probation(engine, flow);
	return true;
}

void confirm_owner(struct spinat *engine, uint32_t number, enum binding_why why)
{
	struct flow *flow = &engine->table.flows[number];
	struct binding *binding = binding_of(engine, number);
	const tick seen = tick_of(binding->seen);

	flow_set_state(flow, FLOW_CONFIRMED);
	association_leave_probation(engine, number);
	binding->why = (uint8_t)why;
	if (!binding->paired)
		binding->hint = association_pair(engine, flow->peer, seen);
	binding->paired = true;
	event_flow(engine, SPINAT_EVENT_CONFIRMED, number, SPINAT_REASON_NONE,
	    binding_why_text(why));
	/* Nobody else was ever in question: there is nothing to remember. */
	if (binding->claim_count <= 1) {
		binding_put_back(&engine->bindings, flow->binding);
		flow->binding = 0;
	} else {
		binding->was_confirmed = true;
	}
	has_moved(engine, number);
}

void confirm_shared(struct spinat *engine, uint32_t number)
{
	struct flow *flow = &engine->table.flows[number];
	struct binding *binding = binding_of(engine, number);

	flow_set_state(flow, FLOW_SHARED);
	association_leave_probation(engine, number);
	binding->why = WHY_SAME_SPI;
	binding->was_confirmed = true;
	event_flow(engine, SPINAT_EVENT_CONFIRMED, number, SPINAT_REASON_NONE,
	    binding_why_text(WHY_SAME_SPI));
	has_moved(engine, number);
}

/* Nobody else was in question: what it was paired by is not remembered, only
 * when. */
static void remember_pair(struct spinat *engine, uint32_t number)
{
	const struct flow *flow = &engine->table.flows[number];
	struct binding *binding = binding_of(engine, number);

	binding->hint = (struct expect){flow->created, EXPECT_STRONG};
	binding->paired = true;
	binding->seen = tick_to_time(flow->created, engine->now);
}

void confirm_resume_shared(struct spinat *engine, uint32_t number)
{
	struct binding *binding;

	ENSURE(give_binding(engine, number));
	remember_pair(engine, number);
	binding = binding_of(engine, number);
	binding->why = WHY_SAME_SPI;
	binding->was_confirmed = true;
}

bool confirm_doubt(struct spinat *engine, uint32_t number, enum binding_why why)
{
	struct flow *flow = &engine->table.flows[number];
	struct binding *binding;

	if (flow->state == FLOW_PROBATION)
		return true;
	if (flow->binding == 0) {
		if (!give_binding(engine, number))
			return false;
		remember_pair(engine, number);
	}
	binding = binding_of(engine, number);
	/* What was paired for it is not, and what was weighed before weighs no
	 * more: claims are made anew. */
	if (why != WHY_SEQUENCE && binding->paired) {
		association_unpair(
		    engine, flow->peer, tick_of(binding->seen), binding->hint);
		binding->paired = false;
	}
	binding_drop_claims(&engine->bindings, flow->binding);
	flow_set_state(flow, FLOW_PROBATION);
	binding->why = (uint8_t)why;
	binding->was_confirmed = true;
	/* Fallen sequence numbers: what is in question begins now. */
	if (why == WHY_SEQUENCE)
		binding->seen = engine->now;
	enter_probation(engine, number);
	event_flow(engine, SPINAT_EVENT_DOUBTED, number, SPINAT_REASON_NONE,
	    binding_why_text(why));
	return true;
}

bool confirm_outlives(struct spinat *engine, uint32_t number)
{
	if (!binding_of(engine, number)->was_confirmed)
		return false;
	confirm_owner(engine, number, WHY_UNDISTURBED);
	return true;
}
