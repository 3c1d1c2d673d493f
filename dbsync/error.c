/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/error.h"

#include <stdarg.h>
#include <stdio.h>

/* Messages quote what came from a database or a file: it must not steer a terminal or forge a log line. */
static void defuse(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
}

int df_error_set(struct df_error *error, int code, const char *format, ...)
{
    if (error) {
        va_list args;
        va_start(args, format);
        vsnprintf(error->text, sizeof error->text, format, args);
        va_end(args);
        defuse(error->text);
    }
    return code;
}
