/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables for people.  All text is kept in one buffer, cell after cell, each
 * ended by a zero byte, until the widths are known: a table of a million rows
 * costs little more than what it prints.  A note is a string between two rows
 * that begins with NOTE_MARK.  A table that ran out of memory remembers it and
 * prints nothing.
 */
#include "cmd/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_MARK '\001'

struct table {
	const struct table_column *columns;
	size_t count;
	char *text;
	size_t used, room;
	bool failed;
};

struct table *table_new(const struct table_column *columns, size_t count)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table) {
		table->columns = columns;
		table->count = count;
	}
	return table;
}

static bool make_room(struct table *table, size_t more)
{
	size_t room = table->room ? table->room : 4096;
	char *text;

	while (room - table->used < more)
		room *= 2;
	if (room == table->room)
		return true;
	text = realloc(table->text, room);
	if (!text)
		return false;
	table->text = text;
	table->room = room;
	return true;
}

__attribute__((format(printf, 3, 0))) static void append(
    struct table *table, char mark, const char *format, va_list arguments)
{
	char *made = NULL;
	int length = vasprintf(&made, format, arguments);
	size_t marked = mark ? 1 : 0;

	if (length < 0 || !make_room(table, (size_t)length + 1 + marked)) {
		table->failed = true;
	} else {
		if (mark)
			table->text[table->used++] = mark;
		memcpy(table->text + table->used, made, (size_t)length + 1);
		table->used += (size_t)length + 1;
	}
	if (length >= 0)
		free(made);
}

void table_cell(struct table *table, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	append(table, '\0', format, arguments);
	va_end(arguments);
}

void table_note(struct table *table, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	append(table, NOTE_MARK, format, arguments);
	va_end(arguments);
}

static void measure(const struct table *table, int *widths)
{
	size_t column = 0;

	for (size_t c = 0; c < table->count; c++)
		widths[c] = (int)strlen(table->columns[c].title);
	for (size_t at = 0; at < table->used;) {
		size_t length = strlen(table->text + at);

		if (table->text[at] != NOTE_MARK) {
			if ((int)length > widths[column])
				widths[column] = (int)length;
			column = (column + 1) % table->count;
		}
		at += length + 1;
	}
}

static void print_cell(const struct table *table, const int *widths,
    size_t column, const char *cell, FILE *out)
{
	bool last = column + 1 == table->count;

	if (table->columns[column].right)
		fprintf(out, "%*s%s", widths[column], cell, last ? "\n" : "  ");
	else if (last)
		fprintf(out, "%s\n", cell); /* no spaces at a line's end */
	else
		fprintf(out, "%-*s  ", widths[column], cell);
}

int table_print(const struct table *table, FILE *out)
{
	int *widths = calloc(table->count, sizeof(*widths));
	size_t column = 0;

	if (table->failed || !widths) {
		fprintf(stderr, "spinat: out of memory\n");
		free(widths);
		return 1;
	}
	measure(table, widths);
	for (size_t c = 0; c < table->count; c++)
		print_cell(table, widths, c, table->columns[c].title, out);
	for (size_t at = 0; at < table->used;) {
		const char *text = table->text + at;

		at += strlen(text) + 1;
		if (*text == NOTE_MARK) {
			fprintf(out, "%s\n", text + 1);
			continue;
		}
		print_cell(table, widths, column, text, out);
		column = (column + 1) % table->count;
	}
	free(widths);
	return 0;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	free(table->text);
	free(table);
}
