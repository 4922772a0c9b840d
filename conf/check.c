/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only the whole tells.  A fault stops spinatd; a warning is for what is
 * allowed but hardly meant.  Each names the place where it was said.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/options.h"
#include "conf/redirect.h"
#include "conf/values.h"

#define IKE_PORT 500

struct inspection {
	const struct conf *conf;
	conf_say *say;
	void *context;
	unsigned faults;
};

/* --------------------------------------------------------------- telling */

static const struct conf_place nowhere = {.said = false};

static struct conf_place place_of(const struct conf *conf, const char *name)
{
	const struct option_row *option = option_find(slice_of(name));

	if (option == NULL)
		return nowhere;
	return conf->places[option - conf_options];
}

static void format_place(
    const struct conf *conf, struct conf_place place, char *text, size_t size)
{
	const char *source = "configuration";

	if (place.said && place.source < conf->source_count)
		source = conf->sources[place.source];
	else if (conf->source_count > 0)
		source = conf->sources[0];
	if (place.said && place.line > 0)
		snprintf(
		    text, size, "%s:%u:%u", source, place.line, place.column);
	else
		snprintf(text, size, "%s", source);
}

__attribute__((format(printf, 4, 5))) static void tell(
    struct inspection *inspection, bool fatal, struct conf_place place,
    const char *format, ...)
{
	struct error what, whole;
	char where[300];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what.text, sizeof(what.text), format, arguments);
	va_end(arguments);
	format_place(inspection->conf, place, where, sizeof(where));
	error_set(&whole, 0, "%s: %s", where, what.text);
	inspection->say(inspection->context, fatal, whole.text);
	if (fatal)
		inspection->faults++;
}

#define FAULT(inspection, place, ...) tell(inspection, true, place, __VA_ARGS__)
#define WARNING(inspection, place, ...)                                        \
	tell(inspection, false, place, __VA_ARGS__)

/* ----------------------------------------------------------------- rules */

bool conf_gives_ports(const struct conf *conf)
{
	const struct spinat_config *engine = &conf->engine;
	bool gives = engine->mode == SPINAT_MODE_FULL ||
	    engine->ike_ports != SPINAT_IKE_PORTS_PRESERVE;

	for (unsigned i = 0; i < engine->ike_ports_count && !gives; i++)
		gives = engine->ike_ports_rules[i].policy !=
		    SPINAT_IKE_PORTS_PRESERVE;
	return gives;
}

static bool is_inside(const struct conf *conf, spinat_be32 address)
{
	for (unsigned i = 0; i < conf->engine.inside_count; i++)
		if (prefix_contains(&conf->engine.inside[i], address))
			return true;
	return false;
}

static bool is_public(const struct conf *conf, spinat_be32 address)
{
	for (unsigned i = 0; i < conf->engine.public_count; i++)
		if (conf->engine.public_addresses[i].raw == address.raw)
			return true;
	return false;
}

static void inspect_interfaces(struct inspection *inspection)
{
	const struct conf *conf = inspection->conf;
	const bool pool = conf->engine.public_count > 0;

	if (conf->interface[0] == '\0' && !pool)
		FAULT(inspection, nowhere,
		    "neither \"interface\" nor \"alias_address\" is set; "
		    "right would be one of them, as in \"interface eth0\"");
	if (conf->interface[0] != '\0' &&
	    strcmp(conf->interface, conf->inside_interface) == 0)
		FAULT(inspection, place_of(conf, "inside_interface"),
		    "\"%s\" is the outside interface already; right would be "
		    "the one of the inside network",
		    conf->interface);
	if (conf->dynamic && pool && conf->interface[0] != '\0')
		FAULT(inspection, place_of(conf, "dynamic"),
		    "\"dynamic\" follows the address of the interface, but "
		    "\"alias_address\" fixes it; right would be one of them");
	else if (conf->dynamic && conf->interface[0] == '\0')
		WARNING(inspection, place_of(conf, "dynamic"),
		    "\"dynamic\" does nothing without \"interface\"");
}

