/* SPDX-License-Identifier: BSD-2-Clause */
#include "firewall/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

#include "netlink/netlink.h"

enum { BUFFER = 1024, PORT_IKE = 500 };

struct entry {
	uint32_t source, destination; /* of the first packet; wire order */
	uint16_t source_port, destination_port; /* host order */
	uint8_t protocol;
	uint32_t status;
};

struct sweep {
	const struct state *state;
	enum conntrack_which which;
	struct ifaddrs *local;
	struct mnl_socket *deleter;
	int error;
};

static bool inside(const struct state *state, uint32_t address)
{
	for (unsigned i = 0; i < state->inside_count; i++) {
		const struct spinat_prefix *net = &state->inside[i];
		uint32_t mask = net->length == 0
		    ? 0
		    : htonl(UINT32_MAX << (32 - net->length));
		if (((address ^ net->address.raw) & mask) == 0)
			return true;
	}
	return false;
}

static bool is_local(const struct ifaddrs *local, uint32_t address)
{
	for (; local != NULL; local = local->ifa_next) {
		struct sockaddr_in in;
		if (local->ifa_addr == NULL ||
		    local->ifa_addr->sa_family != AF_INET)
			continue;
		memcpy(&in, local->ifa_addr, sizeof(in));
		if (in.sin_addr.s_addr == address)
			return true;
	}
	return false;
}

static bool is_ipsec(const struct entry *entry)
{
	if (entry->protocol == IPPROTO_UDP)
		return entry->source_port == PORT_IKE ||
		    entry->destination_port == PORT_IKE;
	return entry->protocol == IPPROTO_ESP || entry->protocol == IPPROTO_AH;
}

static bool wanted(const struct sweep *sweep, const struct entry *entry)
{
	const struct state *state = sweep->state;
	bool translated = (entry->status & IPS_NAT_MASK) != 0;

	if (state->mode == SPINAT_MODE_IPSEC_ONLY && !is_ipsec(entry))
		return false;
	if (sweep->which == CONNTRACK_MASQUERADED)
		return (entry->status & IPS_SRC_NAT) != 0 &&
		    inside(state, entry->source);
	/* Not the gateway's own, nor what stays inside. */
	if (translated || is_local(sweep->local, entry->source) ||
	    is_local(sweep->local, entry->destination))
		return false;
	return inside(state, entry->source) !=
	    inside(state, entry->destination);
}

/** Steps through attributes; start with *at == NULL. */
static bool next_attribute(
    const struct nlattr **at, const void *first, const void *end)
{
	*at = *at == NULL ? first : mnl_attr_next(*at);
	return mnl_attr_ok(*at, (int)((const char *)end - (const char *)*at));
}

static bool next_nested(const struct nlattr **at, const struct nlattr *parent)
{
	const char *first = mnl_attr_get_payload(parent);
	return next_attribute(
	    at, first, first + mnl_attr_get_payload_len(parent));
}

static void parse_address(const struct nlattr *field, struct entry *entry)
{
	if (mnl_attr_get_payload_len(field) < sizeof(uint32_t))
		return;
	if (mnl_attr_get_type(field) == CTA_IP_V4_SRC)
		entry->source = mnl_attr_get_u32(field);
	if (mnl_attr_get_type(field) == CTA_IP_V4_DST)
		entry->destination = mnl_attr_get_u32(field);
}

static void parse_transport(const struct nlattr *field, struct entry *entry)
{
	size_t size = mnl_attr_get_payload_len(field);
	switch (mnl_attr_get_type(field)) {
	case CTA_PROTO_NUM:
		if (size >= sizeof(uint8_t))
			entry->protocol = mnl_attr_get_u8(field);
		break;
	case CTA_PROTO_SRC_PORT:
		if (size >= sizeof(uint16_t))
			entry->source_port = ntohs(mnl_attr_get_u16(field));
		break;
	case CTA_PROTO_DST_PORT:
		if (size >= sizeof(uint16_t))
			entry->destination_port =
			    ntohs(mnl_attr_get_u16(field));
		break;
	default:
		break;
	}
}

