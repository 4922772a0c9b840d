/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking at a packet: which flow it is of, and whether it may be taken.
 *
 *     parse -> key -> find -> open? passed the rules? -> where to?
 *
 * Everything is looked at before anything is changed, so that what is not taken
 * goes on as it came.
 */
#ifndef SPINAT_FAST_BPF_LOOK_H
#define SPINAT_FAST_BPF_LOOK_H

#include "base/csum.h"
#include "budget.h"
#include "datagram.h"
#include "find.h"
#include "flow/translation.h"
#include "next_hop.h"
#include "packet/header.h"

/* As far as it is looked at; ICMP's and ESP's headers are as long as UDP's. */
#define HEADERS_MIN (ETH_HLEN + IP4_HEADER_MIN + UDP_HEADER)
#define HEADERS_TCP (ETH_HLEN + IP4_HEADER_MIN + TCP_HEADER_MIN)

/* A packet under way. */
struct packet {
	uint32_t length;    /* of IP */
	uint64_t addresses; /* from the source on */
	uint8_t protocol, icmp_type;
	bool is_seen; /* the transport header, which the key is from */
	bool is_first, is_later; /* fragment, that may be taken */
	be16 id;                 /* of IP, as it came; then as it leaves */
	struct key key;
	struct found found;
	struct flow_counter *counter;
	tick now;
	struct translation to;
	const struct next_hop *next_hop;
};

/* From which end of the packet `local` is: the source, for what came from the
 * inside or leaves to the outside. */
enum turn { LOCAL_IS_SOURCE = 0, LOCAL_IS_DESTINATION = 1 };

/* Of what comes from a side. */
static ALWAYS_INLINE enum turn turn_of(enum spinat_side side)
{
	return side == SPINAT_INSIDE ? LOCAL_IS_SOURCE : LOCAL_IS_DESTINATION;
}

/* The tuple that a header and the 8 bytes behind it tell. */
static ALWAYS_INLINE void set_key(struct key *key, const uint8_t *ip,
    uint8_t protocol, enum spinat_side wire, enum turn turn)
{
	const uint8_t *l4 = ip + IP4_HEADER_MIN;

	key_set_head(key, protocol, wire);
	key_set_addresses(key, ip + IP4_SOURCE, turn);
	switch (protocol) {
	case IPPROTO_UDP:
	case IPPROTO_TCP:
		key_set_ports(key, l4 + L4_SOURCE_PORT, turn);
		break;
	case IPPROTO_ICMP:
		key->ids.port.local = load_be16(l4 + ICMP_ID);
		break;
	case IPPROTO_ESP:
		key->ids.spi = load_be32(l4 + ESP_SPI);
		/* Towards an inside host it is one of the other kind. */
		if (turn == LOCAL_IS_DESTINATION)
			key_set_head(
			    key, IPPROTO_ESP, wire | KEY_INSIDE_SPI_IN);
		break;
	default:
		break;
	}
}

/* Of other types than echo.  An error is of the flow that it quotes, whose
 * packet went the other way. */
static ALWAYS_INLINE unsigned parse_other_icmp(struct packet *packet,
    const uint8_t *l4, const void *end, enum spinat_side wire, enum turn turn)
{
	const uint8_t *quote = l4 + ICMP_QUOTE;

	packet->key.ids.raw = 0;
	if (quote + IP4_HEADER_MIN + UDP_HEADER <= (const uint8_t *)end &&
	    quote[0] == IP4_PLAIN)
		set_key(&packet->key, quote, quote[IP4_PROTOCOL], wire,
		    turn == LOCAL_IS_SOURCE ? LOCAL_IS_DESTINATION
					    : LOCAL_IS_SOURCE);
	return FAST_PROTOCOL;
}

static ALWAYS_INLINE unsigned parse_transport(struct packet *packet,
    const uint8_t *l4, const void *end, enum spinat_side wire, enum turn turn)
{
	switch (packet->protocol) {
	case IPPROTO_UDP:
		return be16_equal(
			   packet->key.ids.port.local, be16_from_host(IKE_PORT))
		    ? FAST_IKE
		    : FAST_TAKEN;
	case IPPROTO_TCP:
		if (l4 + TCP_HEADER_MIN > (const uint8_t *)end)
			return FAST_MALFORMED;
		return (l4[TCP_FLAGS] & (TCP_SYN | TCP_FIN | TCP_RST)) != 0
		    ? FAST_TCP_FLAGS
		    : FAST_TAKEN;
	case IPPROTO_ICMP:
		packet->icmp_type = l4[ICMP_TYPE];
		return packet->icmp_type == ICMP_ECHO ||
			packet->icmp_type == ICMP_ECHO_REPLY
		    ? FAST_TAKEN
		    : parse_other_icmp(packet, l4, end, wire, turn);
	case IPPROTO_ESP:
		return FAST_TAKEN;
	default:
		return FAST_PROTOCOL;
	}
}

