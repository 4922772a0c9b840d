/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts that are compiled for the kernel too (fast/) want of the C
 * library: static_assert, protocol numbers, byte order, memcpy of a constant
 * size.
 */
#ifndef SPINAT_BASE_PLATFORM_H
#define SPINAT_BASE_PLATFORM_H

#ifdef __bpf__

#include <linux/in.h>

#define static_assert _Static_assert
/* The compiler takes a byte at a time of what it does not know to be aligned;
 * the kernel lets programs load at any alignment where the processor does, as
 * x86 and arm64 do. */
#define WIDTH_OF(size) ((size) % 8 == 0 ? 8 : (size) % 4 == 0 ? 4 : 2)
#define memcpy(to, from, size)                                                 \
	__builtin_memcpy(__builtin_assume_aligned(to, WIDTH_OF(size)),         \
	    __builtin_assume_aligned(from, WIDTH_OF(size)), size)
#define memset(to, value, size) __builtin_memset(to, value, size)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define htobe16(value) __builtin_bswap16(value)
#define htobe32(value) __builtin_bswap32(value)
#define htole16(value) (value)
#define htole32(value) (value)
#else
#define htobe16(value) (value)
#define htobe32(value) (value)
#define htole16(value) __builtin_bswap16(value)
#define htole32(value) __builtin_bswap32(value)
#endif
#define be16toh(value) htobe16(value)
#define be32toh(value) htobe32(value)

#else

#include <assert.h>
#include <endian.h>
#include <netinet/in.h>
#include <string.h>

#endif
#endif