/* Its programs stand between two interfaces. */
static void inspect_fast_path(struct inspection *inspection)
{
	const struct conf *conf = inspection->conf;

	if (strcmp(conf->backend, "bpf") == 0 &&
	    (conf->interface[0] == '\0' || conf->inside_interface[0] == '\0'))
		FAULT(inspection, place_of(conf, "backend"),
		    "backend bpf needs \"interface\" and "
		    "\"inside_interface\"; right would be both of them, or "
		    "backend auto");
}

static void inspect_addresses(struct inspection *inspection)
{
	const struct conf *conf = inspection->conf;
	const struct conf_place place = place_of(conf, "alias_address");

	for (unsigned i = 0; i < conf->engine.public_count; i++) {
		spinat_be32 address = conf->engine.public_addresses[i];

		if (is_inside(conf, address))
			FAULT(inspection, place,
			    "the public address %s lies in the inside_network; "
			    "right would be an address of the outside",
			    address_format(address).text);
		else if (address_is_private(address))
			WARNING(inspection, place,
			    "the public address %s is a private one: another "
			    "NAT must translate it again",
			    address_format(address).text);
	}
	for (unsigned i = 0;
	     conf->engine.unregistered_only && i < conf->engine.inside_count;
	     i++)
		if (!address_is_private(conf->engine.inside[i].address))
			WARNING(inspection, place_of(conf, "inside_network"),
			    "%s is no private network, and unregistered_only "
			    "leaves it untranslated",
			    prefix_format(&conf->engine.inside[i]).text);
}

static void inspect_ports(struct inspection *inspection)
{
	const struct conf *conf = inspection->conf;
	const struct conf_place place = place_of(conf, "port_range");
	const unsigned low = conf->engine.port_low;
	const unsigned high = conf->engine.port_high;

	if (!place.said || high < low)
		return;
	if (!conf_gives_ports(conf))
		WARNING(inspection, place,
		    "mode ipsec-only gives out no ports without ike_ports: "
		    "port_range does nothing");
	else if (conf->engine.mode == SPINAT_MODE_FULL && high - low < 1023)
		WARNING(inspection, place,
		    "port_range has %u ports only: flows to one remote are "
		    "refused when they are used up",
		    high - low + 1);
}

static void inspect_room(struct inspection *inspection)
{
	const struct conf *conf = inspection->conf;

	if (conf->engine.max_spis > conf->engine.max_flows)
		FAULT(inspection, place_of(conf, "max_spis"),
		    "max_spis is %u, but all flows together are %u; right "
		    "would be max_flows at most",
		    conf->engine.max_spis, conf->engine.max_flows);
}

static void inspect_timeouts(struct inspection *inspection)
{
	static const struct {
		enum spinat_timeout index;
		unsigned least;
		const char *why;
	} floors[] = {
	    {SPINAT_TIMEOUT_UDP, 120, "RFC 4787 wants 120 seconds"},
	    {SPINAT_TIMEOUT_TCP, 7440, "RFC 5382 wants 7440 seconds"},
	    {SPINAT_TIMEOUT_TCP_OPENING, 240, "RFC 5382 wants 240 seconds"},
	    {SPINAT_TIMEOUT_ICMP, 60, "RFC 5508 wants 60 seconds"},
	    {SPINAT_TIMEOUT_ESP, 3600,
		"the remote may speak first after hours of silence"},
	    {SPINAT_TIMEOUT_IKE, 3600,
		"dead peer detection is silent while ESP flows"},
	};
	const struct conf *conf = inspection->conf;

	for (size_t i = 0; i < sizeof(floors) / sizeof(floors[0]); i++) {
		char name[48];

		snprintf(name, sizeof(name), "timeout_%s",
		    spinat_timeout_name(floors[i].index));
		if (conf->engine.timeouts[floors[i].index] <
		    floors[i].least * SPINAT_SECOND)
			WARNING(inspection, place_of(conf, name),
			    "%s is under %u seconds: %s", name, floors[i].least,
			    floors[i].why);
	}
}

/* ------------------------------------------------------------- redirects */

static const char *kind_name(enum spinat_redirect_kind kind)
{
	switch (kind) {
	case SPINAT_REDIRECT_PORT:
		return "redirect_port";
	case SPINAT_REDIRECT_PROTO:
		return "redirect_proto";
	case SPINAT_REDIRECT_ADDRESS:
		return "redirect_address";
	case SPINAT_REDIRECT_IPSEC:
		return "redirect_ipsec";
	}
	return "redirect";
}

