/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for machines and sentences for people.
 */
#include <assert.h>

#include "spinat/spinat.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *name, *text;
} reasons[] = {
    [SPINAT_REASON_NONE] = {"none", "nothing to say"},
    [SPINAT_REASON_TOO_SHORT] = {"too-short", "shorter than an IPv4 header"},
    [SPINAT_REASON_NOT_IPV4] = {"not-ipv4", "not an IPv4 packet"},
    [SPINAT_REASON_BAD_HEADER_LENGTH] = {"bad-header-length",
	"the IPv4 header length is impossible"},
    [SPINAT_REASON_BAD_TOTAL_LENGTH] = {"bad-total-length",
	"the IPv4 total length does not fit the data that is there"},
    [SPINAT_REASON_BAD_TRANSPORT] = {"bad-transport",
	"the transport header is missing or cut"},
    [SPINAT_REASON_BAD_ICMP_QUOTE] = {"bad-icmp-quote",
	"an ICMP error whose quoted packet is missing or cut"},
    [SPINAT_REASON_BAD_IKE] = {"bad-ike",
	"UDP port 500 without an ISAKMP header"},
    [SPINAT_REASON_BAD_SPI] = {"bad-spi",
	"an ESP SPI of the reserved range 0 to 255"},
    [SPINAT_REASON_FRAGMENT_TINY] = {"fragment-tiny",
	"a first fragment too short for its transport header"},
    [SPINAT_REASON_FRAGMENT_OVERLAP] = {"fragment-overlap",
	"a fragment that overlaps its TCP header (RFC 3128)"},
    [SPINAT_REASON_FRAGMENT_MEMORY] = {"fragment-memory",
	"no room to hold or follow another fragmented datagram"},
    [SPINAT_REASON_FRAGMENT_TIMEOUT] = {"fragment-timeout",
	"a fragment whose first one never came"},
    [SPINAT_REASON_NOT_FOR_US] = {"not-for-us",
	"to an address that is none of our public ones: passed"},
    [SPINAT_REASON_OWN_TRAFFIC] = {"own-traffic",
	"the gateway's own packet: passed"},
    [SPINAT_REASON_NOT_INSIDE] = {"not-inside",
	"the source is in no inside network: passed"},
    [SPINAT_REASON_NOT_PRIVATE] = {"not-private",
	"unregistered_only, and the source is a registered address: passed"},
    [SPINAT_REASON_NOT_IPSEC] = {"not-ipsec",
	"mode ipsec-only, and neither IKE nor ESP: passed"},
    [SPINAT_REASON_NO_FLOW_PASSED] = {"no-flow-passed",
	"belongs to no flow: left to the gateway"},
    [SPINAT_REASON_NO_FLOW_DENIED] = {"no-flow-denied",
	"belongs to no flow, and deny_incoming is set"},
    [SPINAT_REASON_FILTERED] = {"filtered",
	"to a mapped port, but from a remote its host did not talk to"},
    [SPINAT_REASON_ICMP_UNRELATED] = {"icmp-unrelated",
	"an ICMP error about no flow of ours"},
    [SPINAT_REASON_ICMP_FORGED] = {"icmp-forged",
	"an ICMP error about a packet that was never sent"},
    [SPINAT_REASON_ICMP_REFUSED] = {"icmp-refused",
	"an ICMP type that does not cross a NAT"},
    [SPINAT_REASON_AH] = {"ah",
	"AH authenticates the addresses, so it can cross no NAT"},
    [SPINAT_REASON_NO_FLOWS] = {"no-flows",
	"the flow table is full: raise max_flows (or max_spis)"},
    [SPINAT_REASON_NO_PORTS] = {"no-ports",
	"no public port is free: widen port_range or add an alias_address"},
    [SPINAT_REASON_NO_IPSEC] = {"no-ipsec",
	"the IKE or association table is full: raise max_ike or "
	"max_associations"},
    [SPINAT_REASON_CONFLICT] = {"conflict",
	"another inside host uses this protocol with this remote"},
    [SPINAT_REASON_BUDGET] = {"budget",
	"more unknown SPIs or IKE cookies from one remote than are looked "
	"into at a time"},
    [SPINAT_REASON_ESP_UNKNOWN] = {"esp-unknown",
	"ESP of an unknown SPI from a remote that no inside host talks to: "
	"left to the gateway"},
    [SPINAT_REASON_IKE_UNKNOWN] = {"ike-unknown",
	"IKE of unknown cookies from a remote that no inside host talks to: "
	"left to the gateway"},
    [SPINAT_REASON_PROVOKED] = {"provoked",
	"what a copy of another host's packet made an inside host say"},
    [SPINAT_REASON_IDLE] = {"idle", "nothing came for its timeout"},
    [SPINAT_REASON_CLOSED] = {"closed", "both ends closed it, or one reset it"},
    [SPINAT_REASON_REMOVED] = {"removed", "its public address went away"},
    [SPINAT_REASON_EVICTED] = {"evicted",
	"idle longest of an association, or the oldest half-open IKE SA of a "
	"host, that has too many"},
    [SPINAT_REASON_MOVED] = {"moved", "its SPI was given to another host"},
    [SPINAT_REASON_DISPLACED] = {"displaced",
	"the remote serves one peer per address, and another host took its "
	"place: it begins anew by another public address"},
};
static_assert(
    COUNT_OF(reasons) == SPINAT_REASON_COUNT, "every reason has a name");

