/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz/maker.h"

#include <string.h>

#include "fuzz/engine.h"

uint8_t maker_byte(struct maker *maker)
{
	return program_byte(&maker->program);
}

uint16_t maker_word(struct maker *maker)
{
	return (uint16_t)program_number(&maker->program, 2);
}

uint32_t maker_long(struct maker *maker)
{
	return (uint32_t)program_number(&maker->program, 4);
}

static uint32_t some_host(struct maker *maker, uint8_t choice)
{
	switch (choice >> 6) {
	case 0:
		return INSIDE + 1 + choice % 5;
	case 1:
		return REMOTE + choice % 5;
	case 2:
		return choice % 4 == 3 ? OWN : PUBLIC1 + choice % 2;
	default:
		return choice % 8 != 0 ? INSIDE + 1 + choice % 5
				       : maker_long(maker);
	}
}

static uint16_t some_port(struct maker *maker, uint8_t choice)
{
	static const uint16_t usual[] = {
	    500, 4500, 53, 80, 4000, 4001, 20000, 20001, 20002, 20003, 7000, 0};

	return choice < 240 ? usual[choice % 12] : maker_word(maker);
}

static size_t make_ike(struct maker *maker, uint8_t *to)
{
	const uint8_t choice = maker_byte(maker);

	memset(to, 0, 40);
	to[7] = choice & 3;
	to[15] = choice >> 2 & 3;
	to[17] = (choice & 0x80) != 0 ? 0x20 : 0x10;
	to[16] = (choice & 0x40) != 0 ? 46 : 33;
	to[19] = (choice & 0x20) != 0 ? 0x09 : 0x20;
	to[18] = maker_byte(maker);
	to[27] = 40;
	return 40;
}

size_t maker_packet(struct maker *maker, uint8_t *ip, uint8_t side)
{
	const uint8_t kind = maker_byte(maker), from = maker_byte(maker),
		      to = maker_byte(maker);
	uint8_t *l4 = ip + 20;
	size_t length = 8;

	memset(ip, 0, 128);
	ip[0] = 0x45;
	put16(ip + 4, kind >> 4);
	ip[8] = 64;
	put32(ip + 12,
	    some_host(maker, side == SPINAT_INSIDE ? from & 63 : 64 | from));
	put32(ip + 16,
	    some_host(maker, side == SPINAT_INSIDE ? to | 64 : to | 128));
	switch (kind % 8) {
	case 0:
	case 1: /* UDP, with IKE on 4500 */
		ip[9] = 17;
		put16(l4, some_port(maker, maker_byte(maker)));
		put16(l4 + 2, some_port(maker, maker_byte(maker)));
		put16(l4 + 6, kind & 0x40 ? 0 : 1);
		length = 16;
		if (get16(l4 + 2) == 4500)
			length = 12 + make_ike(maker, l4 + 12);
		put16(l4 + 4, (uint32_t)length);
		break;
	case 2: /* TCP */
		ip[9] = 6;
		put16(l4, some_port(maker, maker_byte(maker)));
		put16(l4 + 2, some_port(maker, maker_byte(maker)));
		l4[12] = 0x50;
		l4[13] = maker_byte(maker);
		length = 24;
		break;
	case 3: /* echo and the other types */
		ip[9] = 1;
		l4[0] = from & 1 ? 8 : to & 1 ? 0 : maker_byte(maker);
		put16(l4 + 4, some_port(maker, maker_byte(maker)));
		length = 16;
		break;
	case 4: /* ESP */
		ip[9] = 50;
		put32(l4, 0x1000u + maker_byte(maker) % 48);
		put32(l4 + 4, maker_long(maker));
		length = 24;
		break;
	case 5: /* IKE */
		ip[9] = 17;
		put16(l4, 500);
		put16(l4 + 2, 500);
		put16(l4 + 6, 1);
		length = 8 + make_ike(maker, l4 + 8);
		put16(l4 + 4, (uint32_t)length);
		break;
	case 6:
		ip[9] = kind & 0x10 ? 51 : 47;
		length = 12;
		break;
	default:
		ip[9] = maker_byte(maker);
		length = 32;
		for (size_t i = 0; i < length; i++)
			l4[i] = maker_byte(maker);
		break;
	}
	put16(ip + 2, (uint32_t)(20 + length));
	return 20 + length;
}

