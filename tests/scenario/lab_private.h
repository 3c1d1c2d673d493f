/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <rte_mbuf.h>

/* What the lab's files know of each other: lab.c makes the node, lab_traffic.c sends packets through it. */

#define LAB_DEVICES 17 /* vm1 to vm16, up0 */

enum lab_cache { LAB_CACHE_ON, LAB_CACHE_OFF, LAB_CACHE_TWICE };

enum lab_cache lab_cache(void);
const char *lab_device(unsigned i);
struct rte_mempool *lab_pool(void);
void lab_let_pass_ms(uint64_t ms);