static const char *const timeouts[] = {
    [SPINAT_TIMEOUT_UDP] = "udp",
    [SPINAT_TIMEOUT_TCP_OPENING] = "tcp_opening",
    [SPINAT_TIMEOUT_TCP] = "tcp",
    [SPINAT_TIMEOUT_TCP_CLOSING] = "tcp_closing",
    [SPINAT_TIMEOUT_TCP_RESET] = "tcp_reset",
    [SPINAT_TIMEOUT_ICMP] = "icmp",
    [SPINAT_TIMEOUT_OTHER] = "other",
    [SPINAT_TIMEOUT_ESP] = "esp",
    [SPINAT_TIMEOUT_ESP_UNPAIRED] = "esp_unpaired",
    [SPINAT_TIMEOUT_IKE] = "ike",
    [SPINAT_TIMEOUT_IKE_HALF_OPEN] = "ike_half_open",
    [SPINAT_TIMEOUT_IKE_UNANSWERED] = "ike_unanswered",
    [SPINAT_TIMEOUT_FRAGMENT] = "fragment",
};
static_assert(
    COUNT_OF(timeouts) == SPINAT_TIMEOUT_COUNT, "every timeout has a name");

static const char *const verdicts[] = {
    [SPINAT_TRANSLATED] = "translated",
    [SPINAT_PASSED] = "passed",
    [SPINAT_HELD] = "held",
    [SPINAT_DROPPED] = "dropped",
};
static_assert(
    COUNT_OF(verdicts) == SPINAT_VERDICT_COUNT, "every verdict has a name");

static const char *const ike_ports[] = {
    [SPINAT_IKE_PORTS_PRESERVE] = "preserve",
    [SPINAT_IKE_PORTS_REWRITE] = "rewrite",
    [SPINAT_IKE_PORTS_AUTO] = "auto",
};
static_assert(
    COUNT_OF(ike_ports) == SPINAT_IKE_PORTS_COUNT, "every policy has a name");

static const char *const events[] = {
    [SPINAT_EVENT_CREATED] = "created",
    [SPINAT_EVENT_BOUND] = "bound",
    [SPINAT_EVENT_CONFIRMED] = "confirmed",
    [SPINAT_EVENT_DOUBTED] = "doubted",
    [SPINAT_EVENT_REFUTED] = "refuted",
    [SPINAT_EVENT_REFUSED] = "refused",
    [SPINAT_EVENT_DROPPED] = "dropped",
    [SPINAT_EVENT_EXPIRED] = "expired",
    [SPINAT_EVENT_NOTICE] = "notice",
    [SPINAT_EVENT_ONE_PEER] = "one-peer",
    [SPINAT_EVENT_MOVED] = "moved",
};
static_assert(COUNT_OF(events) == SPINAT_EVENT_KINDS, "every event has a name");

const char *spinat_reason_name(enum spinat_reason reason)
{
	return (unsigned)reason < SPINAT_REASON_COUNT ? reasons[reason].name
						      : "unknown";
}

const char *spinat_reason_text(enum spinat_reason reason)
{
	return (unsigned)reason < SPINAT_REASON_COUNT ? reasons[reason].text
						      : "unknown";
}

const char *spinat_timeout_name(enum spinat_timeout timeout)
{
	return (unsigned)timeout < SPINAT_TIMEOUT_COUNT ? timeouts[timeout]
							: "unknown";
}

const char *spinat_ike_ports_name(enum spinat_ike_ports policy)
{
	return (unsigned)policy < SPINAT_IKE_PORTS_COUNT ? ike_ports[policy]
							 : "unknown";
}

const char *spinat_verdict_name(enum spinat_verdict verdict)
{
	return (unsigned)verdict < SPINAT_VERDICT_COUNT ? verdicts[verdict]
							: "unknown";
}

const char *spinat_event_name(enum spinat_event_kind kind)
{
	return (unsigned)kind < SPINAT_EVENT_KINDS ? events[kind] : "unknown";
}

const char *spinat_version(void)
{
	return SPINAT_VERSION;
}
