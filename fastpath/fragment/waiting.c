/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/fragment/waiting.h"

#include <errno.h>
#include <rte_common.h>
#include <stdlib.h>

int df_waiting_init(struct df_waiting *waiting, uint32_t max)
{
    *waiting = (struct df_waiting){.max = max, .free = DF_WAITING_NONE};
    waiting->packets = calloc(RTE_MAX(max, 1u), sizeof(*waiting->packets));
    return waiting->packets != NULL ? 0 : -ENOMEM;
}

void df_waiting_fini(struct df_waiting *waiting)
{
    free(waiting->packets);
}

void df_waiting_put(struct df_waiting *waiting, struct df_waiting_queue *queue, void *packet)
{
    uint32_t index = waiting->free;
    if (index != DF_WAITING_NONE)
        waiting->free = waiting->packets[index].next;
    else
        index = waiting->used++;
    waiting->packets[index] = (struct df_waiting_packet){.packet = packet, .next = DF_WAITING_NONE};
    waiting->n++;
    if (queue->first == DF_WAITING_NONE)
        queue->first = index;
    else
        waiting->packets[queue->last].next = index;
    queue->last = index;
}

void *df_waiting_take(struct df_waiting *waiting, struct df_waiting_queue *queue)
{
    uint32_t index = queue->first;
    if (index == DF_WAITING_NONE)
        return NULL;
    struct df_waiting_packet *one = &waiting->packets[index];
    queue->first = one->next;
    waiting->n--;
    one->next = waiting->free;
    waiting->free = index;
    return one->packet;
}
