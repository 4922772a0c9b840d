/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From text to lines to words.  The one place that looks at raw bytes: what
 * passes here is free of NUL and other control characters.
 */
#include "conf/lexer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && !is_blank(c)) || c == 0x7f;
}

/* ---------------------------------------------------------------- slices */

struct slice slice_of(const char *text)
{
	return (struct slice){text, strlen(text)};
}

bool slice_is(struct slice slice, const char *text)
{
	return slice.length == strlen(text) &&
	    memcmp(slice.start, text, slice.length) == 0;
}

bool slice_is_number(struct slice slice)
{
	for (size_t i = 0; i < slice.length; i++)
		if (slice.start[i] < '0' || slice.start[i] > '9')
			return false;
	return slice.length > 0;
}

bool slice_copy(struct slice slice, char *buffer, size_t size)
{
	if (slice.length >= size)
		return false;
	memcpy(buffer, slice.start, slice.length);
	buffer[slice.length] = '\0';
	return true;
}

bool slice_split(
    struct slice whole, char separator, struct slice *head, struct slice *tail)
{
	const char *cut = whole.length == 0
	    ? NULL
	    : memchr(whole.start, separator, whole.length);

	*head = whole;
	*tail = (struct slice){slice_end(whole), 0};
	if (cut == NULL)
		return false;
	head->length = (size_t)(cut - whole.start);
	tail->start = cut + 1;
	tail->length = whole.length - head->length - 1;
	return true;
}

const char *slice_end(struct slice slice)
{
	return slice.start + slice.length;
}

struct quoted slice_quote(struct slice slice)
{
	struct quoted quoted;
	size_t at = 0;

	quoted.text[at++] = '"';
	for (size_t i = 0; i < slice.length; i++) {
		unsigned char c = (unsigned char)slice.start[i];

		if (at + sizeof("\\x00...\"") > sizeof(quoted.text)) {
			memcpy(quoted.text + at, "...", 3);
			at += 3;
			break;
		}
		if (c < 0x20 || c >= 0x7f)
			at += (size_t)snprintf(quoted.text + at,
			    sizeof(quoted.text) - at, "\\x%02x", c);
		else
			quoted.text[at++] = (char)c;
	}
	quoted.text[at++] = '"';
	quoted.text[at] = '\0';
	return quoted;
}

bool line_next_word(struct slice *line, struct slice *word)
{
	const char *at = line->start, *end = slice_end(*line);

	while (at < end && is_blank(*at))
		at++;
	word->start = at;
	while (at < end && !is_blank(*at))
		at++;
	word->length = (size_t)(at - word->start);
	line->start = at;
	line->length = (size_t)(end - at);
	return word->length > 0;
}

/* ----------------------------------------------------------------- lines */

void lexer_init(
    struct lexer *lexer, const char *source, const char *text, size_t length)
{
	static const char mark[] = "\xef\xbb\xbf";

	if (length == 0)
		text = "";
	if (length >= 3 && memcmp(text, mark, 3) == 0) {
		text += 3;
		length -= 3;
	}
	*lexer = (struct lexer){.source = source,
	    .end = text + length,
	    .begin = text,
	    .next_at = text};
}

static int fail_at(const struct lexer *lexer, const char *at,
    struct error *error, const char *what)
{
	return error_set(error, -EINVAL, "%s:%u:%zu: %s", lexer->source,
	    lexer->number, (size_t)(at - lexer->begin) + 1, what);
}

static int check_bytes(
    const struct lexer *lexer, const char *stop, struct error *error)
{
	bool comment = false;

	if ((size_t)(stop - lexer->begin) > CONF_MAX_LINE)
		return fail_at(lexer, lexer->begin + CONF_MAX_LINE, error,
		    "the line is too long; at most 4096 characters fit");
	for (const char *at = lexer->begin; at < stop; at++) {
		if (*at == '\0')
			return fail_at(lexer, at, error,
			    "a NUL byte; a configuration is plain text");
		if (*at == '#')
			comment = true;
		if (!comment && is_control(*at))
			return fail_at(lexer, at, error,
			    "a control character; a configuration is plain "
			    "text");
	}
	return 0;
}

int lexer_next_line(
    struct lexer *lexer, struct slice *line, struct error *error)
{
	while (lexer->next_at < lexer->end) {
		const char *stop, *comment;
		int code;

		lexer->begin = lexer->next_at;
		lexer->number++;
		stop = memchr(
		    lexer->begin, '\n', (size_t)(lexer->end - lexer->begin));
		if (stop == NULL)
			stop = lexer->end;
		lexer->next_at = stop < lexer->end ? stop + 1 : stop;

		code = check_bytes(lexer, stop, error);
		if (code < 0)
			return code;
		comment =
		    memchr(lexer->begin, '#', (size_t)(stop - lexer->begin));
		if (comment != NULL)
			stop = comment;
		line->start = lexer->begin;
		while (line->start < stop && is_blank(*line->start))
			line->start++;
		while (stop > line->start && is_blank(stop[-1]))
			stop--;
		line->length = (size_t)(stop - line->start);
		if (line->length > 0)
			return 1;
	}
	return 0;
}
