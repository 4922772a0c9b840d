/* SPDX-License-Identifier: BSD-2-Clause */
#include "firewall/tunnels.h"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <string.h>

enum { BUFFER = 4096 };

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

static bool ask(struct mnl_socket *socket)
{
	char buffer[BUFFER];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	const uint32_t flags = 0;
	bool found = false;
	ssize_t length;

	header->nlmsg_type = XFRM_MSG_GETSPDINFO;
	header->nlmsg_flags = NLM_F_REQUEST;
	memcpy(mnl_nlmsg_put_extra_header(header, sizeof(flags)), &flags,
	    sizeof(flags));
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
		return false;
	length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
	if (length > 0)
		(void)mnl_cb_run(
		    buffer, (size_t)length, 0, 0, take_answer, &found);
	return found;
}

bool firewall_has_tunnels(void)
{
	struct mnl_socket *socket =
	    mnl_socket_open2(NETLINK_XFRM, SOCK_CLOEXEC);
	bool found;

	if (socket == NULL)
		return false;
	found = ask(socket);
	(void)mnl_socket_close(socket);
	return found;
}
