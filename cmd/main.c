/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinat: the command.  The table below is all that it can do.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "spinat/spinat.h"

#define EXIT_USAGE 2

static const struct subcommand {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} subcommands[] = {
    {"show", cmd_show, "what a running spinatd knows and has done"},
    {"explain", cmd_explain, "why an SPI, a host or a remote is what it is"},
    {"check", cmd_check, "whether a configuration is right"},
    {"rules", cmd_rules, "the firewall rules that feed spinatd"},
    {"replay", cmd_replay, "run captures through the engine"},
};

#define SUBCOMMAND_COUNT (sizeof(subcommands) / sizeof(subcommands[0]))

static void print_usage(FILE *out)
{
	fputs("usage: spinat [-s SOCKET] show flows|ipsec|ike|stats|datapath "
	      "[--json]\n"
	      "       spinat [-s SOCKET] explain HOST|REMOTE|SPI [--json]\n"
	      "       spinat check|rules|replay ...\n"
	      "       spinat help [SUBCOMMAND]\n"
	      "       spinat --help | --version\n"
	      "\n",
	    out);
	for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
		fprintf(out, "  %-8s %s\n", subcommands[i].name,
		    subcommands[i].summary);
	fputs("\nSee spinat(1).\n", out);
}

static const struct subcommand *find(const char *name)
{
	for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
		if (strcmp(subcommands[i].name, name) == 0)
			return &subcommands[i];
	fprintf(stderr, "spinat: there is no subcommand \"%s\"\n\n", name);
	print_usage(stderr);
	return NULL;
}

static int help(const char *name)
{
	static char option[] = "--help";
	const struct subcommand *found;
	char word[16];
	char *argv[] = {word, option, NULL};

	if (!name) {
		print_usage(stdout);
		return 0;
	}
	found = find(name);
	if (!found)
		return EXIT_USAGE;
	(void)snprintf(word, sizeof(word), "%s", found->name);
	return found->run(2, argv);
}

/** "-s SOCKET show ..." means "show -s SOCKET ...", and so for explain. */
static void move_socket_behind(char **argv)
{
	char *option = argv[1], *path = argv[2];

	argv[1] = argv[3];
	argv[2] = option;
	argv[3] = path;
}

static int run(int argc, char **argv)
{
	const struct subcommand *found = find(argv[1]);

	return found ? found->run(argc - 1, argv + 1) : EXIT_USAGE;
}

int main(int argc, char **argv)
{
	if (argc > 3 && strcmp(argv[1], "-s") == 0)
		move_socket_behind(argv);
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "help") == 0)
		return help(argc > 2 ? argv[2] : NULL);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return help(NULL);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("spinat %s\n", spinat_version());
		return 0;
	}
	return run(argc, argv);
}
