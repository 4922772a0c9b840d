/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A made-up engine behind the control socket: the spinat_* functions that the
 * answers walk with, which always find the same.  A program that is linked with
 * it has them in place of the library's.
 *
 * Flow i is of host 10.0.0.(i % 3) and remote 192.0.2.(i % 2), by turns a UDP
 * session, an outbound SPI, an inbound SPI (0x1000 + i).  One IKE SA and one
 * peer, of 10.0.0.1 and 192.0.2.1.  Two claims to SPI 0x1005, of flow
 * 5, 10.0.0.2 and 192.0.2.1: the holder's and that of 10.0.0.7, which said that
 * it is not its own.
 */
#ifndef SPINAT_TESTS_FAKE_ENGINE_H
#define SPINAT_TESTS_FAKE_ENGINE_H

#include <stdint.h>

struct fake_engine {
	uint32_t flows;  /* how many there are */
	uint64_t walked; /* how many have been asked for */
};

extern struct fake_engine fake;

#endif
