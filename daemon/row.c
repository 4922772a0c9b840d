/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SQLite finds out about a page that is no page, but not about a bit that fell
 * over inside a number.  A wrong address or SPI would be believed, and so each
 * row carries a sum of its own (FNV-1a, 64 bits: against accidents, not against
 * whoever can write the file).
 */
#include "daemon/row.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum shape {
	SHAPE_U8,
	SHAPE_BOOL,
	SHAPE_U32,
	SHAPE_U64,
	SHAPE_BE16,   /* in host order */
	SHAPE_BE32,   /* in host order */
	SHAPE_SPAN,   /* NULL: SPINAT_NEVER */
	SHAPE_COOKIE, /* eight bytes */
	SHAPE_OWNERS  /* four bytes each, those that are not zero */
};

#define MEMBER(name) offsetof(struct spinat_memo, name)

static const struct column {
	const char *name;
	enum shape shape;
	size_t offset;
	int since; /* the first version that has it */
} columns[] = {
    {"kind", SHAPE_U8, MEMBER(kind), 1},
    {"state", SHAPE_U8, MEMBER(state), 1},
    {"hairpin", SHAPE_BOOL, MEMBER(hairpin), 1},
    {"inside", SHAPE_BE32, MEMBER(inside), 1},
    {"public", SHAPE_BE32, MEMBER(public_address), 1},
    {"remote", SHAPE_BE32, MEMBER(remote), 1},
    {"age", SHAPE_SPAN, MEMBER(age), 1},
    {"idle_inside", SHAPE_SPAN, MEMBER(idle[SPINAT_INSIDE]), 1},
    {"idle_outside", SHAPE_SPAN, MEMBER(idle[SPINAT_OUTSIDE]), 1},
    {"packets_inside", SHAPE_U64, MEMBER(packets[SPINAT_INSIDE]), 1},
    {"packets_outside", SHAPE_U64, MEMBER(packets[SPINAT_OUTSIDE]), 1},
    {"bytes_inside", SHAPE_U64, MEMBER(bytes[SPINAT_INSIDE]), 1},
    {"bytes_outside", SHAPE_U64, MEMBER(bytes[SPINAT_OUTSIDE]), 1},
    {"spi", SHAPE_BE32, MEMBER(spi), 1},
    {"sequence", SHAPE_U32, MEMBER(highest_sequence), 1},
    {"initiator", SHAPE_COOKIE, MEMBER(initiator_spi), 1},
    {"responder", SHAPE_COOKIE, MEMBER(responder_spi), 1},
    {"version", SHAPE_U8, MEMBER(version), 1},
    {"protected_from", SHAPE_U8, MEMBER(protected_from), 1},
    {"inside_initiated", SHAPE_BOOL, MEMBER(inside_initiated), 1},
    {"floated", SHAPE_BOOL, MEMBER(floated), 1},
    {"owners", SHAPE_OWNERS, MEMBER(owners), 2},
    {"public_port", SHAPE_BE16, MEMBER(public_port), 2},
};

#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))
/* Before them: id, wall, up; after them: the sum. */
#define FIRST_COLUMN 3

/* The last packet, of either side, as a time of the clock that `up` is of. */
#define LAST_SEEN                                                              \
	"up - min(coalesce(idle_inside, age), coalesce(idle_outside, age))"

static bool has_column(int version, const struct column *column)
{
	return column->since <= version;
}

int row_sql(int version, char **create, char **insert, char **select)
{
	size_t size[3];
	FILE *out[3] = {open_memstream(create, &size[0]),
	    open_memstream(insert, &size[1]), open_memstream(select, &size[2])};
	int result = 0;

	if (!out[0] || !out[1] || !out[2]) {
		result = -ENOMEM;
	} else {
		fprintf(out[0],
		    "CREATE TABLE record (id INTEGER PRIMARY KEY, wall, up");
		fprintf(out[1], "INSERT OR REPLACE INTO record VALUES (?,?,?");
		fprintf(out[2], "SELECT id, wall, up");
		for (size_t i = 0; i < COLUMN_COUNT; i++) {
			if (!has_column(version, &columns[i]))
				continue;
			fprintf(out[0], ", %s", columns[i].name);
			fprintf(out[1], ",?");
			fprintf(out[2], ", %s", columns[i].name);
		}
		fprintf(out[0], ", sum)");
		fprintf(out[1], ",?)");
		fprintf(out[2],
		    ", sum FROM record ORDER BY " LAST_SEEN " DESC, id");
	}
	for (int i = 0; i < 3; i++)
		if (out[i] && fclose(out[i]) != 0)
			result = -ENOMEM;
	return result;
}

static uint64_t sum_begin(void)
{
	return UINT64_C(0xcbf29ce484222325);
}

