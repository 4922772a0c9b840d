/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of packets.  What would be encrypted is written as it is: the
 * content of an ESP packet or a protected IKE message begins with the number of
 * its key, and only a host that holds the key reads on.  The engine does not
 * look there.
 */
#ifndef SPINAT_SIM_PACKET_H
#define SPINAT_SIM_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/wire.h"

enum {
	IP_HEADER = 20,
	UDP_HEADER = 8,
	ESP_HEADER = 8,
	IKE_HEADER = 28,
	IKE_PORT = 500,
	PACKET_ROOM = 1600
};
enum { PROTO_ICMP = 1, PROTO_UDP = 17, PROTO_ESP = 50 };

/** One in flight.  `next` is the pool's. */
struct packet {
	struct packet *next;
	uint32_t length;
	bool provoked; /* an answer in clear to what its sender did not own */
	uint8_t data[PACKET_ROOM];
};

/** Inside ESP's encryption. */
struct esp_content {
	uint64_t key;
	uint8_t app, kind;
	uint16_t length; /* of the inner IP packet */
	uint32_t sequence;
};

/** Inside an IKE message (only the start of it, in a very short one). */
struct ike_content {
	uint64_t key;
	uint8_t op, step, failed, cipher;
	uint16_t identity; /* the number of the tunnel */
	uint16_t spare;
	uint32_t spi;     /* offered by the sender, for what it receives */
	uint32_t old_spi; /* what the sender receives with, to be deleted */
	uint64_t spi_key;
	uint64_t cookie;  /* of a new IKE SA */
	uint64_t new_key; /* of a new IKE SA */
};

enum ike_flag {
	IKE1_ENCRYPTED = 0x01,
	IKE2_INITIATOR = 0x08,
	IKE2_RESPONSE = 0x20,
};

struct ike_header {
	uint64_t initiator, responder;
	uint8_t next_payload, version, exchange, flags; /* version: major */
	uint32_t id;
};

void packet_esp(struct packet *packet, uint32_t from, uint32_t to, uint32_t spi,
    uint32_t sequence, const struct esp_content *content, uint32_t esp_length);
void packet_ike(struct packet *packet, uint32_t from, uint32_t to,
    const struct ike_header *header, const struct ike_content *content,
    uint32_t ike_length);
/** An ICMP error that quotes `quoted` bytes of another packet. */
void packet_icmp_error(struct packet *packet, uint32_t from, uint32_t to,
    uint8_t type, uint8_t code, const struct packet *about, uint32_t quoted);

/** Of UDP: its source port, its destination port. */
uint16_t packet_source_port(const struct packet *packet);
uint16_t packet_destination_port(const struct packet *packet);
uint32_t packet_source(const struct packet *packet);
uint32_t packet_destination(const struct packet *packet);
uint8_t packet_protocol(const struct packet *packet);
/** Makes an unprotected IKE packet's first payload a notification. */
enum { NOTIFY_INVALID_IKE_SPI = 4, NOTIFY_INVALID_SPI = 11 };
void packet_notify(struct packet *packet, uint16_t type, uint32_t spi);
/** IKE has port 500 at one end at least. */
bool packet_is_ike(const struct packet *packet);
void packet_read_esp(const struct packet *packet, uint32_t *spi,
    uint32_t *sequence, struct esp_content *content);
void packet_read_ike(const struct packet *packet, struct ike_header *header,
    struct ike_content *content);
/** Writes one address anew, and the checksums. */
void packet_readdress(struct packet *packet, unsigned at, uint32_t address);
/** The same of a port of UDP: 0 the source's, 2 the destination's. */
void packet_set_port(struct packet *packet, unsigned at, uint16_t port);
bool ike_is_protected(const struct ike_header *header);

/** Lengths, the IP header's and the transport's checksum, and a quote's. */
bool packet_is_sound(const uint8_t *data, size_t length);
/** All that translation must not touch: the transport but for checksums. */
uint64_t packet_fingerprint(const uint8_t *data, size_t length);

#endif
