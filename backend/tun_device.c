/* SPDX-License-Identifier: BSD-2-Clause */
#include "backend/tun_device.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUEUE_LENGTH = 4096 };

/* Linux 6.2; older headers lack them. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/** Asks for as much as the kernel gives.  USO4 alone is refused as a whole, it
 * takes both or neither. */
static int set_offloads(int fd)
{
	static const unsigned wanted[] = {
	    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 |
		TUN_F_USO6,
	    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN,
	    TUN_F_CSUM | TUN_F_TSO4,
	    TUN_F_CSUM,
	    0,
	};
	int result = -1;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		result = ioctl(fd, TUNSETOFFLOAD, (unsigned long)wanted[i]);
		if (result == 0)
			break;
	}
	return result == 0 ? 0 : -errno;
}

/** A sysctl that may not be there (a kernel without IPv6). */
static void set_sysctl(
    const char *family, const char *name, const char *key, const char *value)
{
	char path[128];
	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family,
	    name, key);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0) {
		/* Then it stays as the kernel made it. */
	}
	close(fd);
}

static int bring_up(const char *name, const char *like)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int code = 0, mtu = 1500;
	snprintf(request.ifr_name, IFNAMSIZ, "%s", like);
	if (like[0] != 0 && ioctl(fd, SIOCGIFMTU, &request) == 0)
		mtu = request.ifr_mtu;
	request = (struct ifreq){0};
	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	request.ifr_mtu = mtu;
	if (ioctl(fd, SIOCSIFMTU, &request) != 0)
		code = -errno;
	request.ifr_qlen = QUEUE_LENGTH;
	(void)ioctl(fd, SIOCSIFTXQLEN, &request);
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (code == 0 && ioctl(fd, SIOCSIFFLAGS, &request) != 0)
		code = -errno;
	close(fd);
	return code;
}

int tun_device_open(
    const char *name, const char *like, int *result, struct error *error)
{
	struct ifreq request = {
	    .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
	int size = sizeof(struct virtio_net_hdr);

	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return error_set(error, -errno,
		    "cannot open /dev/net/tun: %s; %s", strerror(errno),
		    errno == EACCES || errno == EPERM
			? "the capability CAP_NET_ADMIN is missing"
			: "try `modprobe tun`, or `backend nfqueue`");
	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	int code = 0;
	if (ioctl(fd, TUNSETIFF, &request) != 0) {
		code = error_set(error, -errno,
		    "cannot make the device %s: %s%s", name, strerror(errno),
		    errno == EPERM ? "; the capability CAP_NET_ADMIN is missing"
			: errno == EBUSY ? "; another spinatd has it"
					 : "");
		goto fail;
	}
	if (ioctl(fd, TUNSETVNETHDRSZ, &size) != 0 || set_offloads(fd) != 0) {
		code = error_set(error, -errno,
		    "cannot set up packet headers of %s: %s", name,
		    strerror(errno));
		goto fail;
	}
	/* Loose: what is written to it has sources of anywhere. */
	set_sysctl("ipv4", name, "rp_filter", "2");
	/* Of the gateway too: what its kernel has to say about a translated
	 * packet goes to the public address, and so comes through us. */
	set_sysctl("ipv4", name, "accept_local", "1");
	set_sysctl("ipv6", name, "disable_ipv6", "1");
	code = bring_up(name, like);
	if (code != 0) {
		error_set(error, code, "cannot bring up %s: %s", name,
		    strerror(-code));
		goto fail;
	}
	*result = fd;
	return 0;
fail:
	close(fd);
	return code;
}

uint64_t tun_device_drops(const char *name)
{
	char path[96];
	unsigned long long drops = 0;
	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/tx_dropped",
	    name);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%llu", &drops) != 1)
		drops = 0;
	fclose(file);
	return drops;
}
