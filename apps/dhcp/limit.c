/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/dhcp/limit.h"

#include <stdlib.h>
#include <string.h>

#define PORTS 65536
#define WINDOW_MS 1000

struct entry {
    uint32_t lport;
    uint32_t taken; /* packets since the lport came; the last `rate` of them are in the ring */
    uint64_t blocked_until;
};

struct df_dhcp_limit {
    uint32_t rate, block_ms;
    struct entry *entry; /* PORTS */
    uint64_t *ring;      /* rate times of each port */
};

struct df_dhcp_limit *df_dhcp_limit_new(uint32_t rate, uint32_t block_ms)
{
    struct df_dhcp_limit *limit = calloc(1, sizeof(*limit));
    if (!limit)
        return NULL;
    limit->rate = rate;
    limit->block_ms = block_ms;
    limit->entry = calloc(PORTS, sizeof(limit->entry[0]));
    limit->ring = calloc((size_t)PORTS * rate, sizeof(limit->ring[0]));
    if (!limit->entry || !limit->ring) {
        df_dhcp_limit_free(limit);
        return NULL;
    }
    return limit;
}

void df_dhcp_limit_free(struct df_dhcp_limit *limit)
{
    if (!limit)
        return;
    free(limit->entry);
    free(limit->ring);
    free(limit);
}

bool df_dhcp_limit_take(struct df_dhcp_limit *limit, uint16_t port, uint32_t lport, uint64_t now_ms)
{
    struct entry *entry = &limit->entry[port];
    if (entry->lport != lport)
        *entry = (struct entry){.lport = lport};
    if (now_ms < entry->blocked_until)
        return false;
    uint64_t *oldest = &limit->ring[(size_t)port * limit->rate + entry->taken % limit->rate];
    if (entry->taken >= limit->rate && now_ms - *oldest < WINDOW_MS) {
        *entry = (struct entry){.lport = lport, .blocked_until = now_ms + limit->block_ms};
        return false;
    }
    *oldest = now_ms;
    entry->taken++;
    return true;
}
