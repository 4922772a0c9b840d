/* SPDX-License-Identifier: BSD-2-Clause */
#include "firewall/routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "firewall/interface.h"
#include "netlink/netlink.h"

enum {
	BUFFER = 4096,
	PROTOCOL = 53, /* of our routes, so that people can tell */
	METRIC_LAST = 0x7fffffff,
};

struct session {
	struct mnl_socket *socket;
	bool removing;
	int code; /* the first failure, and of what */
	const char *what;
	char buffer[BUFFER];
	struct nlmsghdr *message;
};

static void *begin(struct session *session, uint16_t add, size_t extra)
{
	/* RTM_DELx follows RTM_NEWx throughout. */
	session->message = mnl_nlmsg_put_header(session->buffer);
	session->message->nlmsg_type =
	    (uint16_t)(add + (session->removing ? 1 : 0));
	if (!session->removing)
		session->message->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	return mnl_nlmsg_put_extra_header(session->message, extra);
}

static int end(struct session *session)
{
	return netlink_talk(session->socket, session->message, NULL, NULL);
}

static int change_rule(struct session *session, const struct routes *routes)
{
	struct fib_rule_hdr *rule = begin(session, RTM_NEWRULE, sizeof(*rule));
	/* A rule is not replaced; that it is there already is as good. */
	if (!session->removing)
		session->message->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	rule->family = AF_INET;
	rule->action = FR_ACT_TO_TBL;
	rule->table = RT_TABLE_UNSPEC;
	mnl_attr_put_strz(
	    session->message, FRA_IIFNAME, routes->inside_interface);
	mnl_attr_put_u32(session->message, FRA_TABLE, ROUTES_TABLE);
	mnl_attr_put_u32(session->message, FRA_PRIORITY, ROUTES_TABLE);
	int code = end(session);
	return code == -EEXIST ? 0 : code;
}

/** Of scope host: the kernel never chooses it by itself. */
static int change_dummy(struct session *session, unsigned device)
{
	struct ifaddrmsg *address =
	    begin(session, RTM_NEWADDR, sizeof(*address));
	address->ifa_family = AF_INET;
	address->ifa_prefixlen = 32;
	address->ifa_scope = RT_SCOPE_HOST;
	address->ifa_index = device;
	mnl_attr_put_u32(session->message, IFA_LOCAL, htonl(ROUTES_DUMMY));
	return end(session);
}

/** device 0: none, as for throw and blackhole. */
static int change_route(struct session *session, unsigned table, uint8_t type,
    struct spinat_prefix net, unsigned device, uint32_t metric)
{
	struct rtmsg *route = begin(session, RTM_NEWROUTE, sizeof(*route));
	route->rtm_family = AF_INET;
	route->rtm_dst_len = net.length;
	route->rtm_table = RT_TABLE_UNSPEC;
	route->rtm_protocol = PROTOCOL;
	route->rtm_type = type;
	route->rtm_scope = device != 0 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	if (net.length > 0)
		mnl_attr_put_u32(session->message, RTA_DST, net.address.raw);
	mnl_attr_put_u32(session->message, RTA_TABLE, table);
	if (device != 0)
		mnl_attr_put_u32(session->message, RTA_OIF, device);
	if (device != 0 && table == RT_TABLE_MAIN)
		mnl_attr_put_u32(
		    session->message, RTA_PREFSRC, htonl(ROUTES_DUMMY));
	if (metric != 0)
		mnl_attr_put_u32(session->message, RTA_PRIORITY, metric);
	return end(session);
}

static int change_proxy(
    struct session *session, spinat_be32 address, unsigned device)
{
	struct ndmsg *proxy = begin(session, RTM_NEWNEIGH, sizeof(*proxy));
	proxy->ndm_family = AF_INET;
	proxy->ndm_ifindex = (int)device;
	proxy->ndm_state = NUD_PERMANENT;
	proxy->ndm_flags = NTF_PROXY;
	mnl_attr_put_u32(session->message, NDA_DST, address.raw);
	return end(session);
}

/** Notes a failure; true: stop here.  Removing goes on with the rest. */
static bool failed(struct session *session, int code, const char *what)
{
	if (code != 0 && session->code == 0) {
		session->code = code;
		session->what = what;
	}
	return code != 0 && !session->removing;
}

