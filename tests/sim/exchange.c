/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"

#include "world.h"

#define TRIES_MAX   7
#define FIRST_AGAIN (SEC / 2) /* doubles */

/* What an exchange looks like on the wire; lengths of whole IKE messages. */
const struct shape shapes[OP_COUNT] = {
    [OP_INIT] = {"IKE_SA_INIT", 2, 34, 2, 2, {464, 472}},
    [OP_AUTH] = {"IKE_AUTH", 2, 35, 2, 0, {428, 396}},
    [OP_CHILD] = {"CREATE_CHILD_SA", 2, 36, 2, 0, {208, 192}},
    [OP_REKEY_IKE] = {"rekey IKE", 2, 36, 2, 0, {288, 272}},
    [OP_DPD2] = {"DPD", 2, 37, 2, 0, {80, 80}},
    [OP_DELETE2] = {"DELETE", 2, 37, 2, 0, {80, 80}},
    [OP_MAIN] = {"Main Mode", 1, 2, 6, 4, {180, 160, 372, 372, 108, 76}},
    [OP_QUICK] = {"Quick Mode", 1, 32, 3, 0, {620, 188, 60}},
    [OP_DPD1] = {"R-U-THERE", 1, 5, 1, 0, {92}},
    [OP_ACK1] = {"R-U-THERE-ACK", 1, 5, 1, 0, {92}},
    [OP_DELETE1] = {"DELETE", 1, 5, 1, 0, {76}},
    [OP_INVALID] = {"INVALID_SPI", 0, 0, 1, 1, {68}},
};

uint64_t exchange_new_generation(struct world *world)
{
	return ++world->queue.order;
}

struct exchange *exchange_open(
    struct ike *ike, enum op op, bool mine, uint32_t id)
{
	struct exchange *exchange =
	    &ike->exchanges[ike->newest++ % MAX_EXCHANGES];
	struct packet *last = exchange->last;

	*exchange = (struct exchange){
	    .live = true,
	    .mine = mine,
	    .op = op,
	    .id = id,
	    .last = last,
	};
	return exchange;
}

struct exchange *exchange_begin(struct ike *ike, enum op op)
{
	struct world *world = ike->end->host->world;
	uint32_t id;

	if (op == OP_MAIN)
		id = 0;
	else if (ike->version == 1)
		id = (uint32_t)rng_next(&world->rng) | 1;
	else
		id = ike->next_id++;
	return exchange_open(ike, op, true, id);
}

struct exchange *exchange_find(struct ike *ike, const struct ike_header *header)
{
	const bool mine = (header->flags & IKE2_RESPONSE) != 0;

	for (unsigned i = 0; i < MAX_EXCHANGES; i++) {
		struct exchange *exchange = &ike->exchanges[i];

		if (exchange->live && exchange->id == header->id &&
		    shapes[exchange->op].exchange == header->exchange &&
		    (ike->version == 1 || exchange->mine == mine))
			return exchange;
	}
	return NULL;
}

bool exchange_busy(const struct ike *ike)
{
	for (unsigned i = 0; i < MAX_EXCHANGES; i++) {
		const struct exchange *exchange = &ike->exchanges[i];

		if (exchange->live && exchange->mine && !exchange->done)
			return true;
	}
	return false;
}

void exchange_transmit(struct ike *ike, const struct exchange *exchange)
{
	struct host *host = ike->end->host;
	struct packet *packet = packet_take(host->world);

	*packet = *exchange->last;
	packet_set_port(packet, 2, ike->port);
	net_send(host->world, host, packet);
}

struct pending {
	struct ike *ike;
	struct exchange *exchange;
};

static void give_up(struct ike *ike, struct exchange *exchange)
{
	struct end *end = ike->end;

	world_say(end->host->world, "tunnel %u: no answer to %s",
	    end->tunnel->number, shapes[exchange->op].name);
	exchange->live = false;
	if (exchange->op == OP_QUICK && !exchange->mine) {
		if (exchange->child != NULL)
			esp_remove(exchange->child);
		return;
	}
	if (!exchange->mine)
		return;
	if (!ike->up && end->ike != NULL) {
		ike_end(ike); /* the tunnel lives on another */
		return;
	}
	end_reset(end, SEC);
}

static void retransmit(struct world *world, void *subject, uint64_t generation)
{
	struct pending *pending = subject;
	struct exchange *exchange = pending->exchange;

	if (!exchange->live || exchange->generation != generation)
		return;
	if (exchange->tries >= TRIES_MAX) {
		give_up(pending->ike, exchange);
		return;
	}
	exchange->tries++;
	exchange_transmit(pending->ike, exchange);
	world_after(world, FIRST_AGAIN << exchange->tries, retransmit, pending,
	    generation);
}

void exchange_send(struct ike *ike, struct exchange *exchange)
{
	struct end *end = ike->end;
	struct host *host = end->host;
	struct world *world = host->world;
	const struct shape *shape = &shapes[exchange->op];
	const uint8_t step = exchange->next;
	const bool is_protected = step >= shape->first_protected;
	const bool first = step == 0 && exchange->op != OP_AUTH &&
	    (exchange->op == OP_INIT || exchange->op == OP_MAIN);
	struct ike_header header = {
	    .initiator = ike->initiator,
	    .responder = first ? 0 : ike->responder,
	    .version = ike->version,
	    .exchange = shape->exchange,
	    .id = exchange->id,
	};
	const struct ike_content content = {
	    .key = ike->key,
	    .op = (uint8_t)exchange->op,
	    .step = step,
	    .failed = exchange->refused,
	    .cipher = (uint8_t)end->tunnel->cipher,
	    .identity = (uint16_t)end->tunnel->number,
	    .spare = end->child == NULL, /* INITIAL_CONTACT */
	    .spi = exchange->spi,
	    .old_spi = exchange->old_spi,
	    .spi_key = exchange->key,
	    .cookie = exchange->cookie,
	    .new_key = exchange->new_key,
	};

	if (ike->version == 1) {
		header.next_payload = is_protected ? 8 : 1;
		header.flags = is_protected ? IKE1_ENCRYPTED : 0;
	} else {
		header.next_payload = is_protected ? 46 : 33;
		header.flags =
		    (uint8_t)((ike->is_initiator ? IKE2_INITIATOR : 0) |
			(exchange->mine ? 0 : IKE2_RESPONSE));
	}
	if (exchange->last == NULL)
		exchange->last = world_take(world, sizeof *exchange->last);
	packet_ike(exchange->last, host->address, end_address_of_peer(end),
	    &header, &content, shape->length[step]);
	exchange->next++;
	exchange->tries = 0;
	exchange->generation = exchange_new_generation(world);
	exchange_transmit(ike, exchange);
	/* IKEv2's responder waits for nothing. */
	if (exchange->next < shape->steps &&
	    (exchange->mine || ike->version == 1)) {
		struct pending *pending = world_take(world, sizeof *pending);

		*pending = (struct pending){ike, exchange};
		world_after(world, FIRST_AGAIN, retransmit, pending,
		    exchange->generation);
	}
	if (exchange->next == shape->steps)
		exchange->done = true;
}