/** 0 stands for the main address; where that is known, take it. */
static spinat_be32 public_of(
    const struct conf *conf, const struct spinat_redirect *rule)
{
	if (rule->public_address.raw == 0 && conf->engine.public_count > 0)
		return conf->engine.public_addresses[0];
	return rule->public_address;
}

static bool overlap(
    unsigned low, unsigned count, unsigned other, unsigned other_count)
{
	return low < other + other_count && other < low + count;
}

/** The same packet would go by both.  A rule for one remote and a rule for
 * any stand beside each other: the narrower one goes first (redirect.c). */
static bool rules_clash(const struct conf *conf,
    const struct spinat_redirect *one, const struct spinat_redirect *other)
{
	if (one->kind != other->kind || one->remote.raw != other->remote.raw)
		return false;
	/* Several hosts may share a public address, but have one each. */
	if (one->kind == SPINAT_REDIRECT_ADDRESS)
		return one->inside.raw == other->inside.raw;
	if (one->kind == SPINAT_REDIRECT_IPSEC)
		return true;
	if (public_of(conf, one).raw != public_of(conf, other).raw)
		return false;
	if (one->kind == SPINAT_REDIRECT_PROTO)
		return one->protocol == other->protocol;
	return one->protocol == other->protocol &&
	    overlap(one->public_port, one->port_count, other->public_port,
		other->port_count) &&
	    one->remote_port == other->remote_port;
}

static const char *taken_of(enum spinat_redirect_kind kind)
{
	switch (kind) {
	case SPINAT_REDIRECT_PORT:
		return "this public port is redirected";
	case SPINAT_REDIRECT_PROTO:
		return "this protocol is redirected";
	case SPINAT_REDIRECT_ADDRESS:
		return "this host has a public address of its own";
	case SPINAT_REDIRECT_IPSEC:
		return "IPsec of this remote is redirected";
	}
	return "this is taken";
}

/** Whether `one` was said after `other`. */
static bool is_later(struct conf_place one, struct conf_place other)
{
	if (one.source != other.source)
		return one.source > other.source;
	return one.line > other.line;
}

static void inspect_clashes(struct inspection *inspection, unsigned index)
{
	const struct conf *conf = inspection->conf;
	const struct spinat_redirect *rule = &conf->redirects[index];

	for (unsigned i = 0; i < index; i++) {
		struct conf_place first = conf->redirect_places[i];
		struct conf_place second = conf->redirect_places[index];
		unsigned earlier = i;
		char where[300];

		if (!rules_clash(conf, &conf->redirects[i], rule))
			continue;
		if (is_later(first, second)) {
			first = conf->redirect_places[index];
			second = conf->redirect_places[i];
			earlier = index;
		}
		format_place(conf, first, where, sizeof(where));
		FAULT(inspection, second,
		    "%s already, at %s (to %s); right would be one of them",
		    taken_of(rule->kind), where,
		    address_format(conf->redirects[earlier].inside).text);
		return;
	}
}

static void inspect_address(struct inspection *inspection, unsigned index)
{
	const struct conf *conf = inspection->conf;
	const struct spinat_redirect *rule = &conf->redirects[index];

	for (unsigned i = 0; i < index; i++)
		if (conf->redirects[i].kind == SPINAT_REDIRECT_ADDRESS &&
		    conf->redirects[i].inside.raw != rule->inside.raw &&
		    public_of(conf, &conf->redirects[i]).raw ==
			public_of(conf, rule).raw) {
			WARNING(inspection, conf->redirect_places[index],
			    "a later line gives this public address to %s: "
			    "what comes in goes there",
			    address_format(conf->redirects[i].inside).text);
			return;
		}
}