static void parse_tuple(const struct nlattr *tuple, struct entry *entry)
{
	const struct nlattr *part = NULL;
	while (next_nested(&part, tuple)) {
		const struct nlattr *field = NULL;
		while (next_nested(&field, part)) {
			if (mnl_attr_get_type(part) == CTA_TUPLE_IP)
				parse_address(field, entry);
			else if (mnl_attr_get_type(part) == CTA_TUPLE_PROTO)
				parse_transport(field, entry);
		}
	}
}

static struct nlmsghdr *start_message(
    void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	message->nlmsg_flags = flags;
	struct nfgenmsg *family =
	    mnl_nlmsg_put_extra_header(message, sizeof(*family));
	family->nfgen_family = AF_INET;
	family->version = NFNETLINK_V0;
	return message;
}

static void copy_attribute(
    struct nlmsghdr *message, const struct nlattr *attribute)
{
	if (attribute != NULL)
		mnl_attr_put(message, attribute->nla_type,
		    mnl_attr_get_payload_len(attribute),
		    mnl_attr_get_payload(attribute));
}

/** Names the flow by its first tuple and zone, as the dump gave them. */
static int delete_entry(const struct sweep *sweep, const struct nlattr *tuple,
    const struct nlattr *zone)
{
	char buffer[BUFFER];
	struct nlmsghdr *message =
	    start_message(buffer, IPCTNL_MSG_CT_DELETE, 0);
	copy_attribute(message, tuple);
	copy_attribute(message, zone);
	int code = netlink_talk(sweep->deleter, message, NULL, NULL);
	return code == -ENOENT ? 0 : code; /* it ended meanwhile */
}

static int take_entry(const struct nlmsghdr *message, void *context)
{
	struct sweep *sweep = context;
	struct entry entry = {0};
	const struct nlattr *tuple = NULL, *zone = NULL;

	const struct nlattr *attribute = NULL;
	const void *first =
	    mnl_nlmsg_get_payload_offset(message, sizeof(struct nfgenmsg));
	while (next_attribute(
	    &attribute, first, mnl_nlmsg_get_payload_tail(message))) {
		switch (mnl_attr_get_type(attribute)) {
		case CTA_TUPLE_ORIG:
			tuple = attribute;
			parse_tuple(attribute, &entry);
			break;
		case CTA_STATUS:
			entry.status = ntohl(mnl_attr_get_u32(attribute));
			break;
		case CTA_ZONE:
			zone = attribute;
			break;
		default:
			break;
		}
	}
	if (tuple != NULL && wanted(sweep, &entry)) {
		int code = delete_entry(sweep, tuple, zone);
		if (code != 0)
			sweep->error = code;
	}
	return MNL_CB_OK;
}

static int dump(struct mnl_socket *socket, struct sweep *sweep)
{
	char buffer[BUFFER];
	struct nlmsghdr *message =
	    start_message(buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP);
	int code = netlink_talk(socket, message, take_entry, sweep);

	return code != 0 ? code : sweep->error;
}

int conntrack_forget(
    const struct state *state, enum conntrack_which which, struct error *error)
{
	struct sweep sweep = {.state = state, .which = which};
	struct mnl_socket *socket = netlink_open(NETLINK_NETFILTER);
	int code = 0;

	sweep.deleter = netlink_open(NETLINK_NETFILTER);
	if (socket == NULL || sweep.deleter == NULL ||
	    getifaddrs(&sweep.local) != 0)
		code = -errno;
	else
		code = dump(socket, &sweep);
	if (code == -EINVAL || code == -EOPNOTSUPP)
		code = 0; /* no ctnetlink in this kernel */
	if (sweep.local != NULL)
		freeifaddrs(sweep.local);
	if (sweep.deleter != NULL)
		mnl_socket_close(sweep.deleter);
	if (socket != NULL)
		mnl_socket_close(socket);
	if (code != 0)
		return error_set(error, code,
		    "cannot make connection tracking forget flows: %s",
		    strerror(-code));
	return 0;
}
