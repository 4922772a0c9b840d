/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of a BPF program behind the one that writes packets (spread.bpf.c), on
 * one CPU or on several at once.
 */
#ifndef SPINAT_BENCH_GATEWAY_PASS_H
#define SPINAT_BENCH_GATEWAY_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/gateway/frame.h"

#define PASS_CPUS 2u

/** What the packets of a pass are of, on several CPUs. */
enum pass_flows {
	PASS_OWN,  /* each CPU has other flows than its neighbours */
	PASS_SAME, /* all have all */
};

/** Loads the programs that write packets, of this load, said to come from that
 * device. */
void pass_open(const struct frame_load *load, bool tc, unsigned device);
/** Runs the program with that descriptor (-1: an empty one) on the first
 * `count` of those CPUs at once; nanoseconds for a packet on each of them,
 * writing it included. */
void pass_run(int program, const unsigned *cpus, unsigned count,
    enum pass_flows flows, double *nanoseconds);
/** What it returns for a packet, on that CPU. */
uint32_t pass_action(int program, unsigned cpu);
/** How many packets programs have had so far, empty ones left out. */
uint64_t pass_packets(void);
/** ESP: the highest sequence number that any SA has had. */
uint32_t pass_sequence(void);

#endif
