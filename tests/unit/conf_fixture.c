/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf_fixture.h"

#include <arpa/inet.h>

int read_text(struct conf *conf, const char *text, struct error *error)
{
	return conf_read_text(conf, "f", text, strlen(text), error);
}

void read_right(struct conf *conf, const char *text)
{
	struct error error = {""};

	conf_init(conf);
	if (read_text(conf, text, &error) != 0)
		fail_msg("%s\n%s", text, error.text);
}

void assert_message(const char *got, const char *expected)
{
	size_t length = strlen(expected);

	if (length > 0 && expected[length - 1] == '*') {
		if (strncmp(got, expected, length - 1) != 0)
			fail_msg("got      %s\nexpected %s", got, expected);
	} else {
		assert_string_equal(got, expected);
	}
}

void assert_wrong(const char *text, const char *expected)
{
	struct error error = {""};
	struct conf conf;

	conf_init(&conf);
	if (read_text(&conf, text, &error) == 0)
		fail_msg("taken for right: %s", text);
	assert_message(error.text, expected);
	conf_free(&conf);
}

void assert_check(const char *text, const char *expected)
{
	struct error error = {""};
	struct conf conf;
	int code;

	read_right(&conf, text);
	code = conf_check(&conf, &error);
	if (expected == NULL && code != 0)
		fail_msg("%s\n%s", text, error.text);
	if (expected != NULL && code == 0)
		fail_msg("taken for right: %s", text);
	if (expected != NULL)
		assert_message(error.text, expected);
	conf_free(&conf);
}

spinat_be32 address(const char *text)
{
	struct in_addr parsed;

	assert_int_equal(inet_pton(AF_INET, text, &parsed), 1);
	return (spinat_be32){parsed.s_addr};
}

void assert_address(spinat_be32 got, const char *expected)
{
	assert_string_equal(address_format(got).text, expected);
}

void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

void hear(void *context, bool fatal, const char *text)
{
	struct heard *heard = context;

	fatal ? heard->faults++ : heard->warnings++;
	snprintf(heard->last, sizeof(heard->last), "%s", text);
}

unsigned warnings_of(const char *text)
{
	struct heard heard = {0, 0, ""};
	struct conf conf;

	read_right(&conf, text);
	assert_int_equal(conf_inspect(&conf, hear, &heard), 0);
	conf_free(&conf);
	return heard.warnings;
}
