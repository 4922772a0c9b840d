/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In plain words what a configuration would do.
 */
#include <string.h>

#include "conf/conf.h"
#include "conf/redirect.h"
#include "conf/values.h"

static void print_inside(const struct conf *conf, FILE *out)
{
	fprintf(out, "inside     ");
	if (conf->inside_interface[0] != '\0')
		fprintf(out, "%s: ", conf->inside_interface);
	for (unsigned i = 0; i < conf->engine.inside_count; i++)
		fprintf(out, "%s%s", i == 0 ? "" : ", ",
		    prefix_format(&conf->engine.inside[i]).text);
	if (conf->engine.inside_count == 0)
		fprintf(out, "%s",
		    conf->inside_interface[0] == '\0'
			? "every source address"
			: "the networks of that interface");
	if (conf->engine.unregistered_only)
		fprintf(out, ", private ones only");
	fprintf(out, "\n");
}

static void print_outside(const struct conf *conf, FILE *out)
{
	fprintf(out, "outside    ");
	for (unsigned i = 0; i < conf->engine.public_count; i++)
		fprintf(out, "%s%s", i == 0 ? "" : ", ",
		    address_format(conf->engine.public_addresses[i]).text);
	if (conf->engine.public_count == 0)
		fprintf(out, "the address of %s%s", conf->interface,
		    conf->dynamic ? ", followed when it changes" : "");
	else if (conf->interface[0] != '\0')
		fprintf(out, ", on %s", conf->interface);
	fprintf(out, "\n");
}

static void print_traffic(const struct conf *conf, FILE *out)
{
	if (conf->engine.mode == SPINAT_MODE_IPSEC_ONLY) {
		fprintf(out,
		    "translates IKE and ESP alone; the rest is left "
		    "to the kernel\n");
		return;
	}
	fprintf(out,
	    "translates TCP, UDP, ICMP, IPsec and every other "
	    "protocol\n");
	fprintf(out, "ports      %u-%u, %s\n", conf->engine.port_low,
	    conf->engine.port_high,
	    conf->engine.same_ports ? "the inside port where it is free, "
				      "else at random"
				    : "drawn at random");
	if (conf->engine.public_count > 1)
		fprintf(out, "ipsec      %s\n",
		    conf->engine.ipsec_spread
			? "clients of one remote get different addresses"
			: "each client has the address of all its traffic");
	fprintf(out, "incoming   %s; %s\n",
	    conf->engine.endpoint_independent_filtering
		? "a mapping is open to every remote"
		: "a mapping is open to the remotes it was used with",
	    conf->engine.deny_incoming ? "what matches nothing is dropped"
				       : "what matches nothing goes to the "
					 "gateway");
}

/** The largest unit that divides it. */
static struct address_text format_duration(spinat_time duration)
{
	static const struct {
		unsigned seconds;
		char letter;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	const long long seconds = duration / SPINAT_SECOND;
	struct address_text text = {""};
	size_t i = 0;

	while (units[i].seconds > 1 && seconds % units[i].seconds != 0)
		i++;
	snprintf(text.text, sizeof(text.text), "%lld%c",
	    seconds / units[i].seconds, units[i].letter);
	return text;
}

static const char *ike_ports_text(unsigned policy)
{
	switch (policy) {
	case SPINAT_IKE_PORTS_REWRITE:
		return "a port of its own for each client";
	case SPINAT_IKE_PORTS_AUTO:
		return "port 500, or a port of its own where the remote does "
		       "not answer";
	default:
		return "port 500 for every client";
	}
}

static void print_ike_ports(const struct conf *conf, FILE *out)
{
	const struct spinat_config *engine = &conf->engine;

	fprintf(out, "           IKE leaves with %s\n",
	    ike_ports_text(engine->ike_ports));
	for (unsigned i = 0; i < engine->ike_ports_count; i++) {
		const struct spinat_ike_ports_rule *rule =
		    &engine->ike_ports_rules[i];

		fprintf(out, "           with %s: %s\n",
		    address_format(rule->remote).text,
		    ike_ports_text(rule->policy));
	}
	if (conf_gives_ports(conf) && engine->mode != SPINAT_MODE_FULL)
		fprintf(out, "           ports of its own: %u-%u\n",
		    engine->port_low, engine->port_high);
}

static void print_ipsec(const struct conf *conf, FILE *out)
{
	const spinat_time *timeouts = conf->engine.timeouts;

	fprintf(out,
	    "IPsec      IKE on UDP 500 by its cookies, ESP by its SPIs; "
	    "%u associations, %u IKE SAs, %u SPIs in\n"
	    "           kept when idle: ESP %s, IKE %s\n",
	    conf->engine.max_peers, conf->engine.max_ike, conf->engine.max_spis,
	    format_duration(timeouts[SPINAT_TIMEOUT_ESP]).text,
	    format_duration(timeouts[SPINAT_TIMEOUT_IKE]).text);
	print_ike_ports(conf, out);
	if (strcmp(conf->journal, CONF_NO_JOURNAL) == 0)
		fprintf(out, "           forgotten by a restart\n");
	else
		fprintf(out, "           kept over a restart in %s\n",
		    conf->journal);
}

static void print_packets(const struct conf *conf, FILE *out)
{
	const char *hook = strcmp(conf->fast_path, "xdp") == 0 ? ", at XDP"
	    : strcmp(conf->fast_path, "auto") == 0             ? ""
							       : ", at tc";

	if (strcmp(conf->backend, "tun") == 0) {
		fprintf(out, "packets    by tun\n");
		return;
	}
	fprintf(out, "packets    by nfqueue, from queue %u", conf->queue);
	if (strcmp(conf->backend, "nfqueue") != 0)
		fprintf(out, "; known flows in the kernel%s%s", hook,
		    strcmp(conf->backend, "auto") == 0 ? ", if it lets us"
						       : "");
	fprintf(out, "\n");
}

void conf_print_summary(const struct conf *conf, FILE *out)
{
	print_inside(conf, out);
	print_outside(conf, out);
	print_traffic(conf, out);
	print_ipsec(conf, out);
	for (unsigned i = 0; i < conf->redirect_count; i++)
		fprintf(out, "%s  %s\n", i == 0 ? "redirects" : "         ",
		    redirect_format(&conf->redirects[i]).text);
	fprintf(out, "room       %u flows, %u fragmented datagrams\n",
	    conf->engine.max_flows, conf->engine.max_fragments);
	print_packets(conf, out);
}