static const struct kept *some_kept(const struct maker *maker, uint8_t choice)
{
	return &maker->kept[choice % KEPT];
}

size_t maker_answer(struct maker *maker, uint8_t *ip, uint8_t *side)
{
	const struct kept *kept = some_kept(maker, maker_byte(maker));
	uint8_t *l4 = ip + 20;

	if (kept->length < 28)
		return maker_packet(maker, ip, *side);
	memcpy(ip, kept->data, kept->length);
	*side = kept->to;
	put32(ip + 12, get32(kept->data + 16));
	put32(ip + 16, get32(kept->data + 12));
	if (ip[0] == 0x45 && (ip[9] == 6 || ip[9] == 17)) {
		put16(l4, get16(kept->data + 22));
		put16(l4 + 2, get16(kept->data + 20));
		if (ip[9] == 6 && kept->length >= 40)
			l4[13] = maker_byte(maker);
		if (ip[9] == 17 && get16(l4) == 500 && kept->length >= 56)
			make_ike(maker, l4 + 8);
	} else if (ip[0] == 0x45 && ip[9] == 1 && l4[0] == 8) {
		l4[0] = 0;
	}
	return kept->length;
}

size_t maker_error(struct maker *maker, uint8_t *ip, uint8_t *side)
{
	static const uint8_t types[] = {3, 3, 3, 11, 12, 4, 5, 3};
	const uint8_t choice = maker_byte(maker), cut = maker_byte(maker);
	const struct kept *kept = some_kept(maker, choice);
	size_t quoted = kept->length;

	if (kept->length < 28)
		return maker_packet(maker, ip, *side);
	if (cut < 128)
		quoted = quoted < 20u + cut ? quoted : 20u + cut;
	if (quoted > MAX_PACKET - 28)
		quoted = MAX_PACKET - 28;
	memset(ip, 0, 28);
	ip[0] = 0x45;
	put16(ip + 2, (uint32_t)(28 + quoted));
	ip[8] = 64;
	ip[9] = 1;
	put32(ip + 12,
	    choice & 0x10 ? get32(kept->data + 16)
			  : some_host(maker, maker_byte(maker)));
	put32(ip + 16, get32(kept->data + 12));
	ip[20] = types[choice >> 5];
	ip[21] = maker_byte(maker);
	put16(ip + 26, maker_word(maker));
	memcpy(ip + 28, kept->data, quoted);
	*side = kept->to;
	return 28 + quoted;
}

size_t maker_fragment(struct maker *maker, uint8_t *ip, size_t length)
{
	const uint8_t choice = maker_byte(maker);
	const size_t at = (choice & 7) * 8u;
	const size_t payload = length - 20;
	size_t part;

	if (ip[0] != 0x45 || at >= payload)
		return length;
	part = payload - at;
	if ((choice & 8) != 0 && part > 24)
		part = 24;
	memmove(ip + 20, ip + 20 + at, part);
	put16(ip + 6,
	    (uint32_t)(at / 8) |
		((choice & 16) != 0 || at + part < payload ? 0x2000 : 0));
	put16(ip + 4, choice >> 5);
	put16(ip + 2, (uint32_t)(20 + part));
	return 20 + part;
}

void maker_keep(
    struct maker *maker, const uint8_t *data, size_t length, uint8_t to)
{
	struct kept *kept = &maker->kept[maker->kept_next++ % KEPT];

	if (length > MAX_PACKET)
		return;
	memcpy(kept->data, data, length);
	kept->length = (uint32_t)length;
	kept->to = to;
}
