/* SPDX-License-Identifier: BSD-2-Clause */
#include "netlink/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>

/** Of one answer: the kernel fills a page or a few, and a link with all its
 * statistics takes some. */
#define BUFFER 32768
/** Nothing else is under way on a socket. */
#define SEQUENCE 1

struct mnl_socket *netlink_open(int kind)
{
	struct mnl_socket *socket = mnl_socket_open2(kind, SOCK_CLOEXEC);
	int cause;

	if (socket == NULL ||
	    mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0)
		return socket;
	cause = errno;
	(void)mnl_socket_close(socket);
	errno = cause;
	return NULL;
}

int netlink_talk(struct mnl_socket *socket, struct nlmsghdr *request,
    mnl_cb_t take, void *context)
{
	char answer[BUFFER];
	int result;

	request->nlmsg_flags |= NLM_F_REQUEST;
	if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->nlmsg_flags |= NLM_F_ACK;
	request->nlmsg_seq = SEQUENCE;
	if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		const ssize_t length =
		    mnl_socket_recvfrom(socket, answer, sizeof(answer));

		if (length < 0)
			return -errno;
		result = mnl_cb_run(answer, (size_t)length, SEQUENCE,
		    mnl_socket_get_portid(socket), take, context);
	} while (result > MNL_CB_STOP);
	return result < 0 ? -errno : 0;
}

int netlink_ask(
    int kind, struct nlmsghdr *request, mnl_cb_t take, void *context)
{
	struct mnl_socket *socket = netlink_open(kind);
	int code;

	if (socket == NULL)
		return -errno;
	code = netlink_talk(socket, request, take, context);
	(void)mnl_socket_close(socket);
	return code;
}
