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
	if (data + ETH_HLEN + packet->length > (const uint8_t *)end)
		return FAST_MALFORMED;
	key = key_of_datagram(packet, side);
	rewrite_head(packet, data, side, 1);
	if (!packet->is_later && !rewrite_transport(packet, l4, end))
		return LOST;
	if (packet->is_first)
		note_first(packet, &key);
	note_taken(packet, side, l4);
	return FAST_TAKEN;
}

/* Each with a stack of its own, since what they call needs one too. */
static SLOW_CALL unsigned translate_whole(
    struct xdp_md *frame, enum spinat_side side)
{
	struct packet packet;

	return translate(frame, &packet, side, WHOLE_ONLY);
}

/* Asked for again from the start: what is whole shall not pay for it. */
static SLOW_CALL unsigned translate_fragment(
    struct xdp_md *frame, enum spinat_side side)
{
	struct packet packet = {0};

	return translate(frame, &packet, side, FRAGMENTS_TOO);
}

static ALWAYS_INLINE int run(struct xdp_md *frame, enum spinat_side side)
{
	unsigned outcome = translate_whole(frame, side);

	if (outcome == FAST_FRAGMENT)
		outcome = translate_fragment(frame, side);
	if (outcome == FAST_TAKEN)
		return (int)bpf_redirect(constants.devices[!side], 0);
	if (outcome == LOST)
		return XDP_DROP;
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
