/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The notification that a message in clear begins with: what a host says that
 * does not know an SPI or an IKE SA, or does not agree to one (RFC 7296 3.10,
 * RFC 2408 3.14).
 */
#ifndef SPINAT_IPSEC_NOTIFY_H
#define SPINAT_IPSEC_NOTIFY_H

#include "ipsec/ike_sa.h"

enum notify_kind {
	NOTIFY_NONE, /* protected, or no notification of these kinds */
	NOTIFY_INVALID_SPI,
	NOTIFY_INVALID_IKE_SPI, /* IKEv1: INVALID-COOKIE */
	NOTIFY_NO_PROPOSAL_CHOSEN,
};

/** `payload` is the UDP payload that `message` was parsed from; for INVALID_SPI
 * *spi is the one it names. */
enum notify_kind notify_parse(const struct ike_message *message,
    const uint8_t *payload, size_t length, be32 *spi);

#endif
