/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses, SPIs, cookies and protocols as people write them.
 */
#ifndef SPINAT_DAEMON_TEXT_H
#define SPINAT_DAEMON_TEXT_H

#include <arpa/inet.h>
#include <stdbool.h>

#include "spinat/spinat.h"

#define TEXT_ADDRESS_MAX  16 /* "255.255.255.255" */
#define TEXT_ENDPOINT_MAX 22 /* "255.255.255.255:65535" */
#define TEXT_SPI_MAX      11 /* "0x89abcdef" */
#define TEXT_COOKIE_MAX   17 /* 16 hexadecimal digits */
#define TEXT_PROTOCOL_MAX 16 /* "ip-protocol-253" */

static inline uint32_t text_host32(spinat_be32 value)
{
	return ntohl(value.raw);
}

static inline uint16_t text_host16(spinat_be16 value)
{
	return ntohs(value.raw);
}

/* Each fills `text` and returns it. */
const char *text_address(char text[TEXT_ADDRESS_MAX], spinat_be32 address);
/** "address:port", or the address alone when the port is 0. */
const char *text_endpoint(
    char text[TEXT_ENDPOINT_MAX], const struct spinat_endpoint *endpoint);
const char *text_spi(char text[TEXT_SPI_MAX], spinat_be32 spi);
const char *text_cookie(char text[TEXT_COOKIE_MAX], const uint8_t cookie[8]);
/** "udp"; a number that has no name here: "ip-protocol-N". */
const char *text_protocol(char text[TEXT_PROTOCOL_MAX], uint8_t protocol);

/** The other way round; a plain number does too.  False: neither. */
bool text_to_protocol(const char *text, uint8_t *protocol);
/** "0x" and up to eight hexadecimal digits. */
bool text_to_spi(const char *text, spinat_be32 *spi);
/** Dotted quad only. */
bool text_to_address(const char *text, spinat_be32 *address);

#endif
