/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single values.  Stricter than inet_aton() and strtol(): an address has four
 * parts without leading zeros, a number has no sign, blank or trailing letter.
 */
#include "conf/values.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "conf/names.h"

/* ------------------------------------------------------------- addresses */

uint32_t address_to_host(spinat_be32 address)
{
	return ntohl(address.raw);
}

spinat_be32 address_from_host(uint32_t address)
{
	return (spinat_be32){htonl(address)};
}

static uint32_t prefix_mask(unsigned length)
{
	return length == 0 ? 0 : UINT32_MAX << (32 - length);
}

bool prefix_contains(const struct spinat_prefix *prefix, spinat_be32 address)
{
	uint32_t differs =
	    address_to_host(prefix->address) ^ address_to_host(address);

	return (differs & prefix_mask(prefix->length)) == 0;
}

bool address_is_private(spinat_be32 address)
{
	uint32_t host = address_to_host(address);

	return host >> 24 == 10 || host >> 20 == 0xac1 ||
	    host >> 16 == 0xc0a8 || host >> 22 == 0x6440 >> 6;
}

struct address_text address_format(spinat_be32 address)
{
	struct address_text text;
	uint32_t host = address_to_host(address);

	snprintf(text.text, sizeof(text.text), "%u.%u.%u.%u", host >> 24,
	    host >> 16 & 255, host >> 8 & 255, host & 255);
	return text;
}

struct address_text prefix_format(const struct spinat_prefix *prefix)
{
	struct address_text text = address_format(prefix->address);
	size_t length = strlen(text.text);

	snprintf(text.text + length, sizeof(text.text) - length, "/%u",
	    prefix->length);
	return text;
}

/** Four numbers of 0 to 255; NULL, or where it stops being an address. */
static const char *parse_dotted(struct slice word, uint32_t *address)
{
	const char *at = word.start, *end = slice_end(word);

	*address = 0;
	for (unsigned part = 0; part < 4; part++) {
		const char *first;
		unsigned value = 0;

		if (part > 0 && (at == end || *at++ != '.'))
			return at == end ? at : at - 1;
		first = at;
		while (at < end && *at >= '0' && *at <= '9' && at - first < 4)
			value = value * 10 + (unsigned)(*at++ - '0');
		if (at == first)
			return at;
		if (value > 255 || at - first > 3 ||
		    (*first == '0' && at - first > 1))
			return first;
		*address = *address << 8 | value;
	}
	return at == end ? NULL : at;
}

static bool looks_dotted(struct slice word)
{
	for (size_t i = 0; i < word.length; i++)
		if (word.start[i] != '.' &&
		    (word.start[i] < '0' || word.start[i] > '9'))
			return false;
	return true;
}

static bool is_host_name(struct slice word)
{
	for (size_t i = 0; i < word.length; i++) {
		char c = word.start[i];
		bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '.' || c == '_' ||
		    (c == '-' && i > 0);

		if (!fine)
			return false;
	}
	return word.length > 0;
}

static int find_host(
    struct setting *setting, struct slice word, spinat_be32 *value)
{
	char name[254];
	const char *why;

	if (!is_host_name(word) || !slice_copy(word, name, sizeof(name)))
		return setting_fail(setting, word.start,
		    "%s is no address; right would be four numbers as in "
		    "192.0.2.1, or the name of a host",
		    slice_quote(word).text);
	why = names_find_host(name, value);
	if (why != NULL)
		return setting_fail(setting, word.start,
		    "the host %s is not known (%s); an address as in "
		    "192.0.2.1 needs no look-up",
		    slice_quote(word).text, why);
	return 0;
}

int value_address(struct setting *setting, struct slice word,
    enum address_kind kind, spinat_be32 *value)
{
	const char *class = NULL;
	uint32_t host;

	if (looks_dotted(word)) {
		const char *wrong = parse_dotted(word, &host);

		if (wrong != NULL)
			return setting_fail(setting, wrong,
			    "%s is no address; right would be four numbers "
			    "from 0 to 255, as in 192.0.2.1",
			    slice_quote(word).text);
		*value = address_from_host(host);
	} else {
		int code = find_host(setting, word, value);

		if (code < 0)
			return code;
		host = address_to_host(*value);
	}

	if (host == 0 && kind == ADDRESS_ANY)
		return 0;
	if (host >> 24 == 0)
		class = "of \"this network\"";
	else if (host >> 24 == 127)
		class = "a loopback address";
	else if (host >> 28 == 14)
		class = "a multicast address";
	else if (host >> 28 == 15)
		class = "a reserved or broadcast address";
	if (class != NULL)
		return setting_fail(setting, word.start,
		    "%s is %s; right would be the address of one host",
		    address_format(*value).text, class);
	return 0;
}

int value_prefix(
    struct setting *setting, struct slice word, struct spinat_prefix *value)
{
	struct slice head, tail;
	const char *wrong;
	uint32_t host, mask;
	uint64_t length;
	int code;

	bool cut = slice_split(word, '/', &head, &tail);

