/* SPDX-License-Identifier: BSD-2-Clause */
/* By what drop.bpf.c knows the packets that flood.c makes: their type of
 * service, which no gateway changes. */
#ifndef SPINAT_TESTS_NETNS_FLOOD_H
#define SPINAT_TESTS_NETNS_FLOOD_H

#define FLOOD_TOS 0x24

#endif
