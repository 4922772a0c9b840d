/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replay: the shipping engine on two captures, with their clock.
 *
 * Time moves from packet to packet.  In between, the engine's timers run at
 * every deadline it names, up to and including the next packet's time; after
 * the last packet as long as `until` says.  Nothing else enters: same
 * configuration, captures and seed, same output, byte for byte.
 */
#ifndef SPINAT_REPLAY_REPLAY_H
#define SPINAT_REPLAY_REPLAY_H

#include <stdio.h>

#include "backend/pcap.h"
#include "conf/conf.h"
#include "conf/error.h"

/** The longest that timers can be run on after the last packet. */
#define REPLAY_UNTIL_MAX (INT64_C(1000000000) * SPINAT_SECOND)

struct replay_options {
	const char *conf_path; /* for messages */
	struct backend_pcap_files files;
	const char *events; /* NULL: none */
	uint8_t seed[32];
	spinat_time until; /* after the last packet */
};

/** A seed from the command line: a decimal number, or hexadecimal digits with
 * 0x before them, or 64 hexadecimal digits.  A number of 256 bits, the most
 * significant byte first.  False: none of these. */
bool replay_read_seed(uint8_t seed[32], const char *text);
/** Seconds with up to nine decimals, 0 .. REPLAY_UNTIL_MAX. */
bool replay_read_seconds(spinat_time *time, const char *text);

/**
 * Runs it.  What to know goes to `summary`, what to be warned of to
 * `warnings`.  -errno with `error`; a damaged capture is one such (-EBADMSG):
 * everything up to the damage is written nevertheless.
 */
int replay_run(const struct conf *conf, const struct replay_options *options,
    FILE *summary, FILE *warnings, struct error *error);

#endif
