/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asked by three tongues: rtnetlink, for what it is; generic netlink's
 * "netdev" (Linux 6.3), for what its driver can do at XDP; ethtool's old
 * ioctls, for what it does with what it receives.
 */
#include "daemon/device.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlink/netlink.h"

/* <linux/netdev.h>, which is younger than the headers of some systems. */
#define NETDEV_NAME           "netdev"
#define NETDEV_VERSION        1
#define NETDEV_GET            1 /* NETDEV_CMD_DEV_GET */
#define NETDEV_A_IFINDEX      1
#define NETDEV_A_XDP_FEATURES 3

/** Bytes; the longest request is some 40. */
#define REQUEST 128
/** The largest attribute that is read: IFLA_PARENT_DEV_BUS_NAME. */
#define ATTRIBUTE_MAX IFLA_PARENT_DEV_BUS_NAME

struct attributes {
	const struct nlattr *by_type[ATTRIBUTE_MAX + 1];
};

static int note_attribute(const struct nlattr *attribute, void *context)
{
	struct attributes *all = context;
	const uint16_t type = mnl_attr_get_type(attribute);

	if (type <= ATTRIBUTE_MAX)
		all->by_type[type] = attribute;
	return MNL_CB_OK;
}

static uint32_t number(const struct nlattr *attribute)
{
	return attribute != NULL &&
		mnl_attr_validate(attribute, MNL_TYPE_U32) == 0
	    ? mnl_attr_get_u32(attribute)
	    : 0;
}

static bool copy_text(char *text, size_t size, const struct nlattr *attribute)
{
	if (attribute == NULL ||
	    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) != 0 ||
	    mnl_attr_get_payload_len(attribute) > size)
		return false;
	memcpy(text, mnl_attr_get_str(attribute),
	    mnl_attr_get_payload_len(attribute));
	return true;
}

/* --------------------------------------------------------- what it is */

/** Virtual machines' buses are not among them: another machine of the same host
 * may leave its checksums to whoever receives. */
static bool is_of_cables(const char *bus)
{
	static const char *const buses[] = {"pci", "platform", "usb", "fsl-mc"};

	for (size_t i = 0; i < sizeof(buses) / sizeof(buses[0]); i++)
		if (strcmp(bus, buses[i]) == 0)
			return true;
	return false;
}

static int take_link(const struct nlmsghdr *message, void *context)
{
	struct device *device = context;
	struct attributes link = {{NULL}}, info = {{NULL}};
	char bus[16] = "";

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	(void)mnl_attr_parse(
	    message, sizeof(struct ifinfomsg), note_attribute, &link);
	device->mtu = number(link.by_type[IFLA_MTU]);
	if (copy_text(bus, sizeof(bus), link.by_type[IFLA_PARENT_DEV_BUS_NAME]))
		device->is_hardware = is_of_cables(bus);
	memcpy(device->kind, bus, sizeof(bus));
	if (link.by_type[IFLA_LINKINFO] == NULL)
		return MNL_CB_OK;
	(void)mnl_attr_parse_nested(
	    link.by_type[IFLA_LINKINFO], note_attribute, &info);
	/* What is made of another device, as a VLAN is, has its bus too. */
	if (copy_text(device->kind, sizeof(device->kind),
		info.by_type[IFLA_INFO_KIND]))
		device->is_hardware = false;
	return MNL_CB_OK;
}

static int read_link(struct device *device, unsigned index)
{
	char room[REQUEST];
	struct nlmsghdr *request = mnl_nlmsg_put_header(room);
	struct ifinfomsg *link =
	    mnl_nlmsg_put_extra_header(request, sizeof(*link));

	request->nlmsg_type = RTM_GETLINK;
	link->ifi_index = (int)index;
	return netlink_ask(NETLINK_ROUTE, request, take_link, device);
}

/* ------------------------------------------------- what its driver can */

static int take_family(const struct nlmsghdr *message, void *context)
{
	uint16_t *id = context;
	struct attributes family = {{NULL}};
	const struct nlattr *told;

	(void)mnl_attr_parse(
	    message, sizeof(struct genlmsghdr), note_attribute, &family);
	told = family.by_type[CTRL_ATTR_FAMILY_ID];
	if (told != NULL && mnl_attr_validate(told, MNL_TYPE_U16) == 0)
		*id = mnl_attr_get_u16(told);
	return MNL_CB_OK;
}

static int take_features(const struct nlmsghdr *message, void *context)
{
	struct device *device = context;
	struct attributes told = {{NULL}};
	const struct nlattr *features;

	(void)mnl_attr_parse(
	    message, sizeof(struct genlmsghdr), note_attribute, &told);
	device->is_untold = false;
	features = told.by_type[NETDEV_A_XDP_FEATURES];
	if (features != NULL && mnl_attr_validate(features, MNL_TYPE_U64) == 0)
		device->xdp = mnl_attr_get_u64(features);
	return MNL_CB_OK;
}

static struct nlmsghdr *put_generic(
    char *room, uint16_t family, uint8_t command, uint8_t version)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(room);
	struct genlmsghdr *head =
	    mnl_nlmsg_put_extra_header(request, sizeof(*head));

	request->nlmsg_type = family;
	head->cmd = command;
	head->version = version;
	return request;
}

/** A kernel that has no such family tells of nothing. */
static void read_features(struct device *device, unsigned index)
{
	char room[REQUEST];
	struct nlmsghdr *request =
	    put_generic(room, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	uint16_t family = 0;

	device->is_untold = true;
	mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, NETDEV_NAME);
	if (netlink_ask(NETLINK_GENERIC, request, take_family, &family) != 0 ||
	    family == 0)
		return;
	request = put_generic(room, family, NETDEV_GET, NETDEV_VERSION);
	mnl_attr_put_u32(request, NETDEV_A_IFINDEX, index);
	(void)netlink_ask(NETLINK_GENERIC, request, take_features, device);
}

/* ------------------------------------------- what it does with packets */

/** A driver that does not know the question does not do it. */
static uint32_t ask_ethtool(int fd, const char *name, uint32_t command)
{
	struct ethtool_value value = {.cmd = command};
	struct ifreq request = {.ifr_data = (char *)&value};

	memcpy(request.ifr_name, name, IFNAMSIZ);
	return ioctl(fd, SIOCETHTOOL, &request) == 0 ? value.data : 0;
}

static void read_offloads(struct device *device)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t flags;

	if (fd < 0)
		return;
	flags = ask_ethtool(fd, device->name, ETHTOOL_GFLAGS);
	device->merges = (flags & ETH_FLAG_LRO) != 0 ||
	    ask_ethtool(fd, device->name, ETHTOOL_GGRO) != 0;
	device->untags = (flags & ETH_FLAG_RXVLAN) != 0;
	(void)close(fd);
}

int device_read(struct device *device, const char *name, struct error *error)
{
	const unsigned index = if_nametoindex(name);
	int code;

	*device = (struct device){.mtu = 0};
	if (index == 0)
		return error_set(
		    error, -errno, "%s: %s", name, strerror(errno));
	memcpy(device->name, name, strnlen(name, IFNAMSIZ - 1));
	code = read_link(device, index);
	if (code != 0)
		return error_set(error, code,
		    "the kernel tells nothing of %s: %s", name,
		    strerror(-code));
	read_features(device, index);
	read_offloads(device);
	return 0;
}
