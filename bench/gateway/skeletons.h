/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF programs as bpftool wraps them for C, whose style is not ours.
 */
#ifndef SPINAT_BENCH_GATEWAY_SKELETONS_H
#define SPINAT_BENCH_GATEWAY_SKELETONS_H

#include "bench/gateway/frame.h"
#include "bench/gateway/floor.h"
#include "bench/gateway/sink.h"
#include "bench/gateway/spread.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Woverlength-strings"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "floor.skel.h"
#include "load.skel.h"
#include "redirect.skel.h"
#include "sink.skel.h"
#include "spread.skel.h"
#pragma GCC diagnostic pop

#endif
