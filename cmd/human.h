/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers as people read them.
 */
#ifndef SPINAT_CMD_HUMAN_H
#define SPINAT_CMD_HUMAN_H

#include <stdint.h>

#define HUMAN_MAX 48

/* Each fills `text` and returns it. */
/** "3m12s", "25h", "2d4h"; two units at most; "0s" under a second. */
const char *human_span(char text[HUMAN_MAX], int64_t milliseconds);
/** "812", "14.2k", "3.91M": three digits and a power of 1000. */
const char *human_count(char text[HUMAN_MAX], uint64_t count);
/** "812 B", "14.2 KiB", "3.91 MiB": powers of 1024. */
const char *human_bytes(char text[HUMAN_MAX], uint64_t bytes);

#endif
