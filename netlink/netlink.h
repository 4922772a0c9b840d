/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A conversation with the kernel by netlink (RFC 3549): one request, and all
 * that is answered.
 */
#ifndef SPINAT_NETLINK_NETLINK_H
#define SPINAT_NETLINK_NETLINK_H

#include <libmnl/libmnl.h>

/** A socket for one kind of messages, as NETLINK_ROUTE; for mnl_socket_close().
 * NULL: errno says why. */
struct mnl_socket *netlink_open(int kind);

/**
 * Sends a request, whose flags beyond NLM_F_REQUEST and sequence number are
 * seen to, and hands each message of the answer to `take` (NULL: only the
 * outcome matters) until the last: of a dump its end, otherwise the
 * acknowledgement.  0, or a negative error, the kernel's or the socket's.  What
 * follows when `take` says MNL_CB_STOP is not read: then the socket is not to
 * be used again.
 */
int netlink_talk(struct mnl_socket *socket, struct nlmsghdr *request,
    mnl_cb_t take, void *context);

/** The same, with a socket of its own. */
int netlink_ask(
    int kind, struct nlmsghdr *request, mnl_cb_t take, void *context);

#endif
