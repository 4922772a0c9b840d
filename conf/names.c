/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hosts, services and protocols by name.  A fuzzer's build asks no system
 * database and no DNS.
 */
#include "conf/names.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define ASK_SYSTEM false
#else
#define ASK_SYSTEM true
#endif

static const struct {
	const char *name;
	uint16_t port;
} services[] = {
    {"ftp-data", 20},
    {"ftp", 21},
    {"ssh", 22},
    {"telnet", 23},
    {"smtp", 25},
    {"domain", 53},
    {"tftp", 69},
    {"http", 80},
    {"www", 80},
    {"pop3", 110},
    {"ntp", 123},
    {"imap", 143},
    {"imap2", 143},
    {"snmp", 161},
    {"bgp", 179},
    {"ldap", 389},
    {"https", 443},
    {"isakmp", 500},
    {"syslog", 514},
    {"submission", 587},
    {"ldaps", 636},
    {"imaps", 993},
    {"pop3s", 995},
    {"openvpn", 1194},
    {"l2tp", 1701},
    {"l2f", 1701},
    {"pptp", 1723},
    {"radius", 1812},
    {"nfs", 2049},
    {"mysql", 3306},
    {"rdp", 3389},
    {"ipsec-nat-t", 4500},
    {"sip", 5060},
    {"sip-tls", 5061},
    {"postgresql", 5432},
    {"http-alt", 8080},
};

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
    {"icmp", 1},
    {"igmp", 2},
    {"ipencap", 4},
    {"ipip", 4},
    {"tcp", 6},
    {"egp", 8},
    {"igp", 9},
    {"udp", 17},
    {"dccp", 33},
    {"ipv6", 41},
    {"rsvp", 46},
    {"gre", 47},
    {"esp", 50},
    {"ah", 51},
    {"eigrp", 88},
    {"ospf", 89},
    {"etherip", 97},
    {"encap", 98},
    {"pim", 103},
    {"ipcomp", 108},
    {"vrrp", 112},
    {"l2tp", 115},
    {"sctp", 132},
    {"udplite", 136},
};

const char *names_find_host(const char *name, spinat_be32 *address)
{
	const struct addrinfo hints = {
	    .ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	struct sockaddr_in first;
	int code;

	if (!ASK_SYSTEM)
		return "names are not looked up here";
	code = getaddrinfo(name, NULL, &hints, &found);
	if (code != 0)
		return gai_strerror(code);
	memcpy(&first, found->ai_addr, sizeof(first));
	address->raw = first.sin_addr.s_addr;
	freeaddrinfo(found);
	return NULL;
}

bool names_find_service(const char *name, const char *protocol, uint16_t *port)
{
	struct servent entry, *found = NULL;
	char buffer[4096];

	if (ASK_SYSTEM &&
	    getservbyname_r(
		name, protocol, &entry, buffer, sizeof(buffer), &found) == 0 &&
	    found != NULL) {
		*port = ntohs((uint16_t)found->s_port);
		return *port != 0;
	}
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (strcmp(services[i].name, name) == 0) {
			*port = services[i].port;
			return true;
		}
	return false;
}

bool names_find_protocol(const char *name, uint8_t *protocol)
{
	struct protoent entry, *found = NULL;
	char buffer[4096];

	if (ASK_SYSTEM &&
	    getprotobyname_r(name, &entry, buffer, sizeof(buffer), &found) ==
		0 &&
	    found != NULL && found->p_proto >= 0 && found->p_proto <= 255) {
		*protocol = (uint8_t)found->p_proto;
		return true;
	}
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (strcmp(protocols[i].name, name) == 0) {
			*protocol = protocols[i].number;
			return true;
		}
	return false;
}

const char *names_of_protocol(uint8_t protocol)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (protocols[i].number == protocol)
			return protocols[i].name;
	return NULL;
}