/* Whether fragments may be taken, too.  Those of TCP are not: one may begin
 * inside the header (RFC 3128). */
enum with { WHOLE_ONLY, FRAGMENTS_TOO };

/* Fills in the key, as packets on the wire of that side have it. */
static ALWAYS_INLINE unsigned parse(struct packet *packet, uint8_t *data,
    const void *end, enum spinat_side wire, enum turn turn, enum with with)
{
	const uint8_t *ip = data + ETH_HLEN;
	const uint8_t *l4 = ip + IP4_HEADER_MIN;
	uint16_t fragment;
	unsigned outcome;

	packet->key = (struct key){0};
	packet->addresses = 0;
	packet->protocol = packet->icmp_type = 0;
	packet->is_seen = packet->is_first = packet->is_later = false;
	packet->id = (be16){0};
	packet->found.flow = NULL;
	if (l4 > (const uint8_t *)end)
		return FAST_MALFORMED;
	if (!be16_equal(
		load_be16(data + ETH_HLEN - 2), be16_from_host(ETH_P_IP)))
		return FAST_NOT_IPV4;
	packet->protocol = ip[IP4_PROTOCOL];
	packet->addresses = load_pair32(ip + IP4_SOURCE);
	if (ip[0] != IP4_PLAIN)
		return FAST_OPTIONS;
	packet->length = be16_to_host(load_be16(ip + IP4_TOTAL_LENGTH));
	packet->id = load_be16(ip + IP4_ID);
	fragment = load_be16(ip + IP4_FRAGMENT).raw;
	if ((fragment & htobe16(IP4_FRAGMENT_OFFSET)) != 0) {
		packet->is_later = true;
		return with == FRAGMENTS_TOO &&
			packet->protocol != IPPROTO_TCP &&
			packet->length > IP4_HEADER_MIN
		    ? FAST_TAKEN
		    : FAST_FRAGMENT;
	}
	if (packet->length < IP4_HEADER_MIN + UDP_HEADER ||
	    data + HEADERS_MIN > (const uint8_t *)end)
		return FAST_MALFORMED;
	packet->is_seen = true;
	set_key(&packet->key, ip, packet->protocol, wire, turn);
	outcome = parse_transport(packet, l4, end, wire, turn);
	packet->is_first = (fragment & htobe16(IP4_MORE_FRAGMENTS)) != 0;
	return packet->is_first &&
		(with == WHOLE_ONLY || packet->protocol == IPPROTO_TCP)
	    ? FAST_FRAGMENT
	    : outcome;
}

/* Whether the rules have passed this flow's packets of late. */
static ALWAYS_INLINE unsigned check_rules(struct packet *packet)
{
	const struct fast_settings *settings = settings_now();
	struct flow_counter *counter = packet->counter;
	const uint8_t passed = fast_passed(counter);
	int32_t away;

	if (settings == NULL || settings->epoch == 0 ||
	    (passed & ~FAST_PROBING) != settings->epoch)
		return FAST_RULES;
	away = (int32_t)(packet->now - settings->alive);
	if (away > (int32_t)settings->linger)
		return FAST_ALONE;
	if (away > FAST_LATE_TICKS ||
	    !fast_is_probe_due(counter, packet->found.number, packet->now))
		return FAST_TAKEN;
	/* The one before has not come through. */
	if ((passed & FAST_PROBING) != 0) {
		fast_set_passed(counter, 0);
		return FAST_RULES;
	}
	fast_set_passed(counter, passed | FAST_PROBING);
	fast_note_probe(counter, packet->now);
	return FAST_PROBE;
}

static ALWAYS_INLINE unsigned check_flow(
    struct packet *packet, enum spinat_side side)
{
	const struct flow *flow = packet->found.flow;

	if ((flow->gate & (FLOW_OPEN_INSIDE << side)) == 0)
		return FAST_CLOSED;
	packet->counter = counter_of(side, packet->found.number);
	if (packet->counter == NULL)
		return FAST_NO_FLOW;
	packet->now = tick_now();
	return check_rules(packet);
}

/* The highest one is written by whoever takes it. */
static ALWAYS_INLINE unsigned check_sequence(
    const struct packet *packet, uint32_t sequence)
{
	return (int32_t)(sequence - packet->found.flow->highest_sequence) > 0
	    ? FAST_TAKEN
	    : FAST_LATE;
}

