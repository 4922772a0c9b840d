/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksums of a packet that may be anything, of `length` bytes from its IP
 * header on; `flags` are SPINAT_PACKET_*.
 */
#ifndef SPINAT_FUZZ_SUMS_H
#define SPINAT_FUZZ_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Its header is one, and all that it says is there. */
bool ip_is_whole(const uint8_t *ip, size_t length);
bool ip_sum_is_right(const uint8_t *ip, size_t length);
/** False, too, where there is none that can be told. */
bool transport_sum_is_right(const uint8_t *ip, size_t length, uint8_t flags);
/** An ICMP message of zeros but for its checksum. */
bool icmp_is_all_zero(const uint8_t *ip);
/** Adds all up anew that there are. */
void fix_sums(uint8_t *ip, size_t length, uint8_t flags);

#endif
