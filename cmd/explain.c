/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinat explain: asks spinatd why an SPI goes to whom it goes, what a host is
 * a candidate for, or what is going on with a remote.
 */
#include "cmd/explain.h"

#include <stdio.h>
#include <string.h>

#include "cmd/call.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "conf/conf.h"
#include "daemon/text.h"

#define EXIT_USAGE 2

struct question {
	struct call call;
	struct explanation got;
};

static void print_usage(FILE *out)
{
	fprintf(out,
	    "usage: spinat explain HOST|REMOTE|SPI [-s SOCKET] [--json]\n"
	    "\n"
	    "  HOST    the address of an inside host: its associations, "
	    "whether "
	    "it is a\n"
	    "          candidate for what its remotes send, and its SPIs\n"
	    "  REMOTE  the address of a remote gateway: the same of all its "
	    "hosts\n"
	    "  SPI     such as 0x8f922251: whose it is, who else it might be, "
	    "and why\n"
	    "\n"
	    "  -s, --socket SOCKET   default %s\n"
	    "  -j, --json            for machines: see spinat(1)\n",
	    CONF_DEFAULT_SOCKET);
}

/* It has no options of its own. */
static bool refuse_option(void *context, int option, const char *value)
{
	(void)context;
	(void)option;
	(void)value;
	print_usage(stderr);
	return false;
}

static bool set_subject(struct question *question, int argc, char **words)
{
	spinat_be32 value;

	if (argc != 1) {
		print_usage(stderr);
		return false;
	}
	question->got.of = words[0];
	question->got.is_spi = text_to_spi(words[0], &value);
	if (question->got.is_spi || text_to_address(words[0], &value))
		return true;
	fprintf(stderr,
	    "spinat: explain wants the IPv4 address of an inside host or a "
	    "remote, or an SPI, such as 0x8f922251, not \"%s\"\n",
	    words[0]);
	return false;
}

static bool read_question(struct question *question, int argc, char **argv)
{
	static const struct option options[] = {
	    CALL_OPTIONS, {NULL, 0, NULL, 0}};
	static char name[] = "spinat explain";

	return call_read(&question->call, argc, argv, name, options,
		   refuse_option, NULL) &&
	    (question->call.help ||
		set_subject(question, argc - optind, argv + optind));
}

static void take_line(void *context, const char *kind, json_t *value)
{
	struct explanation *got = context;

	if (strcmp(kind, "peer") == 0)
		(void)json_array_append(got->peers, value);
	else if (strcmp(kind, "ike") == 0)
		(void)json_array_append(got->ikes, value);
	else if (strcmp(kind, "flow") == 0)
		(void)json_array_append(got->spis, value);
	else if (strcmp(kind, "claim") == 0)
		(void)json_array_append(got->claims, value);
}

static int print_json(const struct explanation *got)
{
	json_t *root = json_pack("{s:s, s:O, s:O, s:O, s:O}", "explain",
	    got->of, "associations", got->peers, "ikes", got->ikes, "spis",
	    got->spis, "claims", got->claims);
	int result = json_dumpf(root, stdout, JSON_INDENT(2));

	puts("");
	json_decref(root);
	return result < 0;
}

static int say_unknown(const struct explanation *got)
{
	if (got->is_spi)
		fprintf(stderr,
		    "spinat: no SPI %s is known: spinatd has met no ESP packet "
		    "with it, or it ended\n",
		    got->of);
	else
		fprintf(stderr,
		    "spinat: no IPsec of %s is known: it is neither an inside "
		    "host that has sent IKE or ESP, nor the remote of one\n",
		    got->of);
	fprintf(stderr,
	    "spinat: see \"spinat show ipsec\" for the hosts, remotes and SPIs "
	    "there are\n");
	return 1;
}

static int explain(struct question *question)
{
	struct explanation *got = &question->got;
	json_t *request = json_pack("{s:s}", "explain", got->of);
	int result;

	got->peers = json_array();
	got->ikes = json_array();
	got->spis = json_array();
	got->claims = json_array();
	result = client_ask(question->call.socket, request, take_line, got);
	if (result == 0 && question->call.json)
		result = print_json(got);
	else if (result == 0)
		result = explain_print(got);
	if (result == 0 && json_array_size(got->peers) == 0 &&
	    json_array_size(got->spis) == 0)
		result = say_unknown(got);
	json_decref(got->peers);
	json_decref(got->ikes);
	json_decref(got->spis);
	json_decref(got->claims);
	json_decref(request);
	return result;
}

int cmd_explain(int argc, char **argv)
{
	struct question question = {.call.socket = CONF_DEFAULT_SOCKET};

	if (!read_question(&question, argc, argv))
		return EXIT_USAGE;
	if (!question.call.help)
		return explain(&question);
	print_usage(stdout);
	return 0;
}