/* How long a packet leaves: a large one (GSO) is cut into such as hold
 * `segment` bytes beside the headers.  (That a TCP header is there was checked
 * already, which the verifier of Linux 6.1 has forgotten by now.) */
static ALWAYS_INLINE uint16_t length_of_leaving(const struct packet *packet,
    const uint8_t *l4, const void *end, uint32_t segment)
{
	uint32_t header = UDP_HEADER;

	if (segment == 0 || packet->is_later)
		return (uint16_t)packet->length;
	if (packet->protocol == IPPROTO_TCP &&
	    l4 + TCP_HEADER_MIN <= (const uint8_t *)end)
		header = (uint32_t)(l4[TCP_OFFSET] >> 4) * 4;
	return (uint16_t)(IP4_HEADER_MIN + header + segment);
}

/* What a flow makes of a packet, if it may be taken. */
static ALWAYS_INLINE unsigned look_for_flow(
    struct packet *packet, const uint8_t *l4, enum spinat_side side)
{
	unsigned outcome;

	packet->found = find(&packet->key, side);
	if (packet->found.flow == NULL)
		return FAST_NO_FLOW;
	outcome = check_flow(packet, side);
	if (outcome != FAST_TAKEN)
		return outcome;
	if (packet->protocol == IPPROTO_ESP)
		outcome = check_sequence(
		    packet, be32_to_host(load_be32(l4 + ESP_SEQUENCE)));
	if (outcome != FAST_TAKEN)
		return outcome;
	packet->to = translation_of(packet->found.flow, side);
	return FAST_TAKEN;
}

static ALWAYS_INLINE struct datagram_key key_of_datagram(
    const struct packet *packet, enum spinat_side side)
{
	return datagram_key_of(
	    packet->addresses, packet->protocol, packet->id, side);
}

/* What the first fragment was made into, so are the later ones. */
static ALWAYS_INLINE unsigned look_for_first(
    struct packet *packet, enum spinat_side side)
{
	const struct datagram_key key = key_of_datagram(packet, side);
	struct datagram datagram;

	packet->now = tick_now();
	datagram = datagram_find(&key, packet->now);
	if (datagram.state != DATAGRAM_TAKEN)
		return FAST_FRAGMENT;
	packet->to = (struct translation){
	    .addresses = datagram.addresses,
	    .address_delta = datagram.address_delta,
	};
	packet->id = datagram.id;
	return datagram.epoch == epoch() ? FAST_TAKEN : FAST_RULES;
}

/* Whether a fragment of a datagram was left, so that the rest must be. */
static ALWAYS_INLINE bool is_left(
    const struct packet *packet, enum spinat_side side)
{
	const struct datagram_key key = key_of_datagram(packet, side);
	const uint8_t state = datagram_find(&key, packet->now).state;

	return state == DATAGRAM_LEFT || state == DATAGRAM_KNOWN;
}

/* Of a packet that came from `side`; FAST_TAKEN: it can be.  `segment`: of a
 * large packet, how many bytes each of those that it stands for holds; else 0.
 */
static ALWAYS_INLINE unsigned look(void *context, struct packet *packet,
    uint8_t *data, const void *end, enum spinat_side side, uint32_t segment,
    enum with with)
{
	const uint8_t *ip = data + ETH_HLEN;
	const uint8_t *l4 = ip + IP4_HEADER_MIN;
	unsigned outcome = parse(packet, data, end, side, turn_of(side), with);
	struct leaving leaving;

	if (outcome != FAST_TAKEN)
		return outcome;
	outcome = with == FRAGMENTS_TOO && packet->is_later
	    ? look_for_first(packet, side)
	    : look_for_flow(packet, l4, side);
	if (outcome != FAST_TAKEN)
		return outcome;
	if (with == FRAGMENTS_TOO && packet->is_first && is_left(packet, side))
		return FAST_FRAGMENT;
	if (ip[IP4_TTL] <= 1)
		return FAST_TTL;
	leaving = (struct leaving){
	    .addresses = packet->to.addresses,
	    .ports = packet->to.ports,
	    .length = length_of_leaving(packet, l4, end, segment),
	    .protocol = packet->protocol,
	    .tos = ip[IP4_TOS],
	};
	return find_next_hop(
	    context, &packet->next_hop, &leaving, side, packet->now);
}

/* Of a first fragment that is taken, before it leaves: the later ones may come
 * at once. */
static ALWAYS_INLINE void note_first(
    const struct packet *packet, const struct datagram_key *key)
{
	const struct datagram datagram = {
	    .addresses = packet->to.addresses,
	    .address_delta = packet->to.address_delta,
	    .id = packet->id,
	    .state = DATAGRAM_TAKEN,
	    .epoch = epoch(),
	};

	datagram_note(key, &datagram, packet->now);
}