/** A redirect of what goes by SPIs or cookies, or not at all, does nothing. */
static void inspect_ipsec(struct inspection *inspection, unsigned index)
{
	const struct spinat_redirect *rule =
	    &inspection->conf->redirects[index];
	const struct conf_place place =
	    inspection->conf->redirect_places[index];

	if (rule->kind == SPINAT_REDIRECT_PROTO && rule->protocol == IPPROTO_AH)
		FAULT(inspection, place,
		    "AH covers the addresses and cannot cross any NAT; right "
		    "would be ESP, with redirect_ipsec");
	if (rule->kind == SPINAT_REDIRECT_PROTO &&
	    rule->protocol == IPPROTO_ESP)
		FAULT(inspection, place,
		    "ESP goes by its SPIs; right would be \"redirect_ipsec "
		    "%s\", which takes its IKE as well",
		    address_format(rule->inside).text);
	if (rule->kind != SPINAT_REDIRECT_PORT ||
	    rule->protocol != IPPROTO_UDP ||
	    !overlap(rule->public_port, rule->port_count, IKE_PORT, 1))
		return;
	if (rule->port_count == 1)
		FAULT(inspection, place,
		    "UDP port 500 is IKE and goes by its cookies; right would "
		    "be \"redirect_ipsec %s\", which takes its ESP as well",
		    address_format(rule->inside).text);
	else
		WARNING(inspection, place,
		    "UDP port 500 of this range is IKE and goes by its "
		    "cookies; redirect_ipsec leads it to a host");
}

static void inspect_redirect(struct inspection *inspection, unsigned index)
{
	const struct conf *conf = inspection->conf;
	const struct spinat_redirect *rule = &conf->redirects[index];
	const struct conf_place place = conf->redirect_places[index];

	if (conf->engine.mode == SPINAT_MODE_IPSEC_ONLY &&
	    rule->kind != SPINAT_REDIRECT_IPSEC) {
		FAULT(inspection, place,
		    "%s cannot work in mode ipsec-only, where the kernel "
		    "translates all but IKE and ESP; right would be a DNAT "
		    "rule of the kernel, or \"mode full\"",
		    kind_name(rule->kind));
		return;
	}
	if (is_public(conf, rule->inside))
		FAULT(inspection, place,
		    "the target %s is a public address of the gateway; right "
		    "would be an inside host",
		    address_format(rule->inside).text);
	else if (conf->engine.inside_count > 0 &&
	    !is_inside(conf, rule->inside))
		WARNING(inspection, place,
		    "the target %s lies in no inside_network",
		    address_format(rule->inside).text);
	inspect_ipsec(inspection, index);
	inspect_clashes(inspection, index);
	if (rule->kind == SPINAT_REDIRECT_ADDRESS)
		inspect_address(inspection, index);
}

/* ---------------------------------------------------------------- whole */

static void inspect_engine(struct inspection *inspection)
{
	struct spinat_config config = inspection->conf->engine;
	const char *what = "a value is out of bounds";

	/* What the interface is going to say is not known yet. */
	if (config.public_count == 0) {
		config.public_addresses[0] = address_from_host(0xc0000201);
		config.public_count = 1;
	}
	if (spinat_config_check(&config, &what) < 0)
		FAULT(inspection, nowhere, "%s", what);
}

unsigned conf_inspect(const struct conf *conf, conf_say *say, void *context)
{
	struct inspection inspection = {conf, say, context, 0};

	if (conf->control_socket == NULL || conf->pid_file == NULL ||
	    conf->bpffs == NULL || conf->journal == NULL ||
	    conf->log_target == NULL) {
		say(context, true, "out of memory");
		return 1;
	}
	inspect_fast_path(&inspection);
	inspect_interfaces(&inspection);
	inspect_addresses(&inspection);
	inspect_ports(&inspection);
	inspect_room(&inspection);
	inspect_timeouts(&inspection);
	for (unsigned i = 0; i < conf->redirect_count; i++)
		inspect_redirect(&inspection, i);
	if (inspection.faults == 0)
		inspect_engine(&inspection);
	return inspection.faults;
}

struct first {
	struct error *error;
	bool found;
};

static void keep_first(void *context, bool fatal, const char *text)
{
	struct first *first = context;

	if (!fatal || first->found)
		return;
	first->found = true;
	error_set(first->error, 0, "%s", text);
}

int conf_check(const struct conf *conf, struct error *error)
{
	struct first first = {error, false};

	return conf_inspect(conf, keep_first, &first) == 0 ? 0 : -EINVAL;
}
