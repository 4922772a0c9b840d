/* SPDX-License-Identifier: BSD-2-Clause */
/* At which hook the fast path is, fact by fact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fnmatch.h>
#include <string.h>

#include "daemon/choose.h"

#define NATIVE (DEVICE_XDP_BASIC | DEVICE_XDP_REDIRECT)
#define ALL    (NATIVE | DEVICE_XDP_XMIT)

/* Two network cards between which XDP is right; what a row changes is the
 * second one's. */
#define CARD                                                                   \
	.name = "eth1", .kind = "pci", .is_hardware = true, .xdp = ALL,        \
	.mtu = 1500

#define VETH(features)                                                         \
	{                                                                      \
		.name = "v", .kind = "veth", .xdp = (features), .mtu = 1500    \
	}

static const struct row {
	const char *what;
	enum choose_wish wish;
	bool is_attached;
	struct device outside;
	enum fast_hook hook;
	bool is_possible;
	const char *why; /* fnmatch() */
} rows[] = {
    {"all is well", CHOOSE_AUTO, false, {CARD}, FAST_XDP, true, ""},
    {"and stays so", CHOOSE_AUTO, true, {CARD}, FAST_XDP, true, ""},
    {"tc is tc", CHOOSE_TC, false, {CARD}, FAST_TC, true, ""},
    {"tc, whatever it is", CHOOSE_TC, true, VETH(0), FAST_TC, true, ""},
    {"no XDP", CHOOSE_AUTO, false,
	{.name = "eth0", .kind = "pci", .is_hardware = true, .mtu = 1500},
	FAST_TC, true, "eth0 (pci) has no XDP of its own"},
    {"nothing told", CHOOSE_AUTO, false,
	{.name = "eth0", .is_hardware = true, .is_untold = true, .mtu = 1500},
	FAST_TC, true, "eth0 may have no XDP of its own*do not tell"},
    {"nothing told, by hand", CHOOSE_XDP, true,
	{.name = "eth0", .is_hardware = true, .is_untold = true, .mtu = 1500},
	FAST_XDP, true, "eth0 may have no XDP of its own*do not tell"},
    {"XDP that gives nothing away", CHOOSE_AUTO, false,
	{.name = "eth0",
	    .is_hardware = true,
	    .xdp = DEVICE_XDP_BASIC,
	    .mtu = 1500},
	FAST_TC, true, "eth0 has no XDP of its own"},
    {"one that sends only when it is used", CHOOSE_AUTO, false,
	{.name = "eth0", .is_hardware = true, .xdp = NATIVE, .mtu = 1500},
	FAST_XDP, true, ""},
    {"one that does not send then either", CHOOSE_AUTO, true,
	{.name = "eth0", .is_hardware = true, .xdp = NATIVE, .mtu = 1500},
	FAST_TC, true, "eth0 drops what XDP gives it to send*"},
    {"the widest that fits", CHOOSE_AUTO, false,
	{.name = "eth0", .is_hardware = true, .xdp = ALL, .mtu = 3498},
	FAST_XDP, true, ""},
    {"too wide", CHOOSE_AUTO, false,
	{.name = "eth0", .is_hardware = true, .xdp = ALL, .mtu = 3499}, FAST_TC,
	true, "eth0 has an MTU *"},
    {"tags that are not seen", CHOOSE_AUTO, false,
	{.name = "eth0",
	    .is_hardware = true,
	    .xdp = ALL,
	    .mtu = 1500,
	    .untags = true},
	FAST_TC, true, "eth0 takes VLAN tags off *"},
    {"large packets", CHOOSE_AUTO, false,
	{.name = "eth0",
	    .is_hardware = true,
	    .xdp = ALL,
	    .mtu = 1500,
	    .merges = true},
	FAST_TC, true, "eth0 has GRO or LRO on*"},
    {"a veth", CHOOSE_AUTO, false, VETH(ALL), FAST_TC, true,
	"v (veth) is no hardware*"},
    {"two reasons", CHOOSE_AUTO, true, VETH(NATIVE), FAST_TC, true,
	"v (veth) is no hardware*; v (veth) drops *"},
    {"a VLAN: one reason", CHOOSE_AUTO, false,
	{.name = "eth0.1", .kind = "vlan", .mtu = 9000, .merges = true},
	FAST_TC, true, "eth0.1 (vlan) has no XDP of its own"},
    {"a VLAN by hand", CHOOSE_XDP, false,
	{.name = "eth0.1", .kind = "vlan", .mtu = 1500}, FAST_XDP, false,
	"eth0.1 (vlan) has no XDP of its own"},
    {"a veth by hand", CHOOSE_XDP, false, VETH(NATIVE), FAST_XDP, true,
	"v (veth) is no hardware*which XDP cannot see"},
    {"a veth that drops, by hand", CHOOSE_XDP, true, VETH(NATIVE), FAST_XDP,
	true, "*; v (veth) drops *"},
    {"large packets, by hand", CHOOSE_XDP, false,
	{.name = "eth0",
	    .is_hardware = true,
	    .xdp = ALL,
	    .mtu = 1500,
	    .merges = true},
	FAST_XDP, true, ""},
};

static struct choice choose(const struct row *row, bool swapped)
{
	struct choose_facts facts = {.wish = row->wish,
	    .is_attached = row->is_attached,
	    .page = 4096,
	    .devices = {{CARD}, {CARD}}};

	facts.devices[!swapped] = row->outside;
	return choose_hook(&facts);
}

/* Whichever side it is on. */
static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int swapped = 0; swapped < 2; swapped++) {
			const struct row *row = &rows[i];
			const struct choice got = choose(row, swapped != 0);

			if (got.hook != row->hook ||
			    got.is_possible != row->is_possible ||
			    fnmatch(row->why, got.why, 0) != 0)
				fail_msg("%s: at %s, %spossible, \"%s\"",
				    row->what,
				    got.hook == FAST_XDP ? "XDP" : "tc",
				    got.is_possible ? "" : "not ", got.why);
		}
}

/* Names and kinds as long as can be, and all that can be said of both. */
static void test_there_is_room(void **state)
{
	struct choose_facts facts = {
	    .wish = CHOOSE_AUTO, .page = 4096, .is_attached = true};
	struct choice got;

	(void)state;
	for (int side = 0; side < 2; side++) {
		struct device *device = &facts.devices[side];

		memset(device->name, 'n', sizeof(device->name) - 1);
		memset(device->kind, 'k', sizeof(device->kind) - 1);
		device->xdp = NATIVE;
		device->mtu = 65535;
		device->merges = true;
		device->untags = true;
	}
	got = choose_hook(&facts);
	assert_int_equal(got.hook, FAST_TC);
	assert_non_null(memchr(got.why, '\0', sizeof(got.why)));
	assert_true(strlen(got.why) < sizeof(got.why) - 1);
	assert_non_null(strstr(got.why, "large packets are wanted"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_there_is_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
