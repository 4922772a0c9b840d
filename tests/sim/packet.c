/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet.h"
#include "ike.h"

#include <stdlib.h>
#include <string.h>

static void make_ip(struct packet *packet, uint8_t protocol, uint32_t from,
    uint32_t to, uint32_t payload)
{
	uint8_t *ip = packet->data;

	if (payload > PACKET_ROOM - IP_HEADER)
		abort();
	packet->length = IP_HEADER + payload;
	packet->provoked = false;
	memset(ip, 0, IP_HEADER);
	memset(ip + IP_HEADER, 0xa5, payload);
	ip[0] = 0x45;
	put16(ip + 2, packet->length);
	ip[8] = 64;
	ip[9] = protocol;
	put32(ip + 12, from);
	put32(ip + 16, to);
	put16(ip + 10, plain_checksum(ip, IP_HEADER, 0));
}

static void sum_udp(struct packet *packet)
{
	uint8_t *udp = packet->data + IP_HEADER;
	const size_t length = packet->length - IP_HEADER;

	put16(udp + 6, 0);
	put16(udp + 6,
	    plain_checksum(udp, length, pseudo_header(packet->data, length)));
	if (get16(udp + 6) == 0)
		put16(udp + 6, 0xffff);
}

void packet_esp(struct packet *packet, uint32_t from, uint32_t to, uint32_t spi,
    uint32_t sequence, const struct esp_content *content, uint32_t esp_length)
{
	uint8_t *esp = packet->data + IP_HEADER;

	make_ip(packet, PROTO_ESP, from, to, esp_length);
	put32(esp, spi);
	put32(esp + 4, sequence);
	if (esp_length < ESP_HEADER + sizeof *content)
		abort();
	memcpy(esp + ESP_HEADER, content, sizeof *content);
}

void packet_ike(struct packet *packet, uint32_t from, uint32_t to,
    const struct ike_header *header, const struct ike_content *content,
    uint32_t ike_length)
{
	uint8_t *udp = packet->data + IP_HEADER;
	uint8_t *ike = udp + UDP_HEADER;
	const size_t room = ike_length - IKE_HEADER;

	make_ip(packet, PROTO_UDP, from, to, UDP_HEADER + ike_length);
	put16(udp, 500);
	put16(udp + 2, 500);
	put16(udp + 4, UDP_HEADER + ike_length);
	put64(ike, header->initiator);
	put64(ike + 8, header->responder);
	ike[16] = header->next_payload;
	ike[17] = (uint8_t)(header->version << 4);
	ike[18] = header->exchange;
	ike[19] = header->flags;
	put32(ike + 20, header->id);
	put32(ike + 24, ike_length);
	memcpy(ike + IKE_HEADER, content,
	    room < sizeof *content ? room : sizeof *content);
	sum_udp(packet);
}

/* RFC 7296 3.10; RFC 2408 3.14: the DOI comes first, and the SPI stands in the
 * SPI's own field. */
void packet_notify(struct packet *packet, uint16_t type, uint32_t spi)
{
	uint8_t *ike = packet->data + IP_HEADER + UDP_HEADER;
	uint8_t *notify = ike + IKE_HEADER;
	const bool v1 = ike[17] >> 4 == 1;

	memset(notify, 0, 16);
	put16(notify + 2, v1 ? 16 : 12);
	if (v1) {
		put32(notify + 4, 1);
		notify[8] = 3;
		notify[9] = 4;
		put16(notify + 10, type);
		put32(notify + 12, spi);
	} else {
		put16(notify + 6, type);
		put32(notify + 8, spi);
	}
	sum_udp(packet);
}

void packet_readdress(struct packet *packet, unsigned at, uint32_t address)
{
	uint8_t *ip = packet->data;

	put32(ip + at, address);
	put16(ip + 10, 0);
	put16(ip + 10, plain_checksum(ip, IP_HEADER, 0));
	if (ip[9] == PROTO_UDP)
		sum_udp(packet);
}

void packet_set_port(struct packet *packet, unsigned at, uint16_t port)
{
	put16(packet->data + IP_HEADER + at, port);
	sum_udp(packet);
}

void packet_icmp_error(struct packet *packet, uint32_t from, uint32_t to,
    uint8_t type, uint8_t code, const struct packet *about, uint32_t quoted)
{
	uint8_t *icmp = packet->data + IP_HEADER;

	if (quoted > about->length)
		quoted = about->length;
	make_ip(packet, PROTO_ICMP, from, to, 8 + quoted);
	memset(icmp, 0, 8);
	icmp[0] = type;
	icmp[1] = code;
	memcpy(icmp + 8, about->data, quoted);
	put16(icmp + 2, plain_checksum(icmp, 8 + quoted, 0));
}

