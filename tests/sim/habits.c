/* SPDX-License-Identifier: BSD-2-Clause */
#include "habits.h"

#include "exchange.h"
#include "world.h"

/* ------------------------------------------------- what ends may begin */

void ike_start(struct end *end)
{
	struct host *host = end->host;
	struct ike *ike;

	if (host->down)
		return;
	end->opening = true;
	ike = ike_open(end, ike_new_cookie(host->world), 0, true);
	exchange_send(
	    ike, exchange_begin(ike, ike->version == 1 ? OP_MAIN : OP_INIT));
}

void ike_offer(struct ike *ike, struct exchange *exchange)
{
	struct end *end = ike->end;

	exchange->spi = esp_choose_spi(end->host);
	exchange->key = oracle_add_sa(end->host->world, end, exchange->spi);
}

struct wish {
	struct end *end;
	struct child *child;
	enum op op;
	bool rekey;
};

static void grant(struct world *world, void *subject, uint64_t generation)
{
	struct wish *wish = subject;
	struct end *end = wish->end;
	struct ike *ike = end->ike;
	struct exchange *exchange;

	if (ike == NULL || end->host->down || end->generation != generation)
		return;
	if (ike->version == 2 && exchange_busy(ike)) {
		world_after(world, 200 * MSEC, grant, wish, generation);
		return;
	}
	if (wish->child != NULL && !wish->child->alive)
		return;
	exchange = exchange_begin(ike, wish->op);
	exchange->child = wish->child;
	switch (wish->op) {
	case OP_CHILD:
	case OP_QUICK:
		if (wish->rekey)
			exchange->child = end->child;
		ike_offer(ike, exchange);
		break;
	case OP_REKEY_IKE:
		exchange->cookie = ike_new_cookie(world);
		break;
	default:
		if (wish->child != NULL)
			exchange->old_spi = wish->child->spi_in;
		break;
	}
	exchange_send(ike, exchange);
	if (wish->op == OP_DELETE1)
		esp_remove(wish->child);
}

static void want(struct end *end, enum op op, struct child *child, bool rekey)
{
	struct world *world = end->host->world;
	struct wish *wish = world_take(world, sizeof *wish);

	*wish = (struct wish){end, child, op, rekey};
	grant(world, wish, end->generation);
}

void ike_add_child(struct end *end, bool rekey)
{
	want(end, end->tunnel->version == 1 ? OP_QUICK : OP_CHILD, NULL, rekey);
}

void ike_rekey(struct end *end)
{
	struct ike *ike;

	if (end->tunnel->version == 2) {
		want(end, OP_REKEY_IKE, NULL, false);
		return;
	}
	/* IKEv1 has no such thing: another Main Mode beside. */
	if (end->host->down || end->ike == NULL)
		return;
	ike = ike_open(end, ike_new_cookie(end->host->world), 0, true);
	exchange_send(ike, exchange_begin(ike, OP_MAIN));
}

void ike_probe(struct end *end)
{
	want(end, end->tunnel->version == 1 ? OP_DPD1 : OP_DPD2, NULL, false);
}

void ike_delete_child(struct child *child)
{
	want(child->end,
	    child->end->tunnel->version == 1 ? OP_DELETE1 : OP_DELETE2, child,
	    false);
}

void habits_delete_later(
    struct world *world, void *subject, uint64_t generation)
{
	struct child *child = subject;

	(void)world;
	if (child->alive && child->end->generation == generation)
		ike_delete_child(child);
}

/* ------------------------------------------------- when they begin it */

static void child_aged(struct world *world, void *subject, uint64_t generation)
{
	struct child *child = subject;

	(void)world;
	if (child->alive && child->end->child == child &&
	    child->end->generation == generation)
		ike_add_child(child->end, true);
}

static void ike_aged(struct world *world, void *subject, uint64_t generation)
{
	struct ike *ike = subject;

	(void)world;
	if (ike->alive && ike->end->ike == ike &&
	    ike->end->generation == generation)
		ike_rekey(ike->end);
}

static void look_if_dead(
    struct world *world, void *subject, uint64_t generation)
{
	struct end *end = subject;
	const spinat_time silent = world->now - end->heard;

	if (end->generation != generation || end->host->down)
		return;
	if (end->tunnel->version == 1 && silent > 5 * end->habits.dpd) {
		end_reset(end, SEC);
		return;
	}
	if (silent >= end->habits.dpd)
		ike_probe(end);
	world_after(world, end->habits.dpd, look_if_dead, end, generation);
}

void habits_child_up(struct child *child)
{
	struct end *end = child->end;
	struct world *world = end->host->world;

	if (end->habits.child_life > 0)
		world_after(world, end->habits.child_life, child_aged, child,
		    end->generation);
	traffic_up(end);
}

void habits_ike_up(struct ike *ike)
{
	struct end *end = ike->end;
	struct world *world = end->host->world;
	const bool had = end->ike != NULL;

	ike->up = true;
	end->ike = ike;
	end->opening = false;
	end->heard = world->now;
	if (end->habits.ike_life > 0)
		world_after(world, end->habits.ike_life, ike_aged, ike,
		    end->generation);
	if (end->habits.dpd > 0 && !had)
		world_after(
		    world, end->habits.dpd, look_if_dead, end, end->generation);
}
