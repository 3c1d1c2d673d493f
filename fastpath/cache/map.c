/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/cache/map.h"

#include <rte_common.h>
#include <sys/mman.h>

void *df_cache_map(uint64_t bytes)
{
    uint64_t size = RTE_ALIGN_CEIL(bytes, (uint64_t)DF_CACHE_PAGE);
    uint8_t *base =
        mmap(NULL, size + DF_CACHE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    uint8_t *aligned = RTE_PTR_ALIGN_CEIL(base, DF_CACHE_PAGE);
    if (aligned > base)
        munmap(base, (size_t)(aligned - base));
    if (base + DF_CACHE_PAGE > aligned)
        munmap(aligned + size, (size_t)(base + DF_CACHE_PAGE - aligned));
    madvise(aligned, size, MADV_HUGEPAGE); /* or not: then it is slower */
    return aligned;
}

void df_cache_unmap(void *memory, uint64_t bytes)
{
    if (memory != NULL)
        munmap(memory, RTE_ALIGN_CEIL(bytes, (uint64_t)DF_CACHE_PAGE));
}
