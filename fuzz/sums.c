/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz/sums.h"

#include "spinat/spinat.h"
#include "tests/wire.h"

bool ip_is_whole(const uint8_t *ip, size_t length)
{
	return length >= 20 && ip[0] >> 4 == 4 && header_of(ip) >= 20 &&
	    header_of(ip) <= get16(ip + 2) && get16(ip + 2) <= length;
}

bool ip_sum_is_right(const uint8_t *ip, size_t length)
{
	return ip_is_whole(ip, length) &&
	    plain_checksum(ip, header_of(ip), 0) == 0;
}

static uint64_t pseudo(const uint8_t *ip)
{
	return pseudo_header(ip, get16(ip + 2) - header_of(ip));
}

/* Where the transport's checksum is; 0: there is none, or not all of what it
 * covers. */
static size_t transport_sum_at(const uint8_t *ip, size_t length)
{
	static const struct {
		uint8_t protocol, at, least;
	} kinds[] = {{1, 2, 8}, {6, 16, 20}, {17, 6, 8}};

	if (!ip_is_whole(ip, length) || (get16(ip + 6) & 0x3fff) != 0)
		return 0;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (kinds[i].protocol == ip[9] &&
		    get16(ip + 2) - header_of(ip) >= kinds[i].least)
			return header_of(ip) + kinds[i].at;
	return 0;
}

bool icmp_is_all_zero(const uint8_t *ip)
{
	for (size_t i = header_of(ip) + 4; i < get16(ip + 2); i++)
		if (ip[i] != 0)
			return false;
	return true;
}

bool transport_sum_is_right(const uint8_t *ip, size_t length, uint8_t flags)
{
	const size_t at = transport_sum_at(ip, length);
	const size_t header = header_of(ip);

	if (at == 0)
		return false;
	if (ip[9] == 17 && get16(ip + at) == 0)
		return true;
	if ((flags & SPINAT_PACKET_CSUM_PARTIAL) != 0 && ip[9] != 1)
		return get16(ip + at) ==
		    0xffff - plain_checksum(NULL, 0, pseudo(ip));
	/* A message of zeros only, where +0 and -0 differ, cannot be told by an
	 * incremental update (RFC 1624 3); only a ping of id 0, sequence 0 and
	 * no data is one: its answer. */
	if (ip[9] == 1 && icmp_is_all_zero(ip))
		return false;
	return plain_checksum(ip + header, get16(ip + 2) - header,
		   ip[9] == 1 ? 0 : pseudo(ip)) == 0;
}

void fix_sums(uint8_t *ip, size_t length, uint8_t flags)
{
	size_t at;

	if (!ip_is_whole(ip, length))
		return;
	put16(ip + 10, 0);
	put16(ip + 10, plain_checksum(ip, header_of(ip), 0));
	at = transport_sum_at(ip, length);
	if (at == 0 || (ip[9] == 17 && get16(ip + at) == 0))
		return;
	put16(ip + at, 0);
	if ((flags & SPINAT_PACKET_CSUM_PARTIAL) != 0 && ip[9] != 1)
		put16(ip + at, 0xffffu - plain_checksum(NULL, 0, pseudo(ip)));
	else
		put16(ip + at,
		    plain_checksum(ip + header_of(ip),
			get16(ip + 2) - header_of(ip),
			ip[9] == 1 ? 0 : pseudo(ip)));
	if (ip[9] == 17 && get16(ip + at) == 0)
		put16(ip + at, 0xffff);
}
