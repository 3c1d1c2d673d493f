/* SPDX-License-Identifier: Apache-2.0 */
#include "control/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static _Atomic int level_now = DF_LOG_INFO;

void df_log_set_level(enum df_log_level level)
{
    atomic_store_explicit(&level_now, (int)level, memory_order_relaxed);
}

/* journald says in JOURNAL_STREAM which file it reads (systemd.exec(5)); a child may have redirected standard error. */
static bool to_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char *colon;
    struct stat status;
    if (!stream || fstat(STDERR_FILENO, &status) != 0)
        return false;
    return strtoull(stream, &colon, 10) == status.st_dev && *colon == ':' &&
           strtoull(colon + 1, NULL, 10) == status.st_ino;
}

static const char *level_name(enum df_log_level level)
{
    switch (level) {
    case DF_LOG_ERROR:
        return "error";
    case DF_LOG_WARNING:
        return "warning";
    case DF_LOG_INFO:
        return "info";
    case DF_LOG_DEBUG:
        return "debug";
    }
    return "?";
}

static size_t write_prefix(char *line, size_t size, enum df_log_level level)
{
    if (to_journal())
        return (size_t)snprintf(line, size, "<%d>", (int)level);
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t at = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
    return at + (size_t)snprintf(line + at, size - at, ".%03ldZ %s: ", now.tv_nsec / 1000000, level_name(level));
}

/* A message quotes names from the database: one must not be able to forge a line or steer a terminal. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = ' ';
}

void df_log(enum df_log_level level, const char *format, ...)
{
    if ((int)level > atomic_load_explicit(&level_now, memory_order_relaxed))
        return;
    char line[LINE_MAX_BYTES];
    size_t prefix = write_prefix(line, sizeof(line), level);
    va_list args;
    va_start(args, format);
    vsnprintf(line + prefix, sizeof(line) - prefix - 1, format, args);
    va_end(args);
    make_printable(line + prefix);
    size_t len = strlen(line);
    line[len++] = '\n';
    /* One write, so that lines of two threads do not mix; there is nobody to tell when it fails. */
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written;
}
