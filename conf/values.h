/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single values: each takes one word (or a piece of one) and gives the value
 * or fails at the exact place.  0 or -EINVAL.
 */
#ifndef SPINAT_CONF_VALUES_H
#define SPINAT_CONF_VALUES_H

#include "conf/setting.h"

/** Ports in host order, low <= high. */
struct port_range {
	uint16_t low, high;
};

/** Which addresses make sense. */
enum address_kind {
	ADDRESS_HOST, /* one host: not 0.0.0.0, loopback, multicast */
	ADDRESS_ANY   /* the same, or 0.0.0.0 */
};

int value_yes_no(struct setting *setting, struct slice word, bool *value);
int value_number(struct setting *setting, struct slice word, uint64_t low,
    uint64_t high, uint64_t *value);
/** "90", "90s", "5m", "25h", "7d"; one second to a week. */
int value_duration(
    struct setting *setting, struct slice word, spinat_time *value);
/** Dotted, or the name of a host. */
int value_address(struct setting *setting, struct slice word,
    enum address_kind kind, spinat_be32 *value);
int value_prefix(
    struct setting *setting, struct slice word, struct spinat_prefix *value);
/** A port by number, or a service of `protocol` by name; or LOW-HIGH. */
int value_ports(struct setting *setting, struct slice word,
    const char *protocol, struct port_range *value);
/** An IP protocol by number or name. */
int value_protocol(struct setting *setting, struct slice word, uint8_t *value);

/** Host order. */
uint32_t address_to_host(spinat_be32 address);
spinat_be32 address_from_host(uint32_t address);
bool prefix_contains(const struct spinat_prefix *prefix, spinat_be32 address);
/** RFC 1918 and 6598. */
bool address_is_private(spinat_be32 address);

/** An address, or a prefix, for people. */
struct address_text {
	char text[20];
};
struct address_text address_format(spinat_be32 address);
struct address_text prefix_format(const struct spinat_prefix *prefix);

#endif
