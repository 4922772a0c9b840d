/* SPDX-License-Identifier: BSD-2-Clause */
#include "fast/clsact.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "netlink/netlink.h"

/* How the names of our filters begin, of old and new daemons. */
#define OUR_NAME "spinat:"
#define NAME_MAX 64
#define QDISC    "clsact"
#define BUFFER   1024

/* ------------------------------------------------------------ messages */

static struct nlmsghdr *start_message(void *buffer, uint16_t type,
    uint16_t flags, unsigned device, uint32_t parent)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct tcmsg *tc;

	message->nlmsg_type = type;
	message->nlmsg_flags = flags;
	tc = mnl_nlmsg_put_extra_header(message, sizeof(*tc));
	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = (int)device;
	tc->tcm_parent = parent;
	return message;
}

static struct nlmsghdr *start_filter(void *buffer, uint16_t type,
    uint16_t flags, const struct clsact_place *place)
{
	struct nlmsghdr *message =
	    start_message(buffer, type, flags, place->device,
		TC_H_MAKE(TC_H_CLSACT,
		    place->leaving ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS));
	struct tcmsg *tc = mnl_nlmsg_get_payload(message);

	tc->tcm_handle = CLSACT_HANDLE;
	tc->tcm_info = TC_H_MAKE(CLSACT_PREFERENCE << 16, htons(ETH_P_ALL));
	return message;
}

static struct nlmsghdr *start_qdisc(
    void *buffer, uint16_t type, uint16_t flags, unsigned device)
{
	struct nlmsghdr *message =
	    start_message(buffer, type, flags, device, TC_H_CLSACT);
	struct tcmsg *tc = mnl_nlmsg_get_payload(message);

	tc->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	return message;
}

/* Whether an attribute is that text, or begins with it. */
static bool begins_with(const struct nlattr *attribute, const char *text)
{
	return mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0 &&
	    strncmp(mnl_attr_get_str(attribute), text, strlen(text)) == 0;
}

/* ---------------------------------------------------------- the filters */

struct filter {
	bool is_bpf, has_our_name;
};

static int take_option(const struct nlattr *option, void *context)
{
	struct filter *filter = context;

	if (mnl_attr_get_type(option) == TCA_BPF_NAME)
		filter->has_our_name = begins_with(option, OUR_NAME);
	return MNL_CB_OK;
}

/* The kinds but `bpf` have other options. */
static int take_attribute(const struct nlattr *attribute, void *context)
{
	struct filter *filter = context;

	if (mnl_attr_get_type(attribute) == TCA_KIND)
		filter->is_bpf = begins_with(attribute, "bpf");
	else if (mnl_attr_get_type(attribute) == TCA_OPTIONS)
		return mnl_attr_parse_nested(attribute, take_option, filter);
	return MNL_CB_OK;
}

/* The one at our handle. */
static int take_filter(const struct nlmsghdr *message, void *context)
{
	struct filter filter = {0};
	int *ours = context;

	if (mnl_attr_parse(message, sizeof(struct tcmsg), take_attribute,
		&filter) == MNL_CB_ERROR)
		return MNL_CB_ERROR;
	*ours = filter.is_bpf && filter.has_our_name ? 1 : -EEXIST;
	return MNL_CB_OK;
}

int clsact_is_ours(const struct clsact_place *place)
{
	char buffer[BUFFER];
	int ours = 0;
	const int code = netlink_ask(NETLINK_ROUTE,
	    start_filter(buffer, RTM_GETTFILTER, NLM_F_ACK, place), take_filter,
	    &ours);

	/* -EINVAL: no qdisc, or no filter in it yet; or one of another protocol
	 * at our preference, and then ours is refused. */
	if (code == -ENOENT || code == -EINVAL)
		return 0;
	return code != 0 ? code : ours;
}

