/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* Says on stderr how far a long work has come: one line that is rewritten on a terminal, else a line a second. */
struct df_progress {
    const char *what;
    size_t total;
    struct timespec next; /* when to say the next word */
    bool terminal, said;
};

void df_progress_start(struct df_progress *progress, const char *what, size_t total);
void df_progress_step(struct df_progress *progress, size_t done);
/** Leaves the cursor at the start of a clean line. */
void df_progress_end(struct df_progress *progress);
