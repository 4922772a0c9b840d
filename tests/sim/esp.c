/* SPDX-License-Identifier: BSD-2-Clause */
#include "esp.h"

#include <stddef.h>

#include "world.h"

uint32_t esp_length(enum cipher cipher, uint32_t inner)
{
	const uint32_t trailer = inner + 2;

	return cipher == CIPHER_CBC
	    ? ESP_HEADER + 16 + (trailer + 15) / 16 * 16 + 12
	    : ESP_HEADER + 8 + (trailer + 3) / 4 * 4 + 16;
}

struct child *esp_find(struct host *host, uint32_t spi_in)
{
	if (host->recent != NULL && host->recent->alive &&
	    host->recent->spi_in == spi_in)
		return host->recent;
	for (struct child *child = host->children; child != NULL;
	     child = child->next)
		if (child->spi_in == spi_in)
			return host->recent = child;
	return NULL;
}

uint32_t esp_choose_spi(struct host *host)
{
	uint32_t spi = host->next_spi;

	host->next_spi = 0;
	while (spi < 256 || esp_find(host, spi) != NULL)
		spi = (uint32_t)rng_next(&host->world->rng);
	return spi;
}

void esp_use(struct child *child)
{
	struct end *end = child->end;

	child->sends = true;
	if (end->child != NULL && end->child != child)
		end->child->superseded = true;
	end->child = child;
}

struct child *esp_install(struct end *end, uint32_t spi_in, uint64_t key_in,
    uint32_t spi_out, uint64_t key_out, bool sends, bool use)
{
	struct host *host = end->host;
	struct child *child = world_take(host->world, sizeof *child);

	*child = (struct child){
	    .next = host->children,
	    .end = end,
	    .spi_in = spi_in,
	    .spi_out = spi_out,
	    .key_in = key_in,
	    .key_out = key_out,
	    .cipher = end->tunnel->cipher,
	    .sends = sends,
	    .alive = true,
	};
	host->children = child;
	if (sends && (use || end->child == NULL))
		esp_use(child);
	end->ups++;
	world_say(host->world, "tunnel %u, %s: in %08x, out %08x",
	    end->tunnel->number,
	    host->side == SPINAT_INSIDE ? "client" : "gateway", spi_in,
	    spi_out);
	return child;
}

void esp_remove(struct child *child)
{
	struct end *end = child->end;
	struct host *host = end->host;
	struct child **at = &host->children;

	if (!child->alive)
		return;
	child->alive = false;
	while (*at != child)
		at = &(*at)->next;
	*at = child->next;
	oracle_sa_ended(host->world, child->key_in);
	if (end->child == child) {
		end->child = NULL;
		/* The newest comes first. */
		for (struct child *other = host->children; other != NULL;
		     other = other->next)
			if (other->end == end && other->sends) {
				end->child = other;
				break;
			}
	}
}

bool esp_send(struct end *end, uint8_t app, uint8_t kind, uint32_t sequence,
    uint16_t inner_length)
{
	struct host *host = end->host;
	struct world *world = host->world;
	struct child *child = end->child;
	struct packet *packet;
	struct esp_content content;

	if (host->down || child == NULL)
		return false;
	content = (struct esp_content){
	    .key = child->key_out,
	    .app = app,
	    .kind = kind,
	    .length = inner_length,
	    .sequence = sequence,
	};
	packet = packet_take(world);
	packet_esp(packet, host->address, end_address_of_peer(end),
	    child->spi_out, ++child->sequence, &content,
	    esp_length(child->cipher, inner_length));
	net_send(world, host, packet);
	return true;
}

/* RFC 4303 3.4.3: false if seen before, or too old to tell. */
static bool replay_accept(struct child *child, uint32_t sequence)
{
	if (sequence > child->highest) {
		const uint32_t by = sequence - child->highest;
		child->window = by >= 64 ? 1 : child->window << by | 1;
		child->highest = sequence;
		return true;
	}
	if (child->highest - sequence >= 64 ||
	    (child->window >> (child->highest - sequence) & 1) != 0)
		return false;
	child->window |= UINT64_C(1) << (child->highest - sequence);
	return true;
}

void esp_receive(struct host *host, const struct packet *packet)
{
	struct esp_content content;
	uint32_t spi, sequence;
	struct child *child;

	packet_read_esp(packet, &spi, &sequence, &content);
	child = esp_find(host, spi);
	if (child == NULL) {
		host_stranger(host, packet);
		return;
	}
	if (content.key != child->key_in || !replay_accept(child, sequence))
		return;
	child->end->heard = host->world->now;
	/* A new SA that the peer uses is used from then on. */
	if (child->sends && !child->superseded && child->end->child != child)
		esp_use(child);
	traffic_receive(child->end, &content);
}
