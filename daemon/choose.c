/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/choose.h"

#include <stdio.h>
#include <string.h>

/* What XDP needs of the page that holds a frame: the head room, the kernel's
 * own notes behind it (struct skb_shared_info), Ethernet's header and two tags
 * of VLANs. */
#define PAGE_TAKEN (256 + 320 + 14 + 2 * 4)

static bool has(const struct device *device, uint64_t features)
{
	return (device->xdp & features) == features;
}

static bool lacks_xdp(
    const struct choose_facts *facts, const struct device *device)
{
	(void)facts;
	return !device->is_untold &&
	    !has(device, DEVICE_XDP_BASIC | DEVICE_XDP_REDIRECT);
}

static bool is_untold(
    const struct choose_facts *facts, const struct device *device)
{
	(void)facts;
	return device->is_untold;
}

static bool is_too_wide(
    const struct choose_facts *facts, const struct device *device)
{
	return device->mtu > facts->page - PAGE_TAKEN;
}

static bool is_virtual(
    const struct choose_facts *facts, const struct device *device)
{
	(void)facts;
	return !device->is_hardware;
}

static bool hides_tags(
    const struct choose_facts *facts, const struct device *device)
{
	(void)facts;
	return device->is_hardware && device->untags;
}

static bool sends_nothing(
    const struct choose_facts *facts, const struct device *device)
{
	return facts->is_attached && !device->is_untold &&
	    !has(device, DEVICE_XDP_XMIT);
}

static bool wants_large(
    const struct choose_facts *facts, const struct device *device)
{
	return facts->wish == CHOOSE_AUTO && device->merges;
}

static const struct {
	bool (*holds)(
	    const struct choose_facts *facts, const struct device *device);
	const char *text;
	bool forbids; /* else it is only unwise */
} objections[] = {
    {lacks_xdp, "has no XDP of its own", true},
    {is_untold,
	"may have no XDP of its own, or may not send what XDP gives it: "
	"kernels before 6.3 do not tell",
	false},
    {is_too_wide, "has an MTU that no page holds a frame of", false},
    {is_virtual,
	"is no hardware, and its senders may leave checksums unfinished and "
	"VLAN tags beside the frame, which XDP cannot see",
	false},
    {hides_tags,
	"takes VLAN tags off before XDP sees them (ethtool -K has rxvlan)",
	false},
    {sends_nothing,
	"drops what XDP gives it to send (a veth takes it if its other end "
	"has GRO on)",
	false},
    {wants_large, "has GRO or LRO on, so large packets are wanted", false},
};

static void add_reason(
    struct choice *choice, const struct device *device, const char *text)
{
	const size_t used = strlen(choice->why);

	(void)snprintf(choice->why + used, sizeof(choice->why) - used,
	    "%s%s%s%s%s %s", used > 0 ? "; " : "", device->name,
	    device->kind[0] != '\0' ? " (" : "", device->kind,
	    device->kind[0] != '\0' ? ")" : "", text);
}

struct choice choose_hook(const struct choose_facts *facts)
{
	struct choice choice = {.hook = FAST_TC, .is_possible = true};

	if (facts->wish == CHOOSE_TC)
		return choice;
	for (int side = 0; side < 2; side++) {
		const struct device *device = &facts->devices[side];

		for (size_t i = 0;
		     i < sizeof(objections) / sizeof(objections[0]); i++) {
			if (!objections[i].holds(facts, device))
				continue;
			add_reason(&choice, device, objections[i].text);
			if (facts->wish == CHOOSE_XDP && objections[i].forbids)
				choice.is_possible = false;
			if (objections[i].forbids)
				break; /* the rest does not matter */
		}
	}
	if (facts->wish == CHOOSE_XDP || choice.why[0] == '\0')
		choice.hook = FAST_XDP;
	return choice;
}
