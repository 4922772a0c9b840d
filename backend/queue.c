/* SPDX-License-Identifier: BSD-2-Clause */
#include "backend/queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
	QUEUE_LENGTH = 16384,      /* packets waiting in the kernel */
	RECEIVE_BUFFER = 32 << 20, /* counted with the kernel's overhead */
	SEND_BUFFER = 4 << 20,
	COPY_RANGE = 0xffff,
	CONFIG_BUFFER = 4096,
};

static struct nlmsghdr *config_message(void *buffer, unsigned queue)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	struct nfgenmsg *family =
	    mnl_nlmsg_put_extra_header(message, sizeof(*family));
	family->nfgen_family = AF_UNSPEC;
	family->version = NFNETLINK_V0;
	family->res_id = htons((uint16_t)queue);
	return message;
}

/* Sends one request and waits for its acknowledgement.  Only for set-up:
 * packets of the queue itself do not come before it is bound and copying. */
static int request(const struct queue *queue, const struct nlmsghdr *message)
{
	char reply[CONFIG_BUFFER];
	if (mnl_socket_sendto(queue->socket, message, message->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t length =
		    mnl_socket_recvfrom(queue->socket, reply, sizeof(reply));
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return -errno;
		const struct nlmsghdr *head = (const struct nlmsghdr *)reply;
		if (!mnl_nlmsg_ok(head, (int)length))
			return -EPROTO;
		if (head->nlmsg_type != NLMSG_ERROR)
			continue;
		const struct nlmsgerr *result = mnl_nlmsg_get_payload(head);
		return result->error;
	}
}

static int queue_bind(const struct queue *queue)
{
	char buffer[CONFIG_BUFFER];
	struct nlmsghdr *message = config_message(buffer, queue->number);
	struct nfqnl_msg_config_cmd command = {
	    .command = NFQNL_CFG_CMD_BIND, .pf = htons(AF_INET)};
	mnl_attr_put(message, NFQA_CFG_CMD, sizeof(command), &command);
	return request(queue, message);
}

/* Everything in one request: there is never a moment in which the queue
 * copies packets but lets them pass when it is full. */
static int queue_configure(const struct queue *queue)
{
	char buffer[CONFIG_BUFFER];
	struct nlmsghdr *message = config_message(buffer, queue->number);
	struct nfqnl_msg_config_params parameters = {
	    .copy_range = htonl(COPY_RANGE), .copy_mode = NFQNL_COPY_PACKET};
	mnl_attr_put(message, NFQA_CFG_PARAMS, sizeof(parameters), &parameters);
	mnl_attr_put_u32(message, NFQA_CFG_QUEUE_MAXLEN, htonl(QUEUE_LENGTH));
	mnl_attr_put_u32(message, NFQA_CFG_FLAGS,
	    htonl((queue->large ? NFQA_CFG_F_GSO : 0) |
		(queue->own ? NFQA_CFG_F_FAIL_OPEN : 0)));
	mnl_attr_put_u32(message, NFQA_CFG_MASK,
	    htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN | NFQA_CFG_F_CONNTRACK |
		NFQA_CFG_F_UID_GID));
	return request(queue, message);
}

static int queue_error(
    const struct queue *queue, int code, const char *act, struct error *error)
{
	const char *help = "";
	switch (code) {
	case -EPERM:
		help = ": the capability CAP_NET_ADMIN is missing; run "
		       "spinatd as root or give it CAP_NET_ADMIN";
		break;
	case -EBUSY:
		help = ": another program has it; stop that, or set another "
		       "`queue`";
		break;
	case -EINVAL:
	case -EOPNOTSUPP:
		help = ": the kernel lacks it; try `modprobe "
		       "nfnetlink_queue`, or `backend tun`";
		break;
	default:
		break;
	}
	return error_set(error, code, "cannot %s netfilter queue %u: %s%s", act,
	    queue->number, strerror(-code), help);
}

int queue_open(struct queue *queue, struct error *error)
{
	const int one = 1, receive = RECEIVE_BUFFER, send = SEND_BUFFER;

	queue->socket =
	    mnl_socket_open2(NETLINK_NETFILTER, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (queue->socket == NULL ||
	    mnl_socket_bind(queue->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return error_set(error, -errno,
		    "cannot open a netfilter socket: %s; does this kernel "
		    "have nfnetlink (CONFIG_NETFILTER_NETLINK)?",
		    strerror(errno));
	int fd = mnl_socket_get_fd(queue->socket);
	/* Overruns are drops that the kernel counts; they need no error. */
	(void)setsockopt(
	    fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &one, sizeof(one));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send, sizeof(send)) ||
	    setsockopt(
		fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof(receive)))
		return queue_error(queue, -errno, "size the buffers of", error);

	int code = queue_bind(queue);
	if (code != 0)
		return queue_error(queue, code, "bind", error);
	code = queue_configure(queue);
	if (code != 0)
		return queue_error(queue, code, "configure", error);
	return 0;
}

void queue_close(struct queue *queue)
{
	if (queue->socket != NULL)
		mnl_socket_close(queue->socket);
}

/* A line each: number, port id, waiting, mode, range, then the two drops. */
uint64_t queue_losses(unsigned first, unsigned last)
{
	uint64_t losses = 0;
	char line[256];
	FILE *file = fopen("/proc/net/netfilter/nfnetlink_queue", "re");
	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		unsigned number, queue_full, buffer_full;
		if (sscanf(line, "%u %*u %*u %*u %*u %u %u", &number,
			&queue_full, &buffer_full) == 3 &&
		    number >= first && number <= last)
			losses += (uint64_t)queue_full + buffer_full;
	}
	fclose(file);
	return losses;
}
