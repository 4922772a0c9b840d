/* SPDX-License-Identifier: BSD-2-Clause */
#include "oracle.h"

#include <stdlib.h>
#include <string.h>

#include "world.h"

uint64_t oracle_add_sa(struct world *world, struct end *owner, uint32_t spi)
{
	struct oracle *oracle = &world->oracle;
	struct sa_record *record;
	uint32_t *bucket = &oracle->by_spi[spi % ORACLE_BUCKETS];

	if (oracle->sa_count == oracle->sa_room) {
		oracle->sa_room =
		    oracle->sa_room == 0 ? 64 : oracle->sa_room * 2;
		oracle->sas =
		    realloc(oracle->sas, oracle->sa_room * sizeof *oracle->sas);
		if (oracle->sas == NULL)
			abort();
	}
	record = &oracle->sas[oracle->sa_count++];
	*record = (struct sa_record){
	    .owner = owner,
	    .spi = spi,
	    .next_of_spi = *bucket,
	    .first = SPINAT_NEVER,
	    .first_reached = SPINAT_NEVER,
	    .confirmed = SPINAT_NEVER,
	    .wrong_since = SPINAT_NEVER,
	};
	*bucket = (uint32_t)oracle->sa_count;
	return oracle->sa_count;
}

uint64_t oracle_add_ike(struct world *world, struct end *inside)
{
	struct oracle *oracle = &world->oracle;

	if (oracle->ike_count == oracle->ike_room) {
		oracle->ike_room =
		    oracle->ike_room == 0 ? 64 : oracle->ike_room * 2;
		oracle->ikes = realloc(
		    oracle->ikes, oracle->ike_room * sizeof *oracle->ikes);
		if (oracle->ikes == NULL)
			abort();
	}
	oracle->ikes[oracle->ike_count++] =
	    (struct ike_record){.inside = inside};
	return oracle->ike_count;
}

struct sa_record *oracle_sa(struct world *world, uint64_t key)
{
	return key == 0 || key > world->oracle.sa_count
	    ? NULL
	    : &world->oracle.sas[key - 1];
}

static struct ike_record *ike_of(struct world *world, uint64_t key)
{
	return key == 0 || key > world->oracle.ike_count
	    ? NULL
	    : &world->oracle.ikes[key - 1];
}

struct end *oracle_ike_owner(struct world *world, uint64_t key)
{
	const struct ike_record *record = ike_of(world, key);

	return record == NULL ? NULL : record->inside;
}

void oracle_sa_ended(struct world *world, uint64_t key)
{
	struct sa_record *record = oracle_sa(world, key);

	if (record != NULL)
		record->dead = true;
}

void oracle_ike_ended(struct world *world, uint64_t key)
{
	struct ike_record *record = ike_of(world, key);

	if (record != NULL)
		record->dead = true;
}

bool oracle_is_anothers(
    struct world *world, const struct packet *packet, const struct end *end)
{
	if (packet_protocol(packet) == PROTO_ESP) {
		struct esp_content content;
		uint32_t spi, sequence;
		const struct sa_record *record;

		packet_read_esp(packet, &spi, &sequence, &content);
		record = oracle_sa(world, content.key);
		return record != NULL && record->owner != end;
	}
	if (packet_is_ike(packet)) {
		struct ike_header header;
		struct ike_content content;
		const struct ike_record *record;

		packet_read_ike(packet, &header, &content);
		record = ike_of(world, content.key);
		return record != NULL && record->inside != end;
	}
	return false;
}

bool oracle_is_alive(struct world *world, const struct packet *packet)
{
	struct esp_content content;
	uint32_t spi, sequence;
	const struct sa_record *record;

	packet_read_esp(packet, &spi, &sequence, &content);
	record = oracle_sa(world, content.key);
	return record != NULL && !record->dead;
}

void oracle_forget_crossed(struct world *world)
{
	memset(world->oracle.crossed, 0, sizeof world->oracle.crossed);
}

/* ------------------------------------------------------- at the NAT */

static void esp_arrives(struct world *world, const struct packet *packet)
{
	struct oracle *oracle = &world->oracle;
	struct esp_content content;
	struct sa_record *record;
	uint32_t spi, sequence;

	packet_read_esp(packet, &spi, &sequence, &content);
	record = oracle_sa(world, content.key);
	if (record == NULL) {
		oracle->totals.forged++;
		return;
	}
	if (record->dead) {
		oracle->totals.orphans++;
		return;
	}
	record->arrived++;
	if (record->first == SPINAT_NEVER) {
		record->first = world->now;
		oracle->poll_next = world->now;
	}
	if (!oracle->crossed[record->owner->tunnel->number][0] ||
	    !oracle->crossed[record->owner->tunnel->number][1])
		return;
	if (record->awaited == NULL) {
		record->awaited =
		    calloc(ORACLE_WINDOW, sizeof *record->awaited);
		if (record->awaited == NULL)
			abort();
	}
	record->due++;
	record->awaited[sequence % ORACLE_WINDOW] = sequence;
	oracle->due = true;
	oracle->sequence = sequence;
	oracle->key = content.key;
}

