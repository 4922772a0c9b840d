/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finishing a transport checksum that the kernel left to the device
 * (CHECKSUM_PARTIAL).  A back end that hands a changed packet back to the
 * kernel needs it where the kernel forgets that the sum was unfinished.
 */
#ifndef SPINAT_BACKEND_CHECKSUM_H
#define SPINAT_BACKEND_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/** The Internet checksum (RFC 1071) of `length` bytes, folded, not inverted. */
uint16_t checksum_sum(const uint8_t *data, size_t length, uint32_t start);

/** Computes the TCP, UDP or SCTP checksum of the whole IPv4 packet anew.  A
 * fragment, another protocol or a malformed packet is left alone. */
void checksum_finish(uint8_t *packet, size_t length);

#endif
