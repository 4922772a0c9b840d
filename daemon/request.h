/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request on the control socket: one line of JSON.
 *
 *	{"show": "flows", "inside": "10.0.0.2", "protocol": "esp", "limit": 100}
 *	{"explain": "10.0.0.2"}
 *
 * "show" or "explain" is needed, all else is a filter of "show".  A member that
 * is not known is an error, so that a misspelt filter never shows everything.
 * What is to be explained is the address of an inside host or of a remote, or
 * an SPI, such as "0x8f922251".
 */
#ifndef SPINAT_DAEMON_REQUEST_H
#define SPINAT_DAEMON_REQUEST_H

#include "conf/error.h"
#include "spinat/spinat.h"

/** Bytes of the longest line that is read. */
#define REQUEST_MAX 4096

enum request_show {
	REQUEST_FLOWS,   /* every flow */
	REQUEST_IPSEC,   /* associations, their SPIs and IKE SAs */
	REQUEST_IKE,     /* IKE SAs */
	REQUEST_STATS,   /* counters */
	REQUEST_EXPLAIN, /* of a host, a remote or an SPI: whose, and why */
	REQUEST_SHOWS
};

struct request {
	enum request_show show;
	bool by_inside, by_remote, by_protocol;
	spinat_be32 inside, remote;
	uint8_t protocol;
	uint64_t limit; /* of answers; UINT64_MAX: none */
	/* to be explained: one of the two */
	bool by_spi, by_host;
	spinat_be32 spi, host; /* the host: inside, or a remote */
};

/** Parses one line, untrusted, not terminated.  -EINVAL: `error` says what is
 * wrong and what would be right. */
int request_parse(struct request *request, const char *line, size_t length,
    struct error *error);

/* Does the filter let it through? */
bool request_wants_flow(
    const struct request *request, const struct spinat_flow_info *flow);
bool request_wants_ike(
    const struct request *request, const struct spinat_ike_info *ike);
bool request_wants_peer(
    const struct request *request, const struct spinat_peer_info *peer);
bool request_wants_claim(
    const struct request *request, const struct spinat_claim_info *claim);

#endif
