/* SPDX-License-Identifier: BSD-2-Clause */
#include "ike.h"

#include "exchange.h"
#include "habits.h"
#include "world.h"

uint64_t ike_new_cookie(struct world *world)
{
	return rng_next(&world->rng) | 1;
}

struct ike *ike_open(
    struct end *end, uint64_t initiator, uint64_t responder, bool is_initiator)
{
	struct host *host = end->host;
	struct ike *ike = world_take(host->world, sizeof *ike);

	*ike = (struct ike){
	    .next = host->ikes,
	    .end = end,
	    .initiator = initiator,
	    .responder = responder,
	    .is_initiator = is_initiator,
	    .alive = true,
	    .version = end->tunnel->version,
	    .port = end->ike != NULL ? end->ike->port : IKE_PORT,
	};
	host->ikes = ike;
	return ike;
}

void ike_end(struct ike *ike)
{
	struct host *host = ike->end->host;
	struct ike **at = &host->ikes;

	if (!ike->alive)
		return;
	while (*at != ike)
		at = &(*at)->next;
	*at = ike->next;
	ike->alive = false;
	if (host->side == SPINAT_INSIDE)
		oracle_ike_ended(host->world, ike->key);
	for (unsigned i = 0; i < MAX_EXCHANGES; i++)
		ike->exchanges[i].live = false;
	if (ike->end->ike == ike) {
		ike->end->ike = NULL;
		for (struct ike *other = host->ikes; other != NULL;
		     other = other->next)
			if (other->end == ike->end && other->up) {
				ike->end->ike = other;
				break;
			}
	}
}

/* The peer began anew: what was before is gone. */
static void initial_contact(struct ike *ike)
{
	struct end *end = ike->end;
	struct host *host = end->host;

	for (struct child *child = host->children, *next; child != NULL;
	     child = next) {
		next = child->next;
		if (child->end == end)
			esp_remove(child);
	}
	for (struct ike *other = host->ikes, *next; other != NULL;
	     other = next) {
		next = other->next;
		if (other->end == end && other != ike)
			ike_end(other);
	}
	end->generation++;
}

/* ------------------------------------------------- what messages make */

static void replaced(struct exchange *exchange, struct end *end)
{
	if (exchange->child != NULL && exchange->child->alive &&
	    end->habits.delete_after >= 0)
		world_after(end->host->world, end->habits.delete_after,
		    habits_delete_later, exchange->child, end->generation);
}

static void make_child(struct ike *ike, struct exchange *exchange, bool sends)
{
	struct end *end = ike->end;
	const bool use = exchange->mine || end->habits.eager;
	struct child *child = esp_install(end, exchange->spi, exchange->key,
	    exchange->their_spi, exchange->their_key, sends, use);

	if (exchange->mine)
		replaced(exchange, end);
	else
		exchange->child = child;
	if (sends)
		habits_child_up(child);
}

static void take_offer(
    struct exchange *exchange, const struct ike_content *content)
{
	exchange->their_spi = content->spi;
	exchange->their_key = content->spi_key;
}

static void on_auth(struct ike *ike, struct exchange *exchange,
    const struct ike_content *content)
{
	struct end *end = ike->end;

	if (!exchange->mine) {
		exchange->refused = content->identity != end->tunnel->number;
		if (exchange->refused) {
			exchange_send(ike, exchange);
			return;
		}
		initial_contact(ike);
		host_serve(end);
		take_offer(exchange, content);
		ike_offer(ike, exchange);
		exchange_send(ike, exchange);
		habits_ike_up(ike);
		make_child(ike, exchange, true);
		return;
	}
	if (content->failed) {
		world_say(end->host->world, "tunnel %u: AUTH refused",
		    end->tunnel->number);
		end_reset(end, 3 * SEC);
		return;
	}
	take_offer(exchange, content);
	habits_ike_up(ike);
	make_child(ike, exchange, true);
}

static void on_main(struct ike *ike, struct exchange *exchange,
    const struct ike_content *content, uint8_t step)
{
	if (step == 4 && content->identity != ike->end->tunnel->number) {
		exchange->next = 4; /* cannot be read: as if it never came */
		return;
	}
	if (step == 4 && content->spare != 0)
		initial_contact(ike);
	if (step == 4)
		host_serve(ike->end);
	if (step < 5)
		exchange_send(ike, exchange);
	if (step >= 4)
		habits_ike_up(ike);
	if (step == 5 && ike->end->child == NULL)
		ike_add_child(ike->end, false);
}

static void on_quick(struct ike *ike, struct exchange *exchange,
    const struct ike_content *content, uint8_t step)
{
	switch (step) {
	case 0:
		take_offer(exchange, content);
		ike_offer(ike, exchange);
		make_child(ike, exchange, false);
		exchange_send(ike, exchange);
		break;
	case 1:
		take_offer(exchange, content);
		make_child(ike, exchange, true);
		exchange_send(ike, exchange);
		break;
	default:
		if (exchange->child != NULL && exchange->child->alive) {
			esp_use(exchange->child);
			habits_child_up(exchange->child);
		}
		break;
	}
}

