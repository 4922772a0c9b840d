/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses, SPIs, cookies and protocols as people write them.  The protocol
 * names are a table of our own: /etc/protocols differs from system to system,
 * and these names are part of the JSON output.
 */
#include "daemon/text.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const struct {
	uint8_t number;
	const char *name;
} protocols[] = {
    {IPPROTO_ICMP, "icmp"},
    {IPPROTO_IGMP, "igmp"},
    {IPPROTO_IPIP, "ipip"},
    {IPPROTO_TCP, "tcp"},
    {IPPROTO_UDP, "udp"},
    {IPPROTO_DCCP, "dccp"},
    {IPPROTO_IPV6, "ipv6"},
    {IPPROTO_GRE, "gre"},
    {IPPROTO_ESP, "esp"},
    {IPPROTO_AH, "ah"},
    {89, "ospf"},
    {108, "ipcomp"},
    {115, "l2tp"},
    {IPPROTO_SCTP, "sctp"},
    {136, "udplite"},
};

#define PROTOCOL_COUNT (sizeof(protocols) / sizeof(protocols[0]))

const char *text_address(char text[TEXT_ADDRESS_MAX], spinat_be32 address)
{
	uint32_t host = text_host32(address);

	(void)snprintf(text, TEXT_ADDRESS_MAX, "%u.%u.%u.%u", host >> 24,
	    host >> 16 & 255u, host >> 8 & 255u, host & 255u);
	return text;
}

const char *text_endpoint(
    char text[TEXT_ENDPOINT_MAX], const struct spinat_endpoint *endpoint)
{
	char address[TEXT_ADDRESS_MAX];

	text_address(address, endpoint->address);
	if (endpoint->port.raw)
		(void)snprintf(text, TEXT_ENDPOINT_MAX, "%s:%u", address,
		    (unsigned)text_host16(endpoint->port));
	else
		(void)snprintf(text, TEXT_ENDPOINT_MAX, "%s", address);
	return text;
}

const char *text_spi(char text[TEXT_SPI_MAX], spinat_be32 spi)
{
	(void)snprintf(text, TEXT_SPI_MAX, "0x%08x", text_host32(spi));
	return text;
}

const char *text_cookie(char text[TEXT_COOKIE_MAX], const uint8_t cookie[8])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < 8; i++) {
		text[2 * i] = digits[cookie[i] >> 4];
		text[2 * i + 1] = digits[cookie[i] & 15];
	}
	text[16] = '\0';
	return text;
}

const char *text_protocol(char text[TEXT_PROTOCOL_MAX], uint8_t protocol)
{
	for (size_t i = 0; i < PROTOCOL_COUNT; i++)
		if (protocols[i].number == protocol) {
			(void)snprintf(
			    text, TEXT_PROTOCOL_MAX, "%s", protocols[i].name);
			return text;
		}
	(void)snprintf(
	    text, TEXT_PROTOCOL_MAX, "ip-protocol-%u", (unsigned)protocol);
	return text;
}

bool text_to_protocol(const char *text, uint8_t *protocol)
{
	static const char prefix[] = "ip-protocol-";
	unsigned number = 0;

	for (size_t i = 0; i < PROTOCOL_COUNT; i++)
		if (strcmp(protocols[i].name, text) == 0) {
			*protocol = protocols[i].number;
			return true;
		}
	if (strncmp(text, prefix, sizeof(prefix) - 1) == 0)
		text += sizeof(prefix) - 1;
	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		number = number * 10 + (unsigned)(*text - '0');
		if (number > 255)
			return false;
	}
	*protocol = (uint8_t)number;
	return true;
}

bool text_to_address(const char *text, spinat_be32 *address)
{
	struct in_addr parsed;

	if (inet_pton(AF_INET, text, &parsed) != 1)
		return false;
	address->raw = parsed.s_addr;
	return true;
}

bool text_to_spi(const char *text, spinat_be32 *spi)
{
	uint32_t value = 0;
	size_t digits = 0;

	if (text[0] != '0' || text[1] != 'x')
		return false;
	for (text += 2; *text; text++) {
		static const char hex[] = "0123456789abcdef0123456789ABCDEF";
		const char *at = strchr(hex, *text);

		if (!at || ++digits > 8)
			return false;
		value = value << 4 | (uint32_t)((at - hex) & 15);
	}
	spi->raw = htonl(value);
	return digits != 0;
}