static SLOW_CALL void note_left(
    const struct datagram_key *key, enum datagram_state state)
{
	const struct datagram datagram = {.state = (uint8_t)state};

	datagram_note(key, &datagram, tick_now());
}

/* What becomes of a packet that is not taken: the outcome it has, or one of the
 * two that drop it.  Not in line, and parsed again: what is taken shall not pay
 * for it. */
static SLOW_CALL unsigned leave(CONTEXT *context, uint8_t *data,
    const void *end, enum spinat_side side, unsigned outcome)
{
	struct packet packet;
	struct miss miss;
	bool is_known = true;

	(void)parse(&packet, data, end, side, turn_of(side), FRAGMENTS_TOO);
	miss = (struct miss){
	    .key = packet.key,
	    .datagram = key_of_datagram(&packet, side),
	    .protocol = packet.protocol,
	    .icmp_type = packet.icmp_type,
	    .is_seen = packet.is_seen,
	    .outcome = (uint8_t)outcome,
	};
	if (is_miss(outcome)) {
		is_known = is_of_known_flow(&miss, side);
		if (!is_known)
			outcome = spend(context, &miss, side);
	}
	if (packet.is_first && is_known)
		note_left(&miss.datagram, DATAGRAM_KNOWN);
	else if (packet.is_later && !is_known && outcome == FAST_FRAGMENT)
		note_left(&miss.datagram, DATAGRAM_LEFT);
	count(side, outcome, 0);
	return outcome;
}

static ALWAYS_INLINE bool is_dropped(unsigned outcome)
{
	return outcome == FAST_OVER_SOURCE || outcome == FAST_OVER_ALL;
}

/* So many ids of what has these addresses, from the source on, and this
 * protocol; raw, the first of them.  Of most packets it does not matter. */
static SLOW_CALL uint32_t draw_identity(
    uint64_t addresses, uint32_t protocol, uint32_t count)
{
	const struct hash_seed seed = seed_of(&constants.layout.identity);
	const uint32_t only = 0;
	struct sequences *sequences = bpf_map_lookup_elem(&identities, &only);

	if (sequences == NULL)
		return 0;
	return identity_draw_from(
	    &sequences
		 ->next[identity_sequence(&seed, addresses, (uint8_t)protocol)],
	    count)
	    .raw;
}

/* The id of what leaves under a public address, where it means anything; the
 * change of the header's checksum. */
static ALWAYS_INLINE uint64_t rewrite_identity(
    struct packet *packet, uint8_t *ip, uint32_t segments)
{
	const be16 old = load_be16(ip + IP4_ID);

	if (!identity_matters(ip, packet->length))
		return 0;
	if (!packet->is_later)
		packet->id = (be16){(uint16_t)draw_identity(
		    packet->to.addresses, packet->protocol, segments)};
	store_be16(ip + IP4_ID, packet->id);
	return csum_change16(old, packet->id);
}

/* What every header of a taken packet becomes: Ethernet's, and IP's.
 * `segments`: of a large packet, how many it stands for; else 1. */
static ALWAYS_INLINE void rewrite_head(struct packet *packet, uint8_t *data,
    enum spinat_side side, uint32_t segments)
{
	uint8_t *ip = data + ETH_HLEN;
	const be16 hops = load_be16(ip + IP4_TTL);
	const be16 fewer =
	    be16_from_host((uint16_t)(be16_to_host(hops) - 0x100));
	uint64_t change = packet->to.address_delta + csum_change16(hops, fewer);

	if (side == SPINAT_INSIDE)
		change += rewrite_identity(packet, ip, segments);
	memcpy(data, packet->next_hop->next_mac, ETH_ALEN);
	memcpy(data + ETH_ALEN, packet->next_hop->own_mac, ETH_ALEN);
	memcpy(ip + IP4_SOURCE, &packet->to.addresses,
	    sizeof packet->to.addresses);
	store_be16(ip + IP4_TTL, fewer);
	store_be16(ip + IP4_CHECKSUM,
	    csum_apply(load_be16(ip + IP4_CHECKSUM), csum_fold(change)));
}

/* Later fragments are not counted to their flow, as the engine counts none. */
static ALWAYS_INLINE void note_taken(
    struct packet *packet, enum spinat_side side, const uint8_t *l4)
{
	count(side, FAST_TAKEN, packet->length);
	if (packet->is_later)
		return;
	flow_count(packet->counter, packet->length, packet->now);
	if (packet->protocol == IPPROTO_ESP)
		packet->found.flow->highest_sequence =
		    be32_to_host(load_be32(l4 + ESP_SEQUENCE));
}

#endif
