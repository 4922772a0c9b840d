/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packets of the loads: from the number of a flow to an Ethernet frame.
 * The same lines are compiled for BPF programs, which write frames inside the
 * kernel, and for C, so that whatever makes a flow's packet makes the same one.
 *
 *   UDP   64 inside hosts with 256 ports each are 16384 inside endpoints, and
 *         every 16384 flows have a remote host of their own.  No two endpoints
 *         share a port number, so a NAT that keeps ports can keep them all.
 *   ESP   every SA has a remote host of its own: without ports that is all
 *         that connection tracking tells flows apart by.  Its sequence numbers
 *         are without gaps, and go on where an earlier load ended.
 *
 * Checksums are right (connection tracking looks at them), payloads are zero.
 */
#ifndef SPINAT_BENCH_GATEWAY_FRAME_H
#define SPINAT_BENCH_GATEWAY_FRAME_H

#include <linux/types.h>

#define FRAME_SHORT 60u /* 64 bytes on a wire, which adds four of its own */
#define FRAME_LONG  1514u

#define FRAME_ENDPOINTS    16384u
#define FRAME_HOSTS        64u
#define FRAME_INSIDE       0x0a010001u /* 10.1.0.1 ... 10.1.0.64 */
#define FRAME_PORT         10000u
#define FRAME_REMOTE       0xc6120001u /* 198.18.0.1 ... */
#define FRAME_REMOTE_APART 0xc6130001u /* 198.19.0.1 ... */
#define FRAME_REMOTES      0xc6120000u /* 198.18.0.0/15 holds them all */
#define FRAME_REMOTES_MASK 0xfffe0000u
#define FRAME_REMOTE_PORT  9u
#define FRAME_SPI          0x10000000u
#define FRAME_SAS          16384u /* at most; a power of two */

#define FRAME_UDP 17u
#define FRAME_ESP 50u

/** One load: which frames, and to whom. */
struct frame_load {
	__u8 macs[12]; /* destination, then source */
	__u32 protocol;
	__u32 flows;
	__u32 first; /* where the remote hosts begin: other ones, other flows */
	__u32 sequential; /* flows in turn, otherwise drawn at random */
	__u32 apart; /* UDP: each flow has a remote host of its own as well */
	__u32 imix;  /* frames of three lengths, otherwise short ones only */
	__u32 sequence; /* ESP: the highest number that any SA has had */
};

#define FRAME_BATCH 64u

/** The generator's clock, in nanoseconds, and how many frames it had made. */
struct frame_stamps {
	__u64 first, last;
	__u32 first_turn, last_turn;
};

/* BPF code may store words where they fall; its compiler would take a memcpy()
 * apart into bytes. */
#ifdef __bpf__
#define FRAME_PUT(type, at, value) (*(type *)(at) = (value))
#else
#define FRAME_PUT(type, at, value)                                             \
	do {                                                                   \
		const type frame_put_value = (value);                          \
		__builtin_memcpy((at), &frame_put_value, sizeof(type));        \
	} while (0)
#endif

static inline void frame_put16(__u8 *at, __u32 value)
{
	FRAME_PUT(__u16, at, __builtin_bswap16((__u16)value));
}

static inline void frame_put32(__u8 *at, __u32 value)
{
	FRAME_PUT(__u32, at, __builtin_bswap32(value));
}

static inline __u32 frame_halves(__u32 word)
{
	return (word >> 16) + (word & 0xffff);
}

static inline __u32 frame_checksum(__u32 sum)
{
	sum = frame_halves(frame_halves(sum));
	return ~sum & 0xffff;
}

/** How long the frame number `turn` of a load is: the "simple IMIX" has twelve
 * frames of which 7 are of 64 bytes, 4 of 594 and one of 1518. */
static inline __u32 frame_length(const struct frame_load *load, __u32 turn)
{
	if (!load->imix)
		return FRAME_SHORT;
	turn %= 12;
	return turn < 7 ? FRAME_SHORT : turn < 11 ? 590u : FRAME_LONG;
}

/** Marsaglia's xorshift, and a number below a bound. */
static inline __u32 frame_random(__u32 *state, __u32 bound)
{
	__u32 x = *state;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	*state = x;
	return (__u32)((__u64)x * bound >> 32);
}

/** The next sequence number of an SA; `counts`: how many packets each of them
 * has had of this load, FRAME_SAS of them.  0 if it is no ESP. */
static inline __u32 frame_sequence(
    const struct frame_load *load, __u32 *counts, __u32 flow)
{
	return load->protocol == FRAME_ESP
	    ? load->sequence + ++counts[flow & (FRAME_SAS - 1)]
	    : 0;
}

/** The highest sequence number that any SA has had by then. */
static inline __u32 frame_highest(
    const struct frame_load *load, const __u32 *counts)
{
	__u32 most = 0;

	for (__u32 i = 0; i < FRAME_SAS; i++)
		if (counts[i] > most)
			most = counts[i];
	return load->sequence + most;
}

/** Writes the headers of a flow's packet; `frame` has at least FRAME_SHORT
 * bytes, and its payload is zero. */
static inline void frame_fill(__u8 *frame, const struct frame_load *load,
    __u32 flow, __u32 sequence, __u32 length)
{
	const __u32 esp = load->protocol == FRAME_ESP;
	const __u32 endpoint = flow % FRAME_ENDPOINTS;
	const __u32 source = FRAME_INSIDE + endpoint % FRAME_HOSTS;
	const __u32 remote = load->first +
	    (esp || load->apart ? FRAME_REMOTE_APART + flow
				: FRAME_REMOTE + flow / FRAME_ENDPOINTS);
	const __u32 size = length - 14;
	const __u32 addresses = frame_halves(source) + frame_halves(remote);

#ifdef __bpf__
#pragma unroll
#endif
	for (int i = 0; i < 12; i++)
		frame[i] = load->macs[i];
	frame_put16(frame + 12, 0x0800);
	frame_put32(frame + 14, 0x45000000u | size);
	frame_put32(frame + 18, 0x4000); /* not to be fragmented */
	frame_put16(frame + 22, 64u << 8 | load->protocol);
	frame_put16(frame + 24,
	    frame_checksum(0x4500 + size + 0x4000 + (64u << 8) +
		load->protocol + addresses));
	frame_put32(frame + 26, source);
	frame_put32(frame + 30, remote);
	if (esp) {
		frame_put32(frame + 34, FRAME_SPI + flow);
		frame_put32(frame + 38, sequence);
	} else {
		const __u32 port = FRAME_PORT + endpoint;
		const __u32 udp = size - 20;

		frame_put32(frame + 34, port << 16 | FRAME_REMOTE_PORT);
		frame_put32(frame + 38,
		    udp << 16 |
			frame_checksum(addresses + FRAME_UDP + port +
			    FRAME_REMOTE_PORT + udp * 2));
	}
}

#endif
