/* SPDX-License-Identifier: BSD-2-Clause */
#include "firewall/words.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void words_line(char line[WORDS_LINE], const char **text)
{
	const size_t length = strcspn(*text, "\n");

	snprintf(line, WORDS_LINE, "%.*s", (int)length, *text);
	*text += length + ((*text)[length] == '\n');
}

size_t words_split(char *line, char *words[WORDS_MAX])
{
	size_t count = 0;
	while (count < WORDS_MAX) {
		while (isspace((unsigned char)*line))
			line++;
		if (*line == 0)
			break;
		if (*line == '"') {
			words[count++] = ++line;
			line += strcspn(line, "\"");
		} else {
			words[count++] = line;
			line += strcspn(line, " \t");
		}
		if (*line == 0)
			break;
		*line++ = 0;
	}
	return count;
}

void words_table(char name[WORDS_NAME], char *words[])
{
	snprintf(name, WORDS_NAME, "%s%s",
	    strcmp(words[1], "inet") == 0 ? "inet " : "", words[2]);
}

bool words_net(const char *text, struct spinat_prefix *net)
{
	char address[INET_ADDRSTRLEN];
	struct in_addr in;
	size_t size = strcspn(text, "/,");
	if (size >= sizeof(address))
		return false;
	memcpy(address, text, size);
	address[size] = 0;
	if (inet_pton(AF_INET, address, &in) != 1)
		return false;
	unsigned long length = 32;
	if (text[size] == '/')
		length = strtoul(text + size + 1, NULL, 10);
	*net = (struct spinat_prefix){{in.s_addr}, (uint8_t)length};
	return length <= 32;
}

bool words_overlap(struct spinat_prefix a, struct spinat_prefix b)
{
	uint8_t length = a.length < b.length ? a.length : b.length;
	uint32_t difference = ntohl(a.address.raw) ^ ntohl(b.address.raw);
	return length == 0 || difference >> (32 - length) == 0;
}

bool words_match(const char *pattern, const char *name, char wildcard)
{
	size_t length = strlen(pattern);
	if (length > 0 && pattern[length - 1] == wildcard)
		return strncmp(pattern, name, length - 1) == 0;
	return strcmp(pattern, name) == 0;
}
