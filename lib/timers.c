/* SPDX-License-Identifier: BSD-2-Clause */
#include "timers.h"

#include "event.h"
#include "ipsec/association.h"
#include "ipsec/confirm.h"
#include "lifetime.h"

void timers_flow_changed(struct spinat *engine, uint32_t number)
{
	wheel_arm(
	    &engine->table.wheel, number, lifetime_of_flow(engine, number));
}

void timers_ike_changed(struct spinat *engine, uint32_t number)
{
	wheel_arm(&engine->ikes.wheel, number, lifetime_of_ike(engine, number));
}

void timers_end_flow(
    struct spinat *engine, uint32_t number, enum spinat_reason reason)
{
	const struct flow *flow = &engine->table.flows[number];

	event_flow(engine, SPINAT_EVENT_EXPIRED, number, reason, NULL);
	engine->stats.reasons[reason]++;
	engine->stats.flows_ended++;
	if ((flow->flags & FLOW_MAPPED) != 0)
		mapping_leave(&engine->table, &engine->ports, number);
	else if (flow_kind(flow) != SPINAT_FLOW_SESSION)
		association_remove_flow(engine, number);
	flow_table_end(&engine->table, number);
}

void timers_end_ike(
    struct spinat *engine, uint32_t number, enum spinat_reason reason)
{
	event_ike(engine, SPINAT_EVENT_EXPIRED, number, reason, NULL);
	engine->stats.reasons[reason]++;
	association_remove_ike(engine, number);
	ike_close(&engine->ikes, number);
}

static void flow_timer(void *context, uint32_t number)
{
	struct spinat *engine = context;
	const struct flow *flow = &engine->table.flows[number];
	const tick deadline = lifetime_of_flow(engine, number);

	if (tick_is_after(deadline, engine->table.wheel.clock)) {
		wheel_arm(&engine->table.wheel, number, deadline);
		return;
	}
	if (flow->state == FLOW_PROBATION && flow->binding != 0 &&
	    confirm_outlives(engine, number))
		return;
	timers_end_flow(engine, number,
	    flow->state == FLOW_CLOSING || flow->state == FLOW_RESET
		? SPINAT_REASON_CLOSED
		: SPINAT_REASON_IDLE);
}

static void ike_timer(void *context, uint32_t number)
{
	struct spinat *engine = context;
	const tick deadline = lifetime_of_ike(engine, number);

	if (tick_is_after(deadline, engine->ikes.wheel.clock))
		wheel_arm(&engine->ikes.wheel, number, deadline);
	else
		timers_end_ike(engine, number, SPINAT_REASON_IDLE);
}

void timers_end_datagram(struct spinat *engine, uint32_t number)
{
	uint32_t length;

	while ((length = fragment_take(&engine->fragments, number)) != 0) {
		event_held(engine, &engine->fragments.datagrams[number].key,
		    length, SPINAT_REASON_FRAGMENT_TIMEOUT);
		engine->stats.reasons[SPINAT_REASON_FRAGMENT_TIMEOUT]++;
	}
	fragment_end(&engine->fragments, number);
}

static void fragment_timer(void *context, uint32_t number)
{
	timers_end_datagram(context, number);
}

void timers_run(struct spinat *engine, unsigned budget)
{
	unsigned left = budget;

	wheel_advance(
	    &engine->table.wheel, engine->tick, &left, flow_timer, engine);
	left = budget;
	wheel_advance(
	    &engine->ikes.wheel, engine->tick, &left, ike_timer, engine);
	left = budget;
	wheel_advance(&engine->fragments.wheel, engine->tick, &left,
	    fragment_timer, engine);
}

bool timers_next(const struct spinat *engine, tick *next)
{
	const struct wheel *const wheels[] = {
	    &engine->table.wheel,
	    &engine->ikes.wheel,
	    &engine->fragments.wheel,
	};
	bool armed = false;

	for (unsigned i = 0; i < sizeof wheels / sizeof wheels[0]; i++) {
		tick own;
		if (!wheel_next(wheels[i], &own))
			continue;
		if (!armed || tick_is_after(*next, own))
			*next = own;
		armed = true;
	}
	return armed;
}