static int put_filter(const struct clsact_place *place, uint16_t flags,
    int program, const char *name)
{
	char buffer[BUFFER], text[NAME_MAX];
	struct nlmsghdr *message = start_filter(
	    buffer, RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE | flags, place);
	struct nlattr *options;

	(void)snprintf(text, sizeof(text), OUR_NAME "%s", name);
	mnl_attr_put_strz(message, TCA_KIND, "bpf");
	options = mnl_attr_nest_start(message, TCA_OPTIONS);
	mnl_attr_put_u32(message, TCA_BPF_FD, (uint32_t)program);
	mnl_attr_put_strz(message, TCA_BPF_NAME, text);
	mnl_attr_put_u32(message, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(message, options);
	return netlink_ask(NETLINK_ROUTE, message, NULL, NULL);
}

int clsact_detach(const struct clsact_place *place)
{
	char buffer[BUFFER];
	struct nlmsghdr *message;
	const int ours = clsact_is_ours(place);

	if (ours != 1)
		return ours;
	message = start_filter(buffer, RTM_DELTFILTER, NLM_F_ACK, place);
	mnl_attr_put_strz(message, TCA_KIND, "bpf");
	return netlink_ask(NETLINK_ROUTE, message, NULL, NULL);
}

/* ----------------------------------------------------------- the qdisc */

struct qdisc {
	unsigned device;
	bool is_clsact;
};

static int take_kind(const struct nlattr *attribute, void *context)
{
	bool *is_clsact = context;

	if (mnl_attr_get_type(attribute) == TCA_KIND &&
	    begins_with(attribute, QDISC))
		*is_clsact = true;
	return MNL_CB_OK;
}

static int take_qdisc(const struct nlmsghdr *message, void *context)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	struct qdisc *qdisc = context;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*tc) ||
	    (unsigned)tc->tcm_ifindex != qdisc->device)
		return MNL_CB_OK;
	return mnl_attr_parse(
	    message, sizeof(*tc), take_kind, &qdisc->is_clsact);
}

/* A qdisc `ingress` has the same place.  It would take a filter for what leaves
 * as one for what arrives. */
static int check_qdisc(unsigned device)
{
	char buffer[BUFFER];
	struct qdisc qdisc = {.device = device};
	const int code = netlink_ask(NETLINK_ROUTE,
	    start_message(buffer, RTM_GETQDISC, NLM_F_DUMP, device, 0),
	    take_qdisc, &qdisc);

	if (code != 0)
		return code;
	return qdisc.is_clsact ? 0 : -EBUSY;
}

static int make_qdisc(unsigned device, bool *made)
{
	char buffer[BUFFER];
	struct nlmsghdr *message = start_qdisc(buffer, RTM_NEWQDISC,
	    NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, device);
	int code;

	mnl_attr_put_strz(message, TCA_KIND, QDISC);
	code = netlink_ask(NETLINK_ROUTE, message, NULL, NULL);
	if (code == -EEXIST)
		return check_qdisc(device);
	if (code == 0)
		*made = true;
	return code;
}

static int take_any(const struct nlmsghdr *message, void *context)
{
	bool *any = context;

	(void)message;
	*any = true;
	return MNL_CB_OK;
}

int clsact_remove_qdisc(unsigned device)
{
	char buffer[BUFFER];
	bool any = false;
	int code = 0;

	for (int leaving = 0; leaving < 2 && code == 0 && !any; leaving++)
		code = netlink_ask(NETLINK_ROUTE,
		    start_message(buffer, RTM_GETTFILTER, NLM_F_DUMP, device,
			TC_H_MAKE(TC_H_CLSACT,
			    leaving ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS)),
		    take_any, &any);
	if (code != 0 || any)
		return code;
	return netlink_ask(NETLINK_ROUTE,
	    start_qdisc(buffer, RTM_DELQDISC, NLM_F_ACK, device), NULL, NULL);
}

/* ----------------------------------------------------------- all of it */

static int place_filter(
    const struct clsact_place *place, int program, const char *name)
{
	const int ours = clsact_is_ours(place);

	if (ours < 0)
		return ours;
	return put_filter(
	    place, ours == 1 ? NLM_F_REPLACE : NLM_F_EXCL, program, name);
}

int clsact_attach(const struct clsact_place *place, int program,
    const char *name, bool *made_qdisc)
{
	bool made = false;
	int code = make_qdisc(place->device, &made);

	if (code == 0)
		code = place_filter(place, program, name);
	if (code != 0 && made)
		(void)clsact_remove_qdisc(place->device);
	else if (made)
		*made_qdisc = true;
	return code;
}

static bool is_kept(const struct clsact_place *place,
    const struct clsact_place *kept, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (kept[i].device == place->device &&
		    kept[i].leaving == place->leaving)
			return true;
	return false;
}

int clsact_clear(const struct clsact_place *kept, unsigned count)
{
	struct if_nameindex *devices = if_nameindex();
	int result = 0;

	if (devices == NULL)
		return -errno;
	for (unsigned i = 0; devices[i].if_index != 0; i++)
		for (int leaving = 0; leaving < 2; leaving++) {
			const struct clsact_place place = {
			    devices[i].if_index, leaving != 0};
			int code = 0;

			if (!is_kept(&place, kept, count) &&
			    clsact_is_ours(&place) == 1)
				code = clsact_detach(&place);
			if (code != 0)
				result = code;
		}
	if_freenameindex(devices);
	return result;
}
