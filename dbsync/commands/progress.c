/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/commands/progress.h"

#include <stdio.h>
#include <unistd.h>

#define TERMINAL_INTERVAL_NS 100000000L
#define LINE_INTERVAL_NS 1000000000L
#define STEPS_BETWEEN_CLOCKS 256

static void set_next(struct df_progress *progress)
{
    clock_gettime(CLOCK_MONOTONIC, &progress->next);
    progress->next.tv_nsec += progress->terminal ? TERMINAL_INTERVAL_NS : LINE_INTERVAL_NS;
    progress->next.tv_sec += progress->next.tv_nsec / 1000000000L;
    progress->next.tv_nsec %= 1000000000L;
}

void df_progress_start(struct df_progress *progress, const char *what, size_t total)
{
    *progress = (struct df_progress){.what = what, .total = total, .terminal = isatty(STDERR_FILENO)};
    set_next(progress);
}

void df_progress_step(struct df_progress *progress, size_t done)
{
    struct timespec now;
    if (done % STEPS_BETWEEN_CLOCKS)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec < progress->next.tv_sec ||
        (now.tv_sec == progress->next.tv_sec && now.tv_nsec < progress->next.tv_nsec))
        return;
    fprintf(stderr, "%s%s %zu of %zu (%zu %%)%s", progress->terminal ? "\r" : "", progress->what, done, progress->total,
            progress->total ? done * 100 / progress->total : 100, progress->terminal ? "" : "\n");
    progress->said = true;
    set_next(progress);
}

void df_progress_end(struct df_progress *progress)
{
    if (progress->terminal && progress->said)
        fprintf(stderr, "\r\033[K");
}
