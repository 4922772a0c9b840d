/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From text to lines to words.  Nothing is copied: a slice points into the
 * text, so that the column of whatever is wrong is a pointer difference.
 *
 * As in natd.conf(5) lines: one option a line, "#" begins a comment anywhere,
 * words are separated by white space, there are no quotes and no continuation
 * lines.  A CR before the newline, a byte order mark at the start and a last
 * line without newline are accepted.  Columns count bytes from 1; a tab is one.
 */
#ifndef SPINAT_CONF_LEXER_H
#define SPINAT_CONF_LEXER_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/error.h"

#define CONF_MAX_TEXT (1024u * 1024u)
#define CONF_MAX_LINE 4096u

/** A piece of the text; borrowed, not terminated. */
struct slice {
	const char *start;
	size_t length;
};

/** A word made printable and short enough to stand in a message. */
struct quoted {
	char text[72];
};

struct slice slice_of(const char *text);
bool slice_is(struct slice slice, const char *text);
bool slice_is_number(struct slice slice);
/** Copies into a terminated buffer; false: it does not fit. */
bool slice_copy(struct slice slice, char *buffer, size_t size);
/** Cuts at the first `separator`; false, and all of it in `head`, if none. */
bool slice_split(
    struct slice whole, char separator, struct slice *head, struct slice *tail);
const char *slice_end(struct slice slice);
struct quoted slice_quote(struct slice slice);

/** Takes the next word off the front of `line`; false: there is none, and
 * `word` is empty and stands where it would have begun. */
bool line_next_word(struct slice *line, struct slice *word);

struct lexer {
	const char *source; /* the name of the file, in messages */
	const char *end;
	const char *begin;   /* of the current line */
	unsigned number;     /* of the current line, from 1 */
	const char *next_at; /* of the next line */
};

void lexer_init(
    struct lexer *lexer, const char *source, const char *text, size_t length);
/** 1: `line` holds the next line that says something, without comment and
 * white space around it.  0: the end.  -EINVAL: see error; the next call goes
 * on with the line after it. */
int lexer_next_line(
    struct lexer *lexer, struct slice *line, struct error *error);

#endif
