/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * Memory of the controller. A node that cannot hold its model cannot do its work and half a model must never be
 * applied, so running out ends the process (the supervisor starts it again; the data plane's state went with it
 * anyway). The callers are spared the unwinding that no test could reach.
 */

/** Zeroed memory, never NULL. free() it. */
void *df_alloc(size_t size);

/** As realloc(), never NULL. */
void *df_realloc(void *memory, size_t size);

/** As strdup(), never NULL unless text is. */
char *df_strdup(const char *text);
