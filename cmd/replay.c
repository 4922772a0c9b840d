/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinat replay: the arguments of replay_run().
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "conf/conf.h"
#include "replay/replay.h"

#define EXIT_WRONG 1
#define EXIT_USAGE 2

enum letter {
	OPTION_INSIDE = 256,
	OPTION_OUTSIDE,
	OPTION_TO_OUTSIDE,
	OPTION_TO_INSIDE,
	OPTION_EVENTS,
	OPTION_SEED,
	OPTION_UNTIL,
};

static const struct option long_options[] = {
    {"file", required_argument, NULL, 'f'},
    {"help", no_argument, NULL, 'h'},
    {"inside", required_argument, NULL, OPTION_INSIDE},
    {"outside", required_argument, NULL, OPTION_OUTSIDE},
    {"to-outside", required_argument, NULL, OPTION_TO_OUTSIDE},
    {"to-inside", required_argument, NULL, OPTION_TO_INSIDE},
    {"events", required_argument, NULL, OPTION_EVENTS},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"until", required_argument, NULL, OPTION_UNTIL},
    {NULL, 0, NULL, 0},
};

static const char help[] =
    "usage: spinat replay -f CONF [--inside A.pcap] [--outside B.pcap]\n"
    "                     [--to-outside X.pcap] [--to-inside Y.pcap]\n"
    "                     [--events E.json] [--seed N|0xHEX] [--until "
    "SECONDS]\n"
    "\n"
    "Runs the engine on two captures, as if their packets came now from the\n"
    "inside and from the outside, and writes what would have left each side.\n"
    "\n"
    "  -f CONF             spinatd's configuration; needs an alias_address\n"
    "  --inside A.pcap     packets that came from the inside (pcap, pcapng)\n"
    "  --outside B.pcap    packets that came from the outside\n"
    "  --to-outside X.pcap what leaves for the outside (pcap, raw IP, ns)\n"
    "  --to-inside Y.pcap  what leaves for the inside\n"
    "  --events E.json     one JSON object a line for every flow created,\n"
    "                      bound, refused, dropped or expired\n"
    "  --seed N|0xHEX      of all random choices; 0 unless given\n"
    "  --until SECONDS     let timers run on after the last packet\n";

static int usage(const char *what, const char *value)
{
	fprintf(stderr,
	    "spinat replay: %s%s%s (\"spinat replay --help\" tells more)\n",
	    what, value != NULL ? ": " : "", value != NULL ? value : "");
	return EXIT_USAGE;
}

static int fail(const struct error *error)
{
	fprintf(stderr, "spinat replay: %s\n", error->text);
	return EXIT_WRONG;
}

int cmd_replay(int argc, char **argv)
{
	struct replay_options options = {0};
	struct error error = {""};
	struct conf conf;
	int code, letter;

	optind = 1;
	while ((letter = getopt_long(argc, argv, "f:h", long_options, NULL)) !=
	    -1) {
		switch (letter) {
		case 'f':
			options.conf_path = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case OPTION_INSIDE:
			options.files.from[SPINAT_INSIDE] = optarg;
			break;
		case OPTION_OUTSIDE:
			options.files.from[SPINAT_OUTSIDE] = optarg;
			break;
		case OPTION_TO_OUTSIDE:
			options.files.to[SPINAT_OUTSIDE] = optarg;
			break;
		case OPTION_TO_INSIDE:
			options.files.to[SPINAT_INSIDE] = optarg;
			break;
		case OPTION_EVENTS:
			options.events = optarg;
			break;
		case OPTION_SEED:
			if (!replay_read_seed(options.seed, optarg))
				return usage("--seed wants a decimal number, "
					     "0x and up to 64 hexadecimal "
					     "digits, or 64 such digits",
				    optarg);
			break;
		case OPTION_UNTIL:
			if (!replay_read_seconds(&options.until, optarg))
				return usage("--until wants seconds, up to "
					     "nine decimals, at most 1e9",
				    optarg);
			break;
		default:
			return EXIT_USAGE; /* getopt_long() told */
		}
	}
	if (optind < argc)
		return usage("not an option", argv[optind]);
	if (options.conf_path == NULL)
		return usage("-f CONF is missing", NULL);
	if (options.files.from[0] == NULL && options.files.from[1] == NULL)
		return usage("--inside or --outside is missing", NULL);

	conf_init(&conf);
	code = conf_read_file(&conf, options.conf_path, &error);
	if (code == 0)
		code = conf_check(&conf, &error);
	if (code == 0)
		code = replay_run(&conf, &options, stdout, stderr, &error);
	conf_free(&conf);
	return code == 0 ? 0 : fail(&error);
}
