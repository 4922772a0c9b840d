/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message for a person.  A text that does not fit is cut, never lost.
 */
#include "conf/error.h"

#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *error, int code, const char *format, ...)
{
	va_list arguments;

	if (error == NULL)
		return code;
	va_start(arguments, format);
	if (vsnprintf(error->text, sizeof(error->text), format, arguments) < 0)
		error->text[0] = '\0';
	va_end(arguments);
	return code;
}
