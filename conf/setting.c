/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The place of a setting, and how its faults are told.
 */
#include "conf/setting.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "conf/options.h"

int setting_fail(
    const struct setting *setting, const char *at, const char *format, ...)
{
	char what[sizeof(((struct error *)NULL)->text)];
	va_list arguments;

	va_start(arguments, format);
	if (vsnprintf(what, sizeof(what), format, arguments) < 0)
		what[0] = '\0';
	va_end(arguments);
	if (setting->line == 0)
		return error_set(
		    setting->error, -EINVAL, "%s: %s", setting->source, what);
	return error_set(setting->error, -EINVAL, "%s:%u:%zu: %s",
	    setting->source, setting->line, (size_t)(at - setting->begin) + 1,
	    what);
}

int setting_need_word(
    struct setting *setting, struct slice *word, const char *what)
{
	const struct option_row *option = setting->option;

	if (line_next_word(&setting->rest, word))
		return 0;
	return setting_fail(setting, word->start,
	    "%s is missing; right would be \"%s %s\"", what, option->name,
	    option->example);
}

int setting_end(struct setting *setting)
{
	struct slice word;

	if (!line_next_word(&setting->rest, &word))
		return 0;
	return setting_fail(setting, word.start,
	    "%s is one word too many; right would be \"%s %s\"",
	    slice_quote(word).text, setting->option->name,
	    setting->option->argument);
}

struct conf_place setting_place(const struct setting *setting)
{
	return (struct conf_place){
	    .said = true,
	    .source = setting->source_index,
	    .line = setting->line,
	    .column = setting->line == 0
		? 0
		: (unsigned)(setting->name.start - setting->begin) + 1,
	};
}
