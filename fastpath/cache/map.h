/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * Memory for a worker's caches: anonymous, of zeros, aligned to huge pages, with which the kernel may back it. It needs
 * no reservation and takes none until it is touched, and a page lands on the NUMA node of the worker that touches it
 * first.
 */

/** Bytes that mapped memory is a multiple of. */
#define DF_CACHE_PAGE (2u << 20)

/** bytes: rounded up. NULL: there is none. */
void *df_cache_map(uint64_t bytes);
void df_cache_unmap(void *memory, uint64_t bytes); /* NULL is ignored */
