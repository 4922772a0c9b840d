/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinat rules: prints the firewall rules that feed spinatd, as a script.
 *
 * For nft and iptables they are what spinatd installs itself, from the same
 * data.  An address that this machine does not know (no such interface) is
 * left as a variable to be set at the top.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "firewall/interface.h"
#include "firewall/rule.h"

static const char usage[] =
    "usage: spinat rules ipfw|nft|iptables -f CONF [--ipsec | --all]\n"
    "  Prints the firewall rules that feed spinatd, as a script.\n"
    "  --ipsec  IKE and ESP only, whatever `mode` says\n"
    "  --all    all packets, whatever `mode` says\n";

/* What stands where an address is not known: RFC 5737, RFC 1918. */
#define EXAMPLE_PUBLIC "203.0.113.1"
#define EXAMPLE_INSIDE "192.168.0.0/16"

/** Takes from the interfaces what the text does not say, where they exist. */
static void read_interfaces(struct conf *conf)
{
	struct spinat_config *engine = &conf->engine;
	int count;

	if (engine->public_count == 0) {
		count = interface_addresses(
		    conf->interface, engine->public_addresses, NULL, 1);
		engine->public_count = count > 0 ? (unsigned)count : 0;
	}
	if (engine->inside_count == 0) {
		count = interface_addresses(conf->inside_interface, NULL,
		    engine->inside, SPINAT_MAX_INSIDE);
		engine->inside_count = count > 0 ? (unsigned)count : 0;
	}
}

static void print_head(const char *interpreter, const struct conf *conf)
{
	printf("#!%s\n", interpreter);
	printf("# The firewall rules that feed spinatd, %s.\n",
	    conf->engine.mode == SPINAT_MODE_FULL ? "all packets"
						  : "IKE and ESP only");
}

/** Says which variables stand for what is not known here, and sets them. */
static void print_variables(const struct conf *conf, const struct ruleset *set,
    const char *before, const char *equals)
{
	if (ruleset_uses(set, "PUBLIC"))
		printf("\n# The address of %s is not known here: set it.\n"
		       "%sPUBLIC%s%s\n",
		    conf->interface, before, equals, EXAMPLE_PUBLIC);
	if (ruleset_uses(set, "INSIDE"))
		printf("\n# The network of %s is not known here: set it.\n"
		       "%sINSIDE%s%s\n",
		    conf->inside_interface[0] != 0 ? conf->inside_interface
						   : "the inside interface",
		    before, equals, EXAMPLE_INSIDE);
}

static void print_for_iptables(
    const struct conf *conf, const struct ruleset *set)
{
	print_head("/bin/sh", conf);
	puts("# spinatd installs and removes them itself; they are here to be "
	     "read.");
	print_variables(conf, set, "", "=");
	puts("\n# Jumps that an earlier run left behind.\n"
	     "unjump() {\n"
	     "\twhile iptables -w -t \"$1\" -D \"$2\" -m comment --comment "
	     "spinat -j \"$3\" 2>/dev/null; do :; done\n"
	     "}\n"
	     "unjump raw PREROUTING SPINAT-PRE\n"
	     "unjump raw OUTPUT SPINAT-OWN\n"
	     "unjump mangle POSTROUTING SPINAT-POST\n"
	     "unjump mangle POSTROUTING SPINAT-GUARD\n"
	     "unjump nat POSTROUTING SPINAT-NAT\n"
	     "\niptables-restore --noflush --wait <<END");
	print_iptables(stdout, set, NULL);
	puts("END\n"
	     "\n# The guard once more, where the kernel has nf_tables: after "
	     "all else, and out\n# of reach of `iptables -F`.\n"
	     "command -v nft >/dev/null && nft -f - <<END");
	print_nft(stdout, set, PART_GUARD);
	puts("END");
}

static void print_for_nft(const struct conf *conf, const struct ruleset *set)
{
	print_head("/usr/sbin/nft -f", conf);
	puts("# spinatd installs and removes them itself; they are here to be "
	     "read.\n"
	     "# Remove them with: nft delete table ip spinat");
	print_variables(conf, set, "define ", " = ");
	putchar('\n');
	print_nft(stdout, set, PART_ALL);
}

static int print_for(const char *tongue, const struct conf *conf)
{
	struct ruleset set;
	struct error error;

	if (ruleset_build(&set, conf, &error) != 0) {
		fprintf(stderr, "spinat rules: %s\n", error.text);
		return 1;
	}
	if (strcmp(tongue, "ipfw") == 0) {
		print_head("/bin/sh", conf);
		puts("# To stand before the rules that let traffic through.");
		print_ipfw(stdout, conf);
	} else if (strcmp(tongue, "nft") == 0) {
		print_for_nft(conf, &set);
	} else {
		print_for_iptables(conf, &set);
	}
	ruleset_free(&set);
	if (fflush(stdout) != 0) {
		fprintf(stderr, "spinat rules: cannot write: %s\n",
		    strerror(errno));
		return 1;
	}
	return 0;
}

static bool is_tongue(const char *word)
{
	return strcmp(word, "ipfw") == 0 || strcmp(word, "nft") == 0 ||
	    strcmp(word, "iptables") == 0;
}

int cmd_rules(int argc, char **argv)
{
	bool ipsec = false, all = false, help = false;
	const struct conf_flag flags[] = {{"ipsec", 0, &ipsec},
	    {"all", 0, &all}, {"help", 'h', &help}, {NULL, 0, NULL}};
	struct conf conf;
	struct error error;

	if (argc > 1 &&
	    (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc < 2 || !is_tongue(argv[1])) {
		fputs(usage, stderr);
		return 2;
	}
	conf_init(&conf);
	int code = 2;
	if (conf_parse_args(&conf, argc - 1, argv + 1, flags, &error) != 0) {
		fprintf(stderr, "spinat rules: %s\n", error.text);
	} else if (help) {
		fputs(usage, stdout);
		code = 0;
	} else if (ipsec && all) {
		fputs("spinat rules: --ipsec or --all, not both\n", stderr);
	} else if (conf_check(&conf, &error) != 0) {
		fprintf(stderr, "spinat rules: %s\n", error.text);
		code = 1;
	} else {
		if (ipsec)
			conf.engine.mode = SPINAT_MODE_IPSEC_ONLY;
		if (all)
			conf.engine.mode = SPINAT_MODE_FULL;
		read_interfaces(&conf);
		code = print_for(argv[1], &conf);
	}
	conf_free(&conf);
	return code;
}
