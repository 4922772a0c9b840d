/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/notify.h"

#include "packet/header.h"

enum { IKE1_NOTIFICATION = 11, IKE2_NOTIFY = 41 };
/* Both versions number these alike. */
enum {
	TYPE_INVALID_IKE_SPI = 4,
	TYPE_INVALID_SPI = 11,
	TYPE_NO_PROPOSAL_CHOSEN = 14
};

/* Past the generic payload header and, in IKEv1, the DOI. */
enum {
	IKE1_AT_SPI_SIZE = 9,
	IKE1_AT_TYPE = 10,
	IKE1_AT_SPI = 12,
	IKE2_AT_SPI_SIZE = 5,
	IKE2_AT_TYPE = 6,
	IKE2_AT_SPI = 8
};

enum notify_kind notify_parse(const struct ike_message *message,
    const uint8_t *payload, size_t length, be32 *spi)
{
	const bool v1 = message->version == 1;
	const size_t at_spi = v1 ? IKE1_AT_SPI : IKE2_AT_SPI;
	const uint8_t *notify = payload + IKE_HEADER;
	size_t size;

	if (message->is_protected ||
	    message->next_payload != (v1 ? IKE1_NOTIFICATION : IKE2_NOTIFY) ||
	    length < IKE_HEADER + at_spi)
		return NOTIFY_NONE;
	switch (be16_to_host(
	    load_be16(notify + (v1 ? IKE1_AT_TYPE : IKE2_AT_TYPE)))) {
	case TYPE_INVALID_IKE_SPI:
		return NOTIFY_INVALID_IKE_SPI;
	case TYPE_NO_PROPOSAL_CHOSEN:
		return NOTIFY_NO_PROPOSAL_CHOSEN;
	case TYPE_INVALID_SPI:
		break;
	default:
		return NOTIFY_NONE;
	}
	/* Where it stands differs: in the SPI field, or as data behind it. */
	size = notify[v1 ? IKE1_AT_SPI_SIZE : IKE2_AT_SPI_SIZE];
	if (size != 4)
		notify += size;
	if (length < (size_t)(notify - payload) + at_spi + 4)
		return NOTIFY_NONE;
	*spi = load_be32(notify + at_spi);
	return NOTIFY_INVALID_SPI;
}
