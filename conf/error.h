/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message for a person: where, what is wrong, what would be right.
 * Everything outside the engine that can fail fills one of these.
 */
#ifndef SPINAT_CONF_ERROR_H
#define SPINAT_CONF_ERROR_H

struct error {
	char text[512];
};

/** Formats into error->text (which may be NULL-safe) and returns `code`, so
 * that "return error_set(error, -EINVAL, ...)" reads as one act. */
__attribute__((format(printf, 3, 4))) int error_set(
    struct error *error, int code, const char *format, ...);

#endif
