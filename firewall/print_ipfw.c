/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipfw rules for natd's way of being fed, a divert socket: what section 2.2 of
 * the IPsec-through-NAT HOWTO of 2001 wrote by hand.
 *
 * A diverted packet comes back behind the rule that diverted it, so the rules
 * that follow see it translated: those that pass name the inside host, and the
 * last one, the guard, finds an inside source only on what was not translated.
 */
#include "firewall/rule.h"

#include <arpa/inet.h>
#include <string.h>

static const char *address_text(spinat_be32 address, char text[NET_TEXT])
{
	struct in_addr in = {address.raw};
	inet_ntop(AF_INET, &in, text, NET_TEXT);
	return text;
}

/** Incoming IKE and ESP of one remote, or of any, and what they become. */
static void print_incoming(FILE *to, const char *remote, const char *host)
{
	fprintf(to,
	    "\n# Divert incoming IKE traffic from %s:\n"
	    "$fwcmd add divert natd udp from %s to $firewall 500 in via $oif\n"
	    "$fwcmd add pass udp from %s to %s 500\n",
	    remote, remote, remote, host);
	fprintf(to,
	    "\n# Divert incoming ESP traffic from %s:\n"
	    "$fwcmd add divert natd esp from %s to $firewall in via $oif\n"
	    "$fwcmd add pass esp from %s to %s\n",
	    remote, remote, remote, host);
}

static void print_ipsec(FILE *to, const struct conf *conf)
{
	fputs("\n# Divert outgoing IKE and ESP traffic (and AH, to be "
	      "refused):\n"
	      "$fwcmd add divert natd udp from $inside to any 500 out via "
	      "$oif\n"
	      "$fwcmd add divert natd udp from $inside 500 to any out via "
	      "$oif\n"
	      "$fwcmd add divert natd esp from $inside to any out via $oif\n"
	      "$fwcmd add divert natd ah from $inside to any out via $oif\n"
	      "$fwcmd add pass udp from $firewall to any 500 out via $oif\n"
	      "$fwcmd add pass udp from $firewall 500 to any out via $oif\n"
	      "$fwcmd add pass esp from $firewall to any out via $oif\n",
	    to);
	for (unsigned i = 0; i < conf->redirect_count; i++) {
		const struct spinat_redirect *redirect = &conf->redirects[i];
		char remote[NET_TEXT], host[NET_TEXT];
		if (redirect->kind != SPINAT_REDIRECT_IPSEC ||
		    redirect->remote.raw == 0)
			continue;
		print_incoming(to, address_text(redirect->remote, remote),
		    address_text(redirect->inside, host));
	}
	/* Whom the clients inside call is not known beforehand. */
	print_incoming(to, "any", "$inside");
	fputs("\n# Divert ICMP errors, which may quote ESP or IKE:\n"
	      "$fwcmd add divert natd icmp from any to $firewall icmptypes "
	      "3,4,11,12 in via $oif\n"
	      "\n# The guard: never untranslated.\n"
	      "$fwcmd add deny udp from $inside to any 500 out via $oif\n"
	      "$fwcmd add deny udp from $inside 500 to any out via $oif\n"
	      "$fwcmd add deny esp from $inside to any out via $oif\n"
	      "$fwcmd add deny ah from $inside to any out via $oif\n",
	    to);
}

static void print_full(FILE *to)
{
	fputs("\n# Divert all packets that cross the outside interface:\n"
	      "$fwcmd add divert natd ip4 from any to any via $oif\n"
	      "\n# The guard: never untranslated.\n"
	      "$fwcmd add deny ip4 from $inside to any out via $oif\n",
	    to);
}

void print_ipfw(FILE *to, const struct conf *conf)
{
	const struct spinat_config *engine = &conf->engine;
	char text[NET_TEXT];

	fputs("fwcmd=\"/sbin/ipfw\"\n", to);
	fprintf(to, "oif=\"%s\"\n", conf->interface);
	if (engine->public_count > 0)
		fprintf(to, "firewall=\"%s\"\n",
		    address_text(engine->public_addresses[0], text));
	else
		fputs("firewall=\"me\"              # not known here\n", to);
	fputs("inside=\"", to);
	for (unsigned i = 0; i < engine->inside_count; i++) {
		const struct net net = {
		    .prefix = engine->inside[i], .given = true};
		fprintf(to, "%s%s", i > 0 ? "," : "", net_text(&net, text));
	}
	fputs(engine->inside_count > 0
		? "\"\n"
		: "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16\" # not known "
		  "here: set it\n",
	    to);
	if (engine->mode == SPINAT_MODE_FULL)
		print_full(to);
	else
		print_ipsec(to, conf);
}
