/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast path at tc: on each interface a program for what arrives, which
 * takes packets, and one for what leaves, which notes what the firewall's rules
 * have passed.
 *
 * Packets may be large (GSO) here, and their checksums unfinished: transport
 * checksums change through the helpers that know.
 */
#include <linux/pkt_cls.h>

#define CONTEXT struct __sk_buff
#include "look.h"

/* "Go on with the next program", or with the packet's way: TCX_NEXT, and
 * TC_ACT_UNSPEC of a classifier. */
#define GO_ON (-1)

/* Set by a program that takes a packet, which is then seen leaving on this very
 * CPU before any other: nothing has to be noted of it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, uint32_t);
} is_taken SEC(".maps");

static ALWAYS_INLINE void set_taken(void)
{
	const uint32_t only = 0;
	uint32_t *taken = bpf_map_lookup_elem(&is_taken, &only);

	if (taken != NULL)
		*taken = 1;
}

static ALWAYS_INLINE bool was_taken(void)
{
	const uint32_t only = 0;
	uint32_t *taken = bpf_map_lookup_elem(&is_taken, &only);

	if (taken == NULL || *taken == 0)
		return false;
	*taken = 0;
	return true;
}

/* Where a transport's checksum lies in the frame. */
static ALWAYS_INLINE unsigned checksum_at(uint8_t protocol)
{
	const unsigned l4 = ETH_HLEN + IP4_HEADER_MIN;

	return protocol == IPPROTO_TCP ? l4 + TCP_CHECKSUM
	    : protocol == IPPROTO_UDP  ? l4 + UDP_CHECKSUM
				       : l4 + ICMP_CHECKSUM;
}

/* The addresses, which an unfinished checksum covers already, and the rest. */
static ALWAYS_INLINE long change_checksum(
    struct __sk_buff *skb, const struct packet *packet)
{
	const unsigned at = checksum_at(packet->protocol);
	const uint64_t zero_is_none =
	    packet->protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	const uint16_t addresses = packet->to.address_delta;
	const uint16_t ids = csum_fold(
	    (uint64_t)packet->to.transport_delta + (uint16_t)~addresses);

	if (packet->protocol == IPPROTO_ESP)
		return 0;
	if (packet->protocol == IPPROTO_ICMP)
		return bpf_l4_csum_replace(
		    skb, at, 0, packet->to.transport_delta, 0);
	if (bpf_l4_csum_replace(
		skb, at, 0, addresses, BPF_F_PSEUDO_HDR | zero_is_none) != 0)
		return -1;
	/* Of ports that stay as they are: nothing, in one's complement. */
	if (ids == 0xffff)
		return 0;
	return bpf_l4_csum_replace(skb, at, 0, ids, zero_is_none);
}

static ALWAYS_INLINE void rewrite_ids(const struct packet *packet, uint8_t *l4)
{
	if (packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP)
		memcpy(l4 + L4_SOURCE_PORT, &packet->to.ports,
		    sizeof packet->to.ports);
	else if (packet->protocol == IPPROTO_ICMP)
		store_be16(l4 + ICMP_ID, packet->to.id);
}

/* The headers shall lie in the packet's linear part. */
static ALWAYS_INLINE void make_linear(struct __sk_buff *skb)
{
	if ((long)skb->data + HEADERS_TCP > (long)skb->data_end &&
	    skb->len > skb->data_end - skb->data)
		(void)bpf_skb_pull_data(
		    skb, skb->len < HEADERS_TCP ? skb->len : HEADERS_TCP);
}

/* In a VLAN, so another network: the tag is beside the frame here, which looks
 * like one without. */
static ALWAYS_INLINE bool is_tagged(const struct __sk_buff *skb)
{
	return skb->vlan_present != 0;
}

static ALWAYS_INLINE unsigned translate(struct __sk_buff *skb,
    struct packet *packet, enum spinat_side side, enum with with)
{
	uint8_t *data = (uint8_t *)(long)skb->data;
	unsigned outcome = look(skb, packet, data,
	    (const void *)(long)skb->data_end, side, skb->gso_size, with);
	struct datagram_key key;
	uint8_t *l4;

