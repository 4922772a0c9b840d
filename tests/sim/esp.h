/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Child SAs and their packets (RFC 4303): receivers choose SPIs at random,
 * sequence numbers start at 1, lengths follow the cipher's padding, and only
 * who holds the key reads.
 */
#ifndef SPINAT_SIM_ESP_H
#define SPINAT_SIM_ESP_H

#include "packet.h"
#include "spinat/spinat.h"

struct end;
struct host;

enum cipher {
	CIPHER_CBC, /* AES-CBC, HMAC-SHA-1-96: 8+16+16k+12 */
	CIPHER_GCM, /* AES-GCM-16: 8+8+4k+16 */
	CIPHER_COUNT
};

/** A pair of SAs. */
struct child {
	struct child *next; /* of the host */
	struct end *end;
	uint32_t spi_in, spi_out;
	uint64_t key_in, key_out;
	enum cipher cipher;
	bool sends; /* not yet, between Quick Mode's second and third message */
	bool alive;
	bool superseded;
	uint32_t sequence;
	uint32_t highest; /* anti-replay: received, and the 64 before */
	uint64_t window;
};

uint32_t esp_choose_spi(struct host *host);
/** Makes a pair; the end sends with it from now on if `use`. */
struct child *esp_install(struct end *end, uint32_t spi_in, uint64_t key_in,
    uint32_t spi_out, uint64_t key_out, bool sends, bool use);
void esp_use(struct child *child);
void esp_remove(struct child *child);
struct child *esp_find(struct host *host, uint32_t spi_in);
/** Sends an inner packet over the end's tunnel; false: it has no SA. */
bool esp_send(struct end *end, uint8_t app, uint8_t kind, uint32_t sequence,
    uint16_t inner_length);
void esp_receive(struct host *host, const struct packet *packet);
uint32_t esp_length(enum cipher cipher, uint32_t inner);

#endif
