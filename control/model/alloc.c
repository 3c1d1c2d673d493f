/* SPDX-License-Identifier: Apache-2.0 */
#include "control/model/alloc.h"

#include <stdlib.h>
#include <string.h>

#include "control/log.h"

static void *must(void *memory, size_t size)
{
    if (memory)
        return memory;
    df_log(DF_LOG_ERROR, "controller: out of memory for %zu bytes; give the node more, or put fewer ports on it", size);
    abort();
}

void *df_alloc(size_t size)
{
    return must(calloc(1, size), size);
}

void *df_realloc(void *memory, size_t size)
{
    return must(realloc(memory, size), size);
}

char *df_strdup(const char *text)
{
    return text ? must(strdup(text), strlen(text) + 1) : NULL;
}