static void on_rekey(struct ike *ike, struct exchange *exchange,
    const struct ike_content *content)
{
	struct end *end = ike->end;
	struct ike *heir;

	if (exchange->mine) {
		heir = ike_open(end, exchange->cookie, content->cookie, true);
		heir->key = content->new_key;
		habits_ike_up(heir);
		exchange = exchange_begin(ike, OP_DELETE2);
		exchange_send(ike, exchange);
		return;
	}
	exchange->cookie = ike_new_cookie(end->host->world);
	exchange->new_key =
	    oracle_add_ike(end->host->world, &end->tunnel->end[SPINAT_INSIDE]);
	heir = ike_open(end, content->cookie, exchange->cookie, false);
	heir->key = exchange->new_key;
	exchange_send(ike, exchange);
	habits_ike_up(heir);
}

void ike_delete(struct ike *ike)
{
	exchange_send(ike,
	    exchange_begin(ike, ike->version == 1 ? OP_DELETE1 : OP_DELETE2));
}

static void end_later(struct world *world, void *ike, uint64_t unused)
{
	(void)world;
	(void)unused;
	ike_end(ike);
}

static void on_delete(struct ike *ike, struct exchange *exchange,
    const struct ike_content *content)
{
	struct host *host = ike->end->host;

	if (exchange->mine) {
		if (exchange->old_spi == 0)
			ike_end(ike);
		else if (exchange->child != NULL)
			esp_remove(exchange->child);
		return;
	}
	if (exchange->op == OP_DELETE2)
		exchange_send(ike, exchange);
	if (content->old_spi == 0) {
		struct end *end = ike->end;

		ike->up = false;
		for (struct ike *other = host->ikes; other != NULL;
		     other = other->next)
			if (other->end == end && other->up)
				end = NULL;
		if (end != NULL) {
			end_reset(end, SEC);
			return;
		}
		world_after(host->world, 30 * SEC, end_later, ike, 0);
		return;
	}
	for (struct child *child = host->children; child != NULL;
	     child = child->next)
		if (child->end == ike->end &&
		    child->spi_out == content->old_spi) {
			esp_remove(child);
			return;
		}
}

static void on_step(struct ike *ike, struct exchange *exchange,
    const struct ike_header *header, const struct ike_content *content)
{
	const uint8_t step = content->step;

	exchange->next = (uint8_t)(step + 1);
	if (exchange->next == shapes[exchange->op].steps)
		exchange->done = true;
	exchange->generation = exchange_new_generation(ike->end->host->world);
	if (ike_is_protected(header))
		ike->end->heard = ike->end->host->world->now;
	if (exchange->mine && step == 1 &&
	    (exchange->op == OP_INIT || exchange->op == OP_MAIN)) {
		ike->responder = header->responder;
		ike->key = content->key;
	}
	switch (exchange->op) {
	case OP_INIT:
		if (exchange->mine) {
			struct exchange *auth = exchange_begin(ike, OP_AUTH);
			ike_offer(ike, auth);
			exchange_send(ike, auth);
		} else {
			exchange_send(ike, exchange);
		}
		break;
	case OP_MAIN:
		on_main(ike, exchange, content, step);
		break;
	case OP_AUTH:
		on_auth(ike, exchange, content);
		break;
	case OP_QUICK:
		on_quick(ike, exchange, content, step);
		break;
	case OP_CHILD:
		take_offer(exchange, content);
		if (!exchange->mine) {
			ike_offer(ike, exchange);
			exchange_send(ike, exchange);
		}
		make_child(ike, exchange, true);
		break;
	case OP_REKEY_IKE:
		on_rekey(ike, exchange, content);
		break;
	case OP_DPD2:
		if (!exchange->mine)
			exchange_send(ike, exchange);
		break;
	case OP_DPD1:
		exchange_send(ike, exchange_begin(ike, OP_ACK1));
		break;
	case OP_DELETE1:
	case OP_DELETE2:
		on_delete(ike, exchange, content);
		break;
	case OP_ACK1:
	case OP_INVALID:
	case OP_COUNT:
		break;
	}
}

/* -------------------------------------------------------- receiving */

static struct ike *find_ike(struct host *host, const struct ike_header *header)
{
	for (struct ike *ike = host->ikes; ike != NULL; ike = ike->next) {
		if (ike->initiator != header->initiator)
			continue;
		if (ike->responder == header->responder ||
		    (header->responder == 0 && !ike->is_initiator) ||
		    (ike->responder == 0 && ike->is_initiator))
			return ike;
	}
	return NULL;
}

/* Whether a gateway takes a message that comes from this port. */
static bool takes_port(const struct host *host, const struct packet *packet,
    const struct ike_header *header, const struct ike_content *content)
{
	const uint16_t port = packet_source_port(packet);

	if (host->ports == PORTS_OLD)
		return port == IKE_PORT;
	if (host->ports == PORTS_ANY || header->responder != 0)
		return true;
	for (const struct ike *ike = host->ikes; ike != NULL; ike = ike->next)
		if (ike->up && ike->port == port &&
		    ike->end->tunnel->number != content->identity)
			return false;
	return true;
}