	if (outcome != FAST_TAKEN)
		return outcome;
	if (ETH_HLEN + packet->length > skb->len)
		return FAST_MALFORMED;
	key = key_of_datagram(packet, side);
	if (!packet->is_later) {
		if (change_checksum(skb, packet) != 0)
			return FAST_SPOILT;
		data = (uint8_t *)(long)skb->data;
		if (data + HEADERS_MIN > (const uint8_t *)(long)skb->data_end)
			return FAST_SPOILT; /* cannot be: it was there */
	}
	l4 = data + ETH_HLEN + IP4_HEADER_MIN;
	rewrite_head(
	    packet, data, side, skb->gso_segs == 0 ? 1 : skb->gso_segs);
	if (!packet->is_later)
		rewrite_ids(packet, l4);
	if (packet->is_first)
		note_first(packet, &key);
	note_taken(packet, side, l4);
	return FAST_TAKEN;
}

/* Asked for again from the start: what is whole shall not pay for it.  One a
 * side, which is a constant in it. */
static SLOW_CALL unsigned translate_fragment_inside(struct __sk_buff *skb)
{
	struct packet packet = {0};

	return translate(skb, &packet, SPINAT_INSIDE, FRAGMENTS_TOO);
}

static SLOW_CALL unsigned translate_fragment_outside(struct __sk_buff *skb)
{
	struct packet packet = {0};

	return translate(skb, &packet, SPINAT_OUTSIDE, FRAGMENTS_TOO);
}

/* What is taken meets no call on its way but the kernel's: where returning is
 * guarded against speculation, each takes as long as thirty instructions. */
static ALWAYS_INLINE int run(struct __sk_buff *skb, enum spinat_side side)
{
	struct packet packet;
	unsigned outcome;

	if (is_tagged(skb)) {
		count(side, FAST_NOT_IPV4, 0);
		return GO_ON;
	}
	make_linear(skb);
	outcome = translate(skb, &packet, side, WHOLE_ONLY);
	if (outcome == FAST_FRAGMENT)
		outcome = side == SPINAT_INSIDE
		    ? translate_fragment_inside(skb)
		    : translate_fragment_outside(skb);
	if (outcome == FAST_TAKEN) {
		set_taken();
		return (int)bpf_redirect(constants.devices[!side], 0);
	}
	if (outcome == FAST_SPOILT) {
		count(side, outcome, 0);
		return TC_ACT_SHOT;
	}
	return is_dropped(leave(skb, (uint8_t *)(long)skb->data,
		   (const void *)(long)skb->data_end, side, outcome))
	    ? TC_ACT_SHOT
	    : GO_ON;
}

/* What leaves on the wire of one side came from the other, and past all rules.
 */
static ALWAYS_INLINE int note(struct __sk_buff *skb, enum spinat_side wire)
{
	const enum turn turn =
	    wire == SPINAT_OUTSIDE ? LOCAL_IS_SOURCE : LOCAL_IS_DESTINATION;
	struct flow_counter *counter;
	struct packet packet;
	struct found found;
	uint8_t now;

	if (was_taken() || is_tagged(skb))
		return GO_ON;
	make_linear(skb);
	if (parse(&packet, (uint8_t *)(long)skb->data,
		(const void *)(long)skb->data_end, wire, turn,
		FRAGMENTS_TOO) != FAST_TAKEN ||
	    packet.is_later)
		return GO_ON;
	found = find(&packet.key, wire);
	if (found.flow == NULL)
		return GO_ON;
	now = epoch();
	counter = counter_of(!wire, found.number);
	if (counter != NULL && fast_passed(counter) != now)
		fast_set_passed(counter, now);
	return GO_ON;
}

SEC("tc")
int fast_tc_inside(struct __sk_buff *skb)
{
	return run(skb, SPINAT_INSIDE);
}

SEC("tc")
int fast_tc_outside(struct __sk_buff *skb)
{
	return run(skb, SPINAT_OUTSIDE);
}

SEC("tc")
int fast_note_inside(struct __sk_buff *skb)
{
	return note(skb, SPINAT_INSIDE);
}

SEC("tc")
int fast_note_outside(struct __sk_buff *skb)
{
	return note(skb, SPINAT_OUTSIDE);
}

char fast_license[] SEC("license") = "Dual BSD/GPL";