uint32_t packet_source(const struct packet *packet)
{
	return get32(packet->data + 12);
}

uint32_t packet_destination(const struct packet *packet)
{
	return get32(packet->data + 16);
}

uint16_t packet_source_port(const struct packet *packet)
{
	return get16(packet->data + IP_HEADER);
}

uint16_t packet_destination_port(const struct packet *packet)
{
	return get16(packet->data + IP_HEADER + 2);
}

uint8_t packet_protocol(const struct packet *packet)
{
	return packet->data[9];
}

bool packet_is_ike(const struct packet *packet)
{
	return packet->data[9] == PROTO_UDP &&
	    (packet_source_port(packet) == IKE_PORT ||
		packet_destination_port(packet) == IKE_PORT);
}

void packet_read_esp(const struct packet *packet, uint32_t *spi,
    uint32_t *sequence, struct esp_content *content)
{
	const uint8_t *esp = packet->data + IP_HEADER;

	*spi = get32(esp);
	*sequence = get32(esp + 4);
	memcpy(content, esp + ESP_HEADER, sizeof *content);
}

static bool packet_is_notify(const struct packet *packet)
{
	const uint8_t *ike = packet->data + IP_HEADER + UDP_HEADER;

	return ike[16] == (ike[17] >> 4 == 1 ? 11 : 41);
}

void packet_read_ike(const struct packet *packet, struct ike_header *header,
    struct ike_content *content)
{
	const uint8_t *ike = packet->data + IP_HEADER + UDP_HEADER;
	const size_t room = get32(ike + 24) - IKE_HEADER;

	*header = (struct ike_header){
	    .initiator = get64(ike),
	    .responder = get64(ike + 8),
	    .next_payload = ike[16],
	    .version = ike[17] >> 4,
	    .exchange = ike[18],
	    .flags = ike[19],
	    .id = get32(ike + 20),
	};
	memset(content, 0, sizeof *content);
	if (packet_is_notify(packet)) {
		content->op = OP_INVALID;
		return;
	}
	memcpy(content, ike + IKE_HEADER,
	    room < sizeof *content ? room : sizeof *content);
}

bool ike_is_protected(const struct ike_header *header)
{
	return header->version == 1 ? (header->flags & IKE1_ENCRYPTED) != 0
				    : header->next_payload == 46;
}

static bool icmp_is_sound(const uint8_t *icmp, size_t length)
{
	const uint8_t *quote = icmp + 8;
	const size_t room = length - 8;

	if (length < 8 || plain_checksum(icmp, length, 0) != 0)
		return false;
	if (icmp[0] != 3 && icmp[0] != 11)
		return true;
	if (room < IP_HEADER || plain_checksum(quote, IP_HEADER, 0) != 0)
		return false;
	return get16(quote + 2) > room || packet_is_sound(quote, room);
}

bool packet_is_sound(const uint8_t *data, size_t length)
{
	const uint8_t *l4 = data + IP_HEADER;
	size_t payload;

	if (length < IP_HEADER || data[0] != 0x45 || get16(data + 2) > length ||
	    get16(data + 2) < IP_HEADER ||
	    plain_checksum(data, IP_HEADER, 0) != 0)
		return false;
	payload = get16(data + 2) - (size_t)IP_HEADER;
	switch (data[9]) {
	case PROTO_UDP:
		return payload >= UDP_HEADER && get16(l4 + 4) == payload &&
		    (get16(l4 + 6) == 0 ||
			plain_checksum(
			    l4, payload, pseudo_header(data, payload)) == 0);
	case PROTO_ICMP:
		return icmp_is_sound(l4, payload);
	default:
		return true;
	}
}

uint64_t packet_fingerprint(const uint8_t *data, size_t length)
{
	const uint8_t *l4 = data + IP_HEADER;
	uint64_t hash = 0xcbf29ce484222325u;
	size_t from = 0;

	if (data[9] == PROTO_ICMP)
		return length; /* the quote is translated too */
	if (data[9] == PROTO_UDP)
		from = UDP_HEADER;
	for (size_t i = from; IP_HEADER + i + 8 <= length; i += 8)
		hash = (hash ^ get64(l4 + i)) * 0x100000001b3u;
	return hash ^ length;
}
