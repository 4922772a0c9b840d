/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor: the least that a NAT in XDP must do for a packet, as a throw-away
 * program.  Hash of the tuple, a look-up in an array, rewriting with
 * incremental checksums, redirect to the other device.  No timers, no counters,
 * no states, no fragments, no ICMP, no locking, nothing is ever forgotten;
 * ports are given in turn without looking whether they are free.
 *
 * What comes from inside and is not known is opened here, in both directions,
 * so that the program needs nobody beside it.  What the neighbours' hardware
 * addresses are it was told.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bench/gateway/floor.h"

#define PROBES 16u

#define TCP 6u
#define UDP 17u
#define ESP 50u

const volatile struct floor_side sides[2] = {};
const volatile __u32 public_address = 0; /* in wire order */
const volatile __u32 mask = 0;           /* slots - 1 */

__u32 given = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct floor_record);
	__uint(max_entries, 1);
} records SEC(".maps");

static __always_inline __u32 hash_of(
    __u32 source, __u32 destination, __u32 ports)
{
	__u64 hash = source * 0x9e3779b97f4a7c15ull +
	    destination * 0xc2b2ae3d27d4eb4full + ports * 0x165667b19e3779f9ull;

	hash ^= hash >> 32;
	return (__u32)(hash * 0xd6e8feb86659fd93ull >> 32);
}

/** The record of a tuple, or the empty slot where it would be. */
static __always_inline struct floor_record *find(
    __u32 source, __u32 destination, __u32 ports, __u8 protocol)
{
	const __u32 hash = hash_of(source, destination, ports);

	for (__u32 i = 0; i < PROBES; i++) {
		const __u32 slot = (hash + i) & mask;
		struct floor_record *record =
		    bpf_map_lookup_elem(&records, &slot);

		if (record == NULL)
			return NULL;
		if (record->protocol == 0 ||
		    (record->source == source &&
			record->destination == destination &&
			record->ports == ports && record->protocol == protocol))
			return record;
	}
	return NULL;
}

static __always_inline __u32 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline __u32 change(__u32 old, __u32 new)
{
	return (~old & 0xffff) + (~old >> 16) + (new & 0xffff) + (new >> 16);
}

static __always_inline void mend(__u8 *at, __u16 delta)
{
	__u16 *checksum = (__u16 *)at;

	*checksum = (__u16)~fold((__u32)(__u16) ~*checksum + delta);
}

static __always_inline void fill(
    struct floor_record *record, const struct floor_record *wanted)
{
	const __u32 addresses = fold(change(wanted->source, wanted->to_source) +
	    change(wanted->destination, wanted->to_destination));

	*record = *wanted;
	/* Less one hop: the time to live is the high byte of its word. */
	record->address_delta =
	    (__u16)fold(addresses + change(__builtin_bswap16(0x0100), 0));
	record->port_delta =
	    (__u16)fold(addresses + change(wanted->ports, wanted->to_ports));
}

static __noinline int open(struct floor_record *record, __u32 source,
    __u32 destination, __u32 ports, __u32 protocol)
{
	/* Taken whether it fits or not: the next flow is to try another one. */
	const __u32 port = 1024 + given++ % 64512;
	struct floor_record out = {.source = source,
	    .destination = destination,
	    .ports = ports,
	    .to_source = public_address,
	    .to_destination = destination,
	    .to_ports = protocol == ESP
		? ports
		: (ports & 0xffff0000u) | __builtin_bswap16((__u16)port),
	    .protocol = (__u8)protocol,
	    .side = FLOOR_OUTSIDE};
	struct floor_record back = {.source = destination,
	    .destination = public_address,
	    .ports = out.to_ports << 16 | out.to_ports >> 16,
	    .to_source = destination,
	    .to_destination = source,
	    .to_ports = ports << 16 | ports >> 16,
	    .protocol = (__u8)protocol,
	    .side = FLOOR_INSIDE};
	struct floor_record *inbound;

	if (record == NULL)
		return -1;
	fill(record, &out);
	inbound =
	    find(back.source, back.destination, back.ports, (__u8)protocol);
	if (inbound == NULL) {
		record->protocol = 0;
		return -1;
	}
	fill(inbound, &back);
	return 0;
}

SEC("xdp")
int floor_nat(struct xdp_md *ctx)
{
	__u8 *frame = (__u8 *)(long)ctx->data;
	__u8 *end = (__u8 *)(long)ctx->data_end;
	struct floor_record *record;
	const volatile struct floor_side *side;
	__u32 source, destination, ports;
	__u8 protocol;

	if (frame + 42 > end ||
	    *(__u16 *)(frame + 12) != __builtin_bswap16(0x0800) ||
	    frame[14] != 0x45)
		return XDP_PASS;
	protocol = frame[23];
	if (protocol != UDP && protocol != TCP && protocol != ESP)
		return XDP_PASS;
	source = *(__u32 *)(frame + 26);
	destination = *(__u32 *)(frame + 30);
	ports = *(__u32 *)(frame + 34);
	record = find(source, destination, ports, protocol);
	if (record == NULL)
		return XDP_DROP;
	if (record->protocol == 0 &&
	    (ctx->ingress_ifindex != sides[FLOOR_INSIDE].index ||
		open(record, source, destination, ports, protocol) != 0))
		return XDP_DROP;
	side = &sides[record->side & 1];
#pragma unroll
	for (int i = 0; i < 6; i++)
		((__u16 *)frame)[i] = side->macs[i];
	frame[22]--;
	*(__u32 *)(frame + 26) = record->to_source;
	*(__u32 *)(frame + 30) = record->to_destination;
	mend(frame + 24, record->address_delta);
	if (protocol != ESP) {
		*(__u32 *)(frame + 34) = record->to_ports;
		if (protocol == UDP)
			mend(frame + 40, record->port_delta);
		else if (frame + 52 <= end)
			mend(frame + 50, record->port_delta);
	}
	return (int)bpf_redirect(side->index, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