/* An initial request: the tunnel it names if that ends here, else the one with
 * that remote (which will find out that it is not meant). */
static struct ike *respond(struct host *host, const struct packet *packet,
    const struct ike_header *header, const struct ike_content *content)
{
	struct world *world = host->world;
	struct end *end = NULL;
	struct ike *ike;

	if (content->identity < world->tunnel_count)
		end = &world->tunnels[content->identity].end[host->side];
	if (end == NULL || end->host != host)
		end = host_end_to(host, packet_source(packet));
	if (end == NULL || end->tunnel->version != header->version)
		return NULL;
	if (host->side == SPINAT_OUTSIDE)
		end->peer_at = packet_source(packet);
	ike = ike_open(end, header->initiator, ike_new_cookie(world), false);
	ike->key = oracle_add_ike(world, &end->tunnel->end[SPINAT_INSIDE]);
	return ike;
}

static void process(struct world *world, void *subject, uint64_t number)
{
	struct packet *packet = subject;
	struct host *host = number < MAX_CLIENTS
	    ? &world->clients[number]
	    : &world->gateways[number - MAX_CLIENTS];
	struct ike_header header;
	struct ike_content content;
	struct exchange *exchange;
	struct ike *ike;

	packet_read_ike(packet, &header, &content);
	if (host->down || content.op == OP_INVALID || content.op >= OP_COUNT)
		goto out;
	if (!takes_port(host, packet, &header, &content))
		goto out;
	ike = find_ike(host, &header);
	if (ike == NULL && header.responder == 0)
		ike = respond(host, packet, &header, &content);
	if (ike == NULL) {
		host_stranger(host, packet);
		goto out;
	}
	if (ike_is_protected(&header) && content.key != ike->key)
		goto out;
	ike->port = packet_source_port(packet);
	exchange = exchange_find(ike, &header);
	if (exchange == NULL && content.step == 0)
		exchange =
		    exchange_open(ike, (enum op)content.op, false, header.id);
	if (exchange == NULL)
		goto out;
	if (content.step == exchange->next)
		on_step(ike, exchange, &header, &content);
	else if (content.step < exchange->next && exchange->last != NULL &&
	    exchange->next >= 2 && content.step + 2 == exchange->next)
		exchange_transmit(ike, exchange); /* asked again: said again */
out:
	packet_put(world, packet);
}

void ike_receive(struct host *host, const struct packet *packet)
{
	struct world *world = host->world;
	struct packet *copy = packet_take(world);

	*copy = *packet;
	world_after(world, host->reaction, process, copy,
	    host->side == SPINAT_INSIDE ? host->number
					: host->number + MAX_CLIENTS);
}

void ike_notify(struct host *host, const struct packet *about)
{
	struct world *world = host->world;
	struct end *end = host_end_to(host, packet_source(about));
	struct ike_content content = {.op = OP_INVALID};
	struct ike_header header = {0};
	struct packet *answer;

	if (end == NULL)
		return;
	if (packet_is_ike(about)) {
		/* RFC 7296 2.21.4: a response, all else copied. */
		struct ike_content theirs;

		packet_read_ike(about, &header, &theirs);
		if (header.version != 2 || (header.flags & IKE2_RESPONSE) != 0)
			return;
		header.flags =
		    (uint8_t)(IKE2_RESPONSE | (~header.flags & IKE2_INITIATOR));
		header.next_payload = 41;
	} else if (end->tunnel->version == 2) {
		/* RFC 7296 1.5: of no IKE SA, any SPI. */
		header = (struct ike_header){
		    .initiator = ike_new_cookie(world),
		    .version = 2,
		    .exchange = 37,
		    .flags = IKE2_INITIATOR,
		    .next_payload = 41,
		};
	} else {
		/* RFC 2408 4.8, notify 11 */
		header = (struct ike_header){
		    .initiator = ike_new_cookie(world),
		    .responder = ike_new_cookie(world),
		    .version = 1,
		    .exchange = 5,
		    .next_payload = 11,
		    .id = (uint32_t)rng_next(&world->rng),
		};
		if (end->ike != NULL) {
			header.initiator = end->ike->initiator;
			header.responder = end->ike->responder;
		}
	}
	answer = packet_take(world);
	packet_ike(answer, host->address, packet_source(about), &header,
	    &content, shapes[OP_INVALID].length[0]);
	if (packet_is_ike(about)) {
		packet_notify(answer, NOTIFY_INVALID_IKE_SPI, 0);
	} else {
		struct esp_content theirs;
		uint32_t spi, sequence;

		packet_read_esp(about, &spi, &sequence, &theirs);
		packet_notify(answer, NOTIFY_INVALID_SPI, spi);
	}
	if (packet_is_ike(about))
		packet_set_port(answer, 2, packet_source_port(about));
	answer->provoked = host->side == SPINAT_INSIDE &&
	    oracle_is_anothers(world, about, end);
	net_send(world, host, answer);
}