static void sum_add(uint64_t *sum, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++)
		*sum = (*sum ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static void sum_number(uint64_t *sum, int64_t number)
{
	/* The file may be read on another machine: in one byte order. */
	for (unsigned i = 0; i < 8; i++) {
		const uint8_t byte = (uint8_t)((uint64_t)number >> (8 * i));
		sum_add(sum, &byte, 1);
	}
}

/* A column's value as a number; a cookie is none. */
static int64_t number_of(const struct column *column, const void *at)
{
	uint32_t word;
	uint16_t half;
	int64_t number;

	switch (column->shape) {
	case SHAPE_U8:
		return *(const uint8_t *)at;
	case SHAPE_BOOL:
		return *(const bool *)at;
	case SHAPE_BE16:
		memcpy(&half, at, sizeof(half));
		return ntohs(half);
	case SHAPE_U32:
	case SHAPE_BE32:
		memcpy(&word, at, sizeof(word));
		return column->shape == SHAPE_BE32 ? ntohl(word) : word;
	default:
		memcpy(&number, at, sizeof(number));
		return number;
	}
}

/* False: out of range. */
static bool set_number(const struct column *column, void *at, int64_t number)
{
	uint32_t word;
	uint16_t half;

	switch (column->shape) {
	case SHAPE_U8:
		*(uint8_t *)at = (uint8_t)number;
		return number >= 0 && number <= UINT8_MAX;
	case SHAPE_BOOL:
		*(bool *)at = number != 0;
		return number == 0 || number == 1;
	case SHAPE_BE16:
		half = htons((uint16_t)number);
		memcpy(at, &half, sizeof(half));
		return number >= 0 && number <= UINT16_MAX;
	case SHAPE_U32:
	case SHAPE_BE32:
		word = (uint32_t)number;
		if (column->shape == SHAPE_BE32)
			word = htonl(word);
		memcpy(at, &word, sizeof(word));
		return number >= 0 && number <= UINT32_MAX;
	default:
		memcpy(at, &number, sizeof(number));
		return number >= 0;
	}
}

/* How long a blob is. */
static int size_of(const struct column *column, const void *at)
{
	const spinat_be32 *owners = at;
	int count = 0;

	if (column->shape == SHAPE_COOKIE)
		return 8;
	while (count < (int)SPINAT_MEMO_OWNERS && owners[count].raw != 0)
		count++;
	return 4 * count;
}

static bool is_blob(const struct column *column)
{
	return column->shape == SHAPE_COOKIE || column->shape == SHAPE_OWNERS;
}

int row_bind(sqlite3_stmt *insert, const struct spinat_memo *memo,
    const struct row_time *written)
{
	const int64_t head[FIRST_COLUMN] = {
	    memo->id, written->wall, written->up};
	uint64_t sum = sum_begin();
	int code = SQLITE_OK;

	for (int i = 0; i < FIRST_COLUMN && code == SQLITE_OK; i++) {
		sum_number(&sum, head[i]);
		code = sqlite3_bind_int64(insert, 1 + i, head[i]);
	}
	for (size_t i = 0; i < COLUMN_COUNT && code == SQLITE_OK; i++) {
		const struct column *column = &columns[i];
		const void *at = (const char *)memo + column->offset;
		const int place = 1 + FIRST_COLUMN + (int)i;

		if (is_blob(column)) {
			const int size = size_of(column, at);

			sum_add(&sum, at, (size_t)size);
			code = sqlite3_bind_blob(
			    insert, place, at, size, SQLITE_TRANSIENT);
			continue;
		}
		sum_number(&sum, number_of(column, at));
		code = column->shape == SHAPE_SPAN &&
			number_of(column, at) == SPINAT_NEVER
		    ? sqlite3_bind_null(insert, place)
		    : sqlite3_bind_int64(insert, place, number_of(column, at));
	}
	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(
		    insert, 1 + FIRST_COLUMN + (int)COLUMN_COUNT, (int64_t)sum);
	return code;
}

static bool read_number(sqlite3_stmt *select, int place, int64_t *number)
{
	*number = sqlite3_column_int64(select, place);
	return sqlite3_column_type(select, place) == SQLITE_INTEGER;
}

static bool read_blob(sqlite3_stmt *select, int place,
    const struct column *column, void *at, uint64_t *sum)
{
	const int most =
	    column->shape == SHAPE_COOKIE ? 8 : 4 * (int)SPINAT_MEMO_OWNERS;
	const void *blob;
	int size;

	if (sqlite3_column_type(select, place) != SQLITE_BLOB)
		return false;
	blob = sqlite3_column_blob(select, place);
	size = sqlite3_column_bytes(select, place);
	if (size > most || (size != 0 && !blob))
		return false;
	if (size != 0)
		memcpy(at, blob, (size_t)size);
	sum_add(sum, at, (size_t)size);
	return size_of(column, at) == size;
}

static bool read_column(sqlite3_stmt *select, int place,
    const struct column *column, void *at, uint64_t *sum)
{
	int64_t number;

	if (is_blob(column))
		return read_blob(select, place, column, at, sum);
	if (column->shape == SHAPE_SPAN &&
	    sqlite3_column_type(select, place) == SQLITE_NULL)
		number = SPINAT_NEVER;
	else if (!read_number(select, place, &number))
		return false;
	sum_number(sum, number);
	return set_number(column, at, number);
}

bool row_read(sqlite3_stmt *select, int version, struct spinat_memo *memo,
    struct row_time *written)
{
	int64_t head[FIRST_COLUMN], expected;
	uint64_t sum = sum_begin();
	int place = FIRST_COLUMN;

	memset(memo, 0, sizeof(*memo));
	for (int i = 0; i < FIRST_COLUMN; i++) {
		if (!read_number(select, i, &head[i]) || head[i] < 0)
			return false;
		sum_number(&sum, head[i]);
	}
	for (size_t i = 0; i < COLUMN_COUNT; i++)
		if (has_column(version, &columns[i]) &&
		    !read_column(select, place++, &columns[i],
			(char *)memo + columns[i].offset, &sum))
			return false;
	/* Every host had port 500 then. */
	if (version == 1 && memo->kind == SPINAT_MEMO_IKE)
		memo->public_port.raw = htons(500);
	*written = (struct row_time){.wall = head[1], .up = head[2]};
	memo->id = (uint32_t)head[0];
	return read_number(select, place, &expected) &&
	    (uint64_t)expected == sum;
}
