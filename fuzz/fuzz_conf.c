/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration's parser, whole-check and summary on any bytes.  What is
 * held: no fault of memory, a failed read leaves the configuration as it was,
 * every fault names its place, and what was read once reads again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool held)
{
	if (!held)
		abort();
}

static void say(void *context, bool fatal, const char *text)
{
	unsigned *faults = context;

	require(text[0] != '\0');
	if (fatal)
		++*faults;
}

static void read_as_file(struct conf *conf, const char *text, size_t size)
{
	struct error error = {""};
	const int code = conf_read_text(conf, "f", text, size, &error);

	if (code == 0)
		require(
		    conf_read_text(conf, "again", text, size, &error) == 0 ||
		    conf->redirect_count > 0);
	else
		require(strncmp(error.text, "f:", 2) == 0 &&
		    conf->redirect_count == 0 && conf->source_count == 0);
}

/** "NAME\nVALUE" as one option of a command line. */
static void read_as_option(struct conf *conf, const char *text, size_t size)
{
	char *name = malloc(size + 1), *value;
	struct error error = {""};

	require(name != NULL);
	memcpy(name, text, size);
	name[size] = '\0';
	value = strchr(name, '\n');
	if (value != NULL)
		*value++ = '\0';
	/* These open other files. */
	if (strcmp(name, "config") != 0 && strcmp(name, "f") != 0 &&
	    conf_option(conf, name, value, &error) != 0)
		require(error.text[0] != '\0');
	free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *out;
	struct error error = {""};
	unsigned faults = 0;
	struct conf conf;

	if (out == NULL)
		out = fopen("/dev/null", "w");
	require(out != NULL);
	conf_init(&conf);
	if (size > 0 && data[0] == '-')
		read_as_option(&conf, (const char *)data + 1, size - 1);
	else
		read_as_file(&conf, (const char *)data, size);
	require(conf_inspect(&conf, say, &faults) == faults);
	require((conf_check(&conf, &error) == 0) == (faults == 0));
	conf_print_summary(&conf, out);
	conf_free(&conf);
	return 0;
}