static void ike_arrives(struct world *world, const struct packet *packet)
{
	struct oracle *oracle = &world->oracle;
	struct ike_header header;
	struct ike_content content;
	const struct ike_record *record;

	packet_read_ike(packet, &header, &content);
	oracle->ike_deliveries = 0;
	oracle->ike_initial = header.responder == 0;
	record = ike_of(world, content.key);
	if (record == NULL || record->dead)
		return;
	oracle->totals.ike_due++;
	oracle->ike_owner = record->inside;
	if (ike_is_protected(&header))
		oracle
		    ->crossed[record->inside->tunnel->number][SPINAT_OUTSIDE] =
		    true;
}

void oracle_before(
    struct world *world, enum spinat_side side, const struct packet *packet)
{
	struct oracle *oracle = &world->oracle;

	oracle->due = false;
	oracle->ike_owner = NULL;
	oracle->ike_initial = false;
	if (side == SPINAT_INSIDE)
		return;
	if (packet_protocol(packet) == PROTO_ESP)
		esp_arrives(world, packet);
	else if (packet_is_ike(packet))
		ike_arrives(world, packet);
}

void oracle_to_inside(struct world *world, const struct packet *packet)
{
	struct oracle *oracle = &world->oracle;
	const uint32_t to = packet_destination(packet);

	if (packet_protocol(packet) == PROTO_ESP) {
		struct esp_content content;
		uint32_t spi, sequence, *awaited;
		struct sa_record *record;

		packet_read_esp(packet, &spi, &sequence, &content);
		record = oracle_sa(world, content.key);
		if (record == NULL) {
			oracle->totals.forged_deliveries++;
			return;
		}
		if (record->dead) {
			oracle->totals.orphan_deliveries++;
			return;
		}
		record->deliveries++;
		if (record->owner->host->address != to) {
			record->wrong++;
			return;
		}
		if (record->first_reached == SPINAT_NEVER)
			record->first_reached = world->now;
		if (record->awaited == NULL)
			return;
		awaited = &record->awaited[sequence % ORACLE_WINDOW];
		if (*awaited == sequence) {
			*awaited = 0;
			record->reached++;
		}
	} else if (packet_is_ike(packet)) {
		oracle->ike_deliveries++;
		oracle->totals.ike_deliveries++;
		if (oracle->ike_initial && oracle->ike_deliveries > 1)
			world_fail(world,
			    "an initial IKE request reaches several hosts");
		if (oracle->ike_owner == NULL)
			return;
		if (oracle->ike_owner->host->address == to) {
			oracle->totals.ike_reached++;
			oracle->ike_owner = NULL;
		} else {
			oracle->totals.ike_wrong++;
		}
	}
}

static bool is_junk(const struct packet *esp)
{
	struct esp_content content;
	uint32_t spi, sequence;

	packet_read_esp(esp, &spi, &sequence, &content);
	return content.key == 0;
}

static void left(struct world *world, const struct packet *packet,
    const struct spinat_packet *verdict)
{
	struct oracle *oracle = &world->oracle;
	const bool out = (verdict->verdict == SPINAT_TRANSLATED ||
			     (verdict->verdict == SPINAT_PASSED &&
				 packet_source(packet) == PUBLIC)) &&
	    verdict->to == SPINAT_OUTSIDE;
	struct ike_header header;
	struct ike_content content = {0};

	if (packet->provoked) {
		if (verdict->verdict == SPINAT_DROPPED) {
			oracle->totals.swallowed++;
			return;
		}
		oracle->totals.leaked++;
		world_say(world, "  LEAKED: a copy provoked it");
		return;
	}
	if (packet_is_ike(packet)) {
		packet_read_ike(packet, &header, &content);
		if (content.op == OP_INVALID)
			return;
		if (ike_is_protected(&header) && out && content.key != 0) {
			const struct ike_record *record =
			    ike_of(world, content.key);
			if (record != NULL)
				oracle->crossed[record->inside->tunnel->number]
					       [SPINAT_INSIDE] = true;
		}
	} else if (packet_protocol(packet) != PROTO_ESP || is_junk(packet)) {
		return;
	}
	oracle->totals.outbound++;
	if (!out) {
		oracle->totals.outbound_lost++;
		world_say(world, "  LOST: outbound");
	}
}

