/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Link types of captures.
 *
 * Ethernet: IEEE 802.3, tags of 802.1Q and 802.1ad (any number), and PPPoE
 * sessions (RFC 2516), as an access line carries them.  Linux cooked:
 * LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2.  Loopback: the address family in
 * the byte order of whoever wrote it (NULL) or in network order (LOOP).
 */
#include "replay/link.h"

#include <pcap/dlt.h>

/* Types that the host's own pcap/dlt.h may not name, or name otherwise: "raw
 * IP" is 12 on most systems, 14 on OpenBSD, and 101 in files. */
#define TYPE_RAW_COMMON  12
#define TYPE_RAW_OPENBSD 14
#define TYPE_RAW_FILE    101
#define TYPE_SLL2        276

#define ETHERTYPE_IPV4_  0x0800u
#define ETHERTYPE_PPPOE_ 0x8864u
#define PPP_IPV4         0x0021u

#define ETHERNET_HEADER 14u
#define TAG_LENGTH      4u
#define PPPOE_LENGTH    8u /* with the two bytes of PPP's protocol */
#define SLL_HEADER      16u
#define SLL2_HEADER     20u
#define LOOP_HEADER     4u
#define LOOP_FAMILY     2u /* AF_INET, the same everywhere */

static unsigned get16(const uint8_t *bytes)
{
	return (unsigned)bytes[0] << 8 | bytes[1];
}

static bool is_tag(unsigned ethertype)
{
	return ethertype == 0x8100 || ethertype == 0x88a8 ||
	    ethertype == 0x9100;
}

/* Walks tags and PPPoE from the byte after an ethertype. */
static bool find_by_ethertype(unsigned ethertype, const uint8_t *frame,
    size_t length, size_t at, size_t *offset)
{
	while (is_tag(ethertype)) {
		if (length - at < TAG_LENGTH)
			return false;
		ethertype = get16(frame + at + 2);
		at += TAG_LENGTH;
	}
	if (ethertype == ETHERTYPE_PPPOE_) {
		if (length - at < PPPOE_LENGTH ||
		    get16(frame + at + 6) != PPP_IPV4)
			return false;
		at += PPPOE_LENGTH;
	} else if (ethertype != ETHERTYPE_IPV4_) {
		return false;
	}
	*offset = at;
	return true;
}

static bool find_loopback(const uint8_t *frame, size_t length, size_t *offset)
{
	if (length < LOOP_HEADER)
		return false;
	bool little = frame[0] == LOOP_FAMILY && frame[1] == 0 &&
	    frame[2] == 0 && frame[3] == 0;
	bool big = frame[0] == 0 && frame[1] == 0 && frame[2] == 0 &&
	    frame[3] == LOOP_FAMILY;
	*offset = LOOP_HEADER;
	return little || big;
}

bool link_is_known(int type)
{
	switch (type) {
	case DLT_EN10MB:
	case TYPE_RAW_COMMON:
	case TYPE_RAW_OPENBSD:
	case TYPE_RAW_FILE:
	case DLT_IPV4:
	case DLT_LINUX_SLL:
	case TYPE_SLL2:
	case DLT_NULL:
	case DLT_LOOP:
		return true;
	default:
		return false;
	}
}

bool link_find_ipv4(
    int type, const uint8_t *frame, size_t length, size_t *offset)
{
	switch (type) {
	case DLT_EN10MB:
		if (length < ETHERNET_HEADER)
			return false;
		return find_by_ethertype(
		    get16(frame + 12), frame, length, ETHERNET_HEADER, offset);
	case DLT_LINUX_SLL:
		if (length < SLL_HEADER)
			return false;
		return find_by_ethertype(
		    get16(frame + 14), frame, length, SLL_HEADER, offset);
	case TYPE_SLL2:
		if (length < SLL2_HEADER)
			return false;
		return find_by_ethertype(
		    get16(frame), frame, length, SLL2_HEADER, offset);
	case DLT_NULL:
	case DLT_LOOP:
		return find_loopback(frame, length, offset);
	case DLT_IPV4:
		*offset = 0;
		return true;
	case TYPE_RAW_COMMON:
	case TYPE_RAW_OPENBSD:
	case TYPE_RAW_FILE:
		/* IPv6 is not ours.  Any other version is nobody's: the engine
		 * gets it, and says so. */
		*offset = 0;
		return length == 0 || frame[0] >> 4 != 6;
	default:
		return false;
	}
}