/** The blackhole before the rule that makes use of the table: nothing from
 * the inside finds its way round us meanwhile. */
static void change_inside(struct session *session, const struct routes *routes)
{
	const struct spinat_prefix everything = {{0}, 0};
	unsigned device = if_nametoindex(ROUTES_DEVICE_INSIDE);

	if (failed(session,
		change_route(session, ROUTES_TABLE, RTN_BLACKHOLE, everything,
		    0, METRIC_LAST),
		"a blackhole"))
		return;
	for (unsigned i = 0; i < routes->inside_count; i++)
		if (failed(session,
			change_route(session, ROUTES_TABLE, RTN_THROW,
			    routes->inside[i], 0, 0),
			"a route past an inside network"))
			return;
	if (failed(session, change_rule(session, routes),
		"the rule for the inside interface"))
		return;
	if (device != 0)
		(void)failed(session,
		    change_route(session, ROUTES_TABLE, RTN_UNICAST, everything,
			device, 0),
		    "the route to " ROUTES_DEVICE_INSIDE);
}

static void change_outside(struct session *session, const struct routes *routes)
{
	unsigned device = if_nametoindex(ROUTES_DEVICE_OUTSIDE);
	unsigned inside = if_nametoindex(ROUTES_DEVICE_INSIDE);
	unsigned outside = if_nametoindex(routes->interface);

	/* When it goes, what comes from it goes with it. */
	if (inside != 0 && !session->removing &&
	    failed(session, change_dummy(session, inside), "the dummy address"))
		return;
	for (unsigned i = 0; i < routes->public_count; i++) {
		const struct spinat_prefix net = {
		    routes->public_addresses[i], 32};
		if (device != 0 &&
		    failed(session,
			change_route(session, RT_TABLE_MAIN, RTN_UNICAST, net,
			    device, 0),
			"the route of a public address"))
			return;
		if (failed(session, change_proxy(session, net.address, outside),
			"proxy ARP for a public address"))
			return;
	}
}

static int change(
    const struct routes *routes, bool removing, struct error *error)
{
	struct session session = {.removing = removing};
	session.socket = netlink_open(NETLINK_ROUTE);
	if (session.socket == NULL)
		return error_set(error, -errno,
		    "cannot open a routing socket: %s", strerror(errno));
	change_inside(&session, routes);
	if (session.code == 0 || removing)
		change_outside(&session, routes);
	mnl_socket_close(session.socket);
	int code = session.code;
	if (code == 0 || (removing && (code == -ENOENT || code == -ESRCH)))
		return 0;
	return error_set(error, code, "cannot %s %s: %s",
	    removing ? "remove" : "set", session.what, strerror(-code));
}

static int check_not_local(const struct routes *routes, struct error *error)
{
	for (unsigned i = 0; i < routes->public_count; i++) {
		char text[INET_ADDRSTRLEN];
		struct in_addr in = {routes->public_addresses[i].raw};
		if (!interface_is_local(routes->public_addresses[i]))
			continue;
		inet_ntop(AF_INET, &in, text, sizeof(text));
		return error_set(error, -EADDRINUSE,
		    "backend tun: %s is the gateway's own address; it needs "
		    "one that is only routed to the gateway (alias_address), "
		    "or use `backend nfqueue`",
		    text);
	}
	return 0;
}

void routes_of_conf(struct routes *routes, const struct conf *conf)
{
	const struct spinat_config *engine = &conf->engine;
	*routes = (struct routes){.inside_count = engine->inside_count,
	    .public_count = engine->public_count};
	memcpy(routes->interface, conf->interface, IFNAMSIZ);
	memcpy(routes->inside_interface, conf->inside_interface, IFNAMSIZ);
	memcpy(routes->inside, engine->inside, sizeof(routes->inside));
	memcpy(routes->public_addresses, engine->public_addresses,
	    sizeof(routes->public_addresses));
}

int routes_install(const struct routes *routes, struct error *error)
{
	if (routes->inside_interface[0] == 0)
		return error_set(error, -EINVAL,
		    "inside_interface: not set; backend tun needs it");
	int code = check_not_local(routes, error);
	return code != 0 ? code : change(routes, false, error);
}

int routes_remove(const struct routes *routes, struct error *error)
{
	return change(routes, true, error);
}
