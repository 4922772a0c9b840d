/* SPDX-License-Identifier: BSD-2-Clause */
#include "firewall/tunnels.h"

#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <string.h>

#include "netlink/netlink.h"

static int take_attribute(const struct nlattr *attribute, void *context)
{
	struct xfrmu_spdinfo info;
	bool *found = context;

	if (mnl_attr_get_type(attribute) != XFRMA_SPD_INFO ||
	    mnl_attr_get_payload_len(attribute) < sizeof(info))
		return MNL_CB_OK;
	memcpy(&info, mnl_attr_get_payload(attribute), sizeof(info));
	*found = info.outcnt > 0;
	return MNL_CB_STOP;
}

/* A word of flags, then attributes. */
static int take_answer(const struct nlmsghdr *header, void *context)
{
	(void)mnl_attr_parse(header, sizeof(uint32_t), take_attribute, context);
	return MNL_CB_STOP;
}

bool firewall_has_tunnels(void)
{
	char buffer[64];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	const uint32_t flags = 0;
	bool found = false;

	request->nlmsg_type = XFRM_MSG_GETSPDINFO;
	memcpy(mnl_nlmsg_put_extra_header(request, sizeof(flags)), &flags,
	    sizeof(flags));
	/* A kernel without IPsec has no such socket. */
	(void)netlink_ask(NETLINK_XFRM, request, take_answer, &found);
	return found;
}