void oracle_after(struct world *world, enum spinat_side side,
    const struct packet *packet, const struct spinat_packet *verdict)
{
	struct oracle *oracle = &world->oracle;

	if (side == SPINAT_INSIDE) {
		left(world, packet, verdict);
		return;
	}
	if (oracle->ike_owner != NULL)
		world_say(world, "  LOST: not to its owner, .%u",
		    oracle->ike_owner->host->address & 255);
	if (oracle->due) {
		struct sa_record *record = oracle_sa(world, oracle->key);

		if (record->awaited[oracle->sequence % ORACLE_WINDOW] == 0)
			return;
		if (record->missed == 0)
			record->missed = oracle->sequence;
		if (record->wrong_since != SPINAT_NEVER)
			record->misled++;
		world_say(world, "  LOST: not to its owner, .%u",
		    record->owner->host->address & 255);
	}
}

/* --------------------------------------------- what the engine believes */

static void look_at(struct world *world, const struct spinat_flow_info *flow)
{
	const uint32_t spi = host32(flow->spi);
	const uint32_t remote = host32(flow->remote.address);
	const uint32_t inside = host32(flow->inside.address);
	const bool confirmed = strcmp(flow->state, "confirmed") == 0;
	const bool shared = strcmp(flow->state, "shared") == 0;
	uint32_t number = world->oracle.by_spi[spi % ORACLE_BUCKETS];
	struct sa_record *one = NULL;
	bool right = false;

	for (; number != 0; number = one->next_of_spi) {
		one = &world->oracle.sas[number - 1];
		if (one->spi == spi && !one->dead &&
		    one->owner->peer->host->address == remote &&
		    one->owner->host->address == inside)
			right = true;
	}
	number = world->oracle.by_spi[spi % ORACLE_BUCKETS];
	for (; number != 0; number = one->next_of_spi) {
		one = &world->oracle.sas[number - 1];
		if (one->spi != spi || one->dead ||
		    one->owner->peer->host->address != remote)
			continue;
		if ((shared || (confirmed && right)) &&
		    one->confirmed == SPINAT_NEVER)
			one->confirmed = world->now;
		if (confirmed && !right && one->wrong_since == SPINAT_NEVER) {
			one->wrong_since = world->now;
			one->wrongly = true;
			world_say(world,
			    "  WRONG: %08x confirmed for .%u, is .%u's", spi,
			    inside & 255, one->owner->host->address & 255);
		}
		if (right && one->wrong_since != SPINAT_NEVER) {
			const spinat_time span = world->now - one->wrong_since;
			if (span > one->healed_after)
				one->healed_after = span;
			one->wrong_since = SPINAT_NEVER;
			world_say(world, "  HEALED: %08x", spi);
		}
	}
}

/* How long to the next look: soon while something young is unconfirmed. */
static spinat_time patience(const struct world *world)
{
	spinat_time wait = SEC;

	for (size_t i = 0; i < world->oracle.sa_count; i++) {
		const struct sa_record *record = &world->oracle.sas[i];
		spinat_time age;

		if (record->dead || record->first == SPINAT_NEVER ||
		    (record->confirmed != SPINAT_NEVER &&
			record->wrong_since == SPINAT_NEVER))
			continue;
		age = (world->now - record->first) / 32;
		if (age < MSEC / 2)
			return MSEC / 2;
		if (age < wait)
			wait = age;
	}
	return wait;
}

void oracle_poll(struct world *world, bool now)
{
	struct oracle *oracle = &world->oracle;
	struct spinat_flow_info flow;
	uint32_t cursor = 0;
	enum spinat_walk step;

	if (!now && world->now < oracle->poll_next)
		return;
	while ((step = spinat_next_flow(world->nat.engine, &cursor, &flow)) !=
	    SPINAT_WALK_END)
		if (step == SPINAT_WALK_FOUND &&
		    flow.kind == SPINAT_FLOW_ESP_IN)
			look_at(world, &flow);
	oracle->poll_next = world->now + patience(world);
}

struct totals oracle_totals(const struct world *world)
{
	const struct oracle *oracle = &world->oracle;
	struct totals totals = oracle->totals;

	for (size_t i = 0; i < oracle->sa_count; i++) {
		const struct sa_record *record = &oracle->sas[i];

		if (record->arrived == 0)
			continue;
		totals.sas++;
		totals.arrived += record->arrived;
		totals.due += record->due;
		totals.reached += record->reached;
		totals.deliveries += record->deliveries;
		totals.wrong += record->wrong;
		totals.misled += record->misled;
		totals.wrong_confirmed += record->wrongly;
		totals.unconfirmed += record->confirmed == SPINAT_NEVER;
	}
	return totals;
}