	wrong = parse_dotted(head, &host);
	if (wrong != NULL)
		return setting_fail(setting, wrong,
		    "%s is no network; right would be ADDRESS/LENGTH, as in "
		    "192.168.1.0/24",
		    slice_quote(word).text);
	if (!cut)
		return setting_fail(setting, slice_end(head),
		    "the prefix length is missing; right would be "
		    "ADDRESS/LENGTH, as in 192.168.1.0/24, or %s/32 for one "
		    "host",
		    address_format(address_from_host(host)).text);
	code = value_number(setting, tail, 0, 32, &length);
	if (code < 0)
		return code;
	value->length = (uint8_t)length;
	value->address = address_from_host(host);
	mask = prefix_mask(value->length);
	if ((host & ~mask) != 0) {
		struct spinat_prefix right = {
		    address_from_host(host & mask), value->length};

		return setting_fail(setting, head.start,
		    "%s has bits set after its prefix; the network would be "
		    "%s",
		    prefix_format(value).text, prefix_format(&right).text);
	}
	return 0;
}

/* --------------------------------------------------------------- numbers */

int value_yes_no(struct setting *setting, struct slice word, bool *value)
{
	*value = slice_is(word, "yes");
	if (*value || slice_is(word, "no"))
		return 0;
	return setting_fail(setting, word.start,
	    "%s is neither \"yes\" nor \"no\"", slice_quote(word).text);
}

/** Digits only, no overflow: false when it is no number or too big. */
static bool parse_number(struct slice word, uint64_t *value)
{
	*value = 0;
	if (!slice_is_number(word))
		return false;
	for (size_t i = 0; i < word.length; i++) {
		if (*value > (UINT64_MAX - 9) / 10)
			return false;
		*value = *value * 10 + (uint64_t)(word.start[i] - '0');
	}
	return true;
}

int value_number(struct setting *setting, struct slice word, uint64_t low,
    uint64_t high, uint64_t *value)
{
	if (parse_number(word, value) && *value >= low && *value <= high)
		return 0;
	return setting_fail(setting, word.start,
	    "%s is no number from %llu to %llu", slice_quote(word).text,
	    (unsigned long long)low, (unsigned long long)high);
}

int value_duration(
    struct setting *setting, struct slice word, spinat_time *value)
{
	static const struct {
		char suffix;
		uint32_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	const uint64_t most = SPINAT_TIMEOUT_MAX / SPINAT_SECOND;
	struct slice digits = word;
	uint64_t number, unit = 1;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (word.length > 0 &&
		    word.start[word.length - 1] == units[i].suffix) {
			unit = units[i].seconds;
			digits.length--;
		}
	if (!parse_number(digits, &number))
		return setting_fail(setting, word.start,
		    "%s is no duration; right would be seconds, or a number "
		    "with s, m, h or d, as in 300 or 25h",
		    slice_quote(word).text);
	if (number < 1 || number > most / unit)
		return setting_fail(setting, word.start,
		    "%s is out of bounds; right would be from 1s to %llud",
		    slice_quote(word).text, (unsigned long long)(most / 86400));
	*value = (spinat_time)(number * unit) * SPINAT_SECOND;
	return 0;
}

/* ----------------------------------------------------- ports, protocols */

static int one_port(struct setting *setting, struct slice word, uint16_t *port)
{
	uint64_t value;
	int code = value_number(setting, word, 1, 65535, &value);

	if (code == 0)
		*port = (uint16_t)value;
	return code;
}

int value_ports(struct setting *setting, struct slice word,
    const char *protocol, struct port_range *value)
{
	struct slice low, high;
	char name[64];
	int code;

	if (word.length == 0)
		return setting_fail(
		    setting, word.start, "a port is missing here");
	/* A name first: services may have a dash. */
	if (word.start[0] < '0' || word.start[0] > '9') {
		if (!slice_copy(word, name, sizeof(name)) ||
		    !names_find_service(name, protocol, &value->low))
			return setting_fail(setting, word.start,
			    "%s is no port or service of %s; right would be a "
			    "number from 1 to 65535, LOW-HIGH, or a name from "
			    "services(5)",
			    slice_quote(word).text, protocol);
		value->high = value->low;
		return 0;
	}
	if (!slice_split(word, '-', &low, &high)) {
		code = one_port(setting, word, &value->low);
		value->high = value->low;
		return code;
	}
	code = one_port(setting, low, &value->low);
	if (code == 0)
		code = one_port(setting, high, &value->high);
	if (code < 0)
		return code;
	if (value->low > value->high)
		return setting_fail(setting, word.start,
		    "the range %s is empty; right would be %u-%u",
		    slice_quote(word).text, value->high, value->low);
	return 0;
}

int value_protocol(struct setting *setting, struct slice word, uint8_t *value)
{
	char name[64];
	uint64_t number;

	if (slice_is_number(word)) {
		int code = value_number(setting, word, 1, 255, &number);

		if (code == 0)
			*value = (uint8_t)number;
		return code;
	}
	if (!slice_copy(word, name, sizeof(name)) ||
	    !names_find_protocol(name, value))
		return setting_fail(setting, word.start,
		    "%s is no IP protocol; right would be a number from 1 to "
		    "255 or a name from protocols(5), as in gre",
		    slice_quote(word).text);
	if (*value == 0)
		return setting_fail(setting, word.start,
		    "%s stands for all of IP; that is redirect_address",
		    slice_quote(word).text);
	return 0;
}
