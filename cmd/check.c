/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinat check: is a configuration right, and what would it do?  Says every
 * fault of the file, not only the first.
 */
#include "cmd/cmd.h"

#include <getopt.h>
#include <stdio.h>

#include "conf/conf.h"

#define FAULTS_SHOWN 20u

struct report {
	unsigned faults;
};

static int usage(FILE *out, int code)
{
	fprintf(out,
	    "usage: spinat check -f CONF\n"
	    "Reads a configuration, says what is wrong in it, or what it "
	    "would do.\n"
	    "Exit code: 0 right, 1 wrong, 2 called wrongly.\n");
	return code;
}

static void say(void *context, bool fatal, const char *text)
{
	struct report *report = context;

	if (!fatal)
		fprintf(stderr, "%s (warning)\n", text);
	else if (report->faults++ < FAULTS_SHOWN)
		fprintf(stderr, "%s\n", text);
}

static int check_file(const char *path)
{
	struct report report = {0};
	struct conf conf;
	unsigned faults;

	conf_init(&conf);
	faults = conf_diagnose_file(&conf, path, say, &report);
	if (faults > FAULTS_SHOWN)
		fprintf(stderr, "%s: and %u more faults\n", path,
		    faults - FAULTS_SHOWN);
	if (faults == 0) {
		printf("%s: ok\n", path);
		conf_print_summary(&conf, stdout);
	}
	conf_free(&conf);
	return faults == 0 ? 0 : 1;
}

int cmd_check(int argc, char **argv)
{
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'f'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	const char *path = NULL;
	int letter;

	optind = 1;
	while ((letter = getopt_long(argc, argv, "f:h", options, NULL)) != -1)
		switch (letter) {
		case 'f':
			path = optarg;
			break;
		case 'h':
			return usage(stdout, 0);
		default:
			return usage(stderr, 2);
		}
	if (path == NULL || optind < argc)
		return usage(stderr, 2);
	return check_file(path);
}
