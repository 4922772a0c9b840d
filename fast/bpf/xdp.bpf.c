/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast path at XDP: one program an interface.
 *
 * It sees frames before the kernel has made packets of them, and cannot see
 * whether a checksum is finished: it is for devices that take and give whole
 * ones (docs/fast-path.md).
 */
#define CONTEXT struct xdp_md
#include "look.h"

static ALWAYS_INLINE void rewrite_checksum(uint8_t *at, uint16_t delta)
{
	store_be16(at, csum_apply(load_be16(at), delta));
}

/* False: a TCP header is not all there; that cannot be, it was looked at. */
static ALWAYS_INLINE bool rewrite_transport(
    const struct packet *packet, uint8_t *l4, const void *end)
{
	const struct translation *to = &packet->to;

	switch (packet->protocol) {
	case IPPROTO_TCP:
		if (l4 + TCP_HEADER_MIN > (const uint8_t *)end)
			return false;
		memcpy(l4 + L4_SOURCE_PORT, &to->ports, sizeof to->ports);
		rewrite_checksum(l4 + TCP_CHECKSUM, to->transport_delta);
		break;
	case IPPROTO_UDP:
		memcpy(l4 + L4_SOURCE_PORT, &to->ports, sizeof to->ports);
		if (load_be16(l4 + UDP_CHECKSUM).raw == 0)
			break;
		rewrite_checksum(l4 + UDP_CHECKSUM, to->transport_delta);
		if (load_be16(l4 + UDP_CHECKSUM).raw == 0)
			store_be16(l4 + UDP_CHECKSUM, (be16){0xffff});
		break;
	case IPPROTO_ICMP:
		store_be16(l4 + ICMP_ID, to->id);
		rewrite_checksum(l4 + ICMP_CHECKSUM, to->transport_delta);
		break;
	default:
		break;
	}
	return true;
}

static ALWAYS_INLINE unsigned translate(struct xdp_md *frame,
    struct packet *packet, enum spinat_side side, enum with with)
{
	uint8_t *data = (uint8_t *)(long)frame->data;
	const void *end = (const void *)(long)frame->data_end;
	uint8_t *l4 = data + ETH_HLEN + IP4_HEADER_MIN;
	unsigned outcome = look(frame, packet, data, end, side, 0, with);
	struct datagram_key key;

	if (outcome != FAST_TAKEN)
		return outcome;
	/* As numbers: how long it may be at most, the verifier of Linux 6.1 has
	 * forgotten by now, and adds it to no pointer. */
	if (ETH_HLEN + packet->length > (uint64_t)((long)end - (long)data))
		return FAST_MALFORMED;
	key = key_of_datagram(packet, side);
	rewrite_head(packet, data, side, 1);
	if (!packet->is_later && !rewrite_transport(packet, l4, end))
		return FAST_SPOILT;
	if (packet->is_first)
		note_first(packet, &key);
	note_taken(packet, side, l4);
	return FAST_TAKEN;
}

/* Asked for again from the start: what is whole shall not pay for it.  One a
 * side, which is a constant in it. */
static SLOW_CALL unsigned translate_fragment_inside(struct xdp_md *frame)
{
	struct packet packet = {0};

	return translate(frame, &packet, SPINAT_INSIDE, FRAGMENTS_TOO);
}

static SLOW_CALL unsigned translate_fragment_outside(struct xdp_md *frame)
{
	struct packet packet = {0};

	return translate(frame, &packet, SPINAT_OUTSIDE, FRAGMENTS_TOO);
}

/* What is taken meets no call on its way but the kernel's: where returning is
 * guarded against speculation, each takes as long as thirty instructions. */
static ALWAYS_INLINE int run(struct xdp_md *frame, enum spinat_side side)
{
	struct packet packet;
	unsigned outcome = translate(frame, &packet, side, WHOLE_ONLY);

	if (outcome == FAST_FRAGMENT)
		outcome = side == SPINAT_INSIDE
		    ? translate_fragment_inside(frame)
		    : translate_fragment_outside(frame);
	if (outcome == FAST_TAKEN)
		return (int)bpf_redirect(constants.devices[!side], 0);
	if (outcome == FAST_SPOILT) {
		count(side, outcome, 0);
		return XDP_DROP;
	}
	return is_dropped(leave(frame, (uint8_t *)(long)frame->data,
		   (const void *)(long)frame->data_end, side, outcome))
	    ? XDP_DROP
	    : XDP_PASS;
}

SEC("xdp")
int fast_xdp_inside(struct xdp_md *frame)
{
	return run(frame, SPINAT_INSIDE);
}

SEC("xdp")
int fast_xdp_outside(struct xdp_md *frame)
{
	return run(frame, SPINAT_OUTSIDE);
}

char fast_license[] SEC("license") = "Dual BSD/GPL";
