/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/fragment/waiting.h"

#include <errno.h>
#include <rte_common.h>
#include <stdlib.h>

int df_waiting_init(struct df_waiting *waiting, uint32_t max, uint32_t per_port)
{
    *waiting = (struct df_waiting){.max = max, .per_port = per_port, .free = DF_WAITING_NONE};
    waiting->packets = calloc(RTE_MAX(max, 1u), sizeof(*waiting->packets));
    return waiting->packets != NULL ? 0 : -ENOMEM;
}

void df_waiting_fini(struct df_waiting *waiting)
{
    free(waiting->packets);
}

bool df_waiting_may(const struct df_waiting *waiting, uint16_t port)
{
    return waiting->of[port] < waiting->per_port && !df_waiting_has_share(waiting->of[port], waiting->max - waiting->n);
}

static void push(struct df_waiting *waiting, struct df_waiting_queue *queue, uint32_t index)
{
    waiting->packets[index].next = DF_WAITING_NONE;
    if (queue->first == DF_WAITING_NONE)
        queue->first = index;
    else
        waiting->packets[queue->last].next = index;
    queue->last = index;
}

static uint32_t shift(const struct df_waiting *waiting, struct df_waiting_queue *queue)
{
    uint32_t index = queue->first;
    if (index != DF_WAITING_NONE)
        queue->first = waiting->packets[index].next;
    return index;
}

void df_waiting_put(struct df_waiting *waiting, struct df_waiting_queue *queue, void *packet, uint16_t port)
{
    uint32_t index = waiting->free;
    if (index != DF_WAITING_NONE)
        waiting->free = waiting->packets[index].next;
    else
        index = waiting->used++;
    waiting->packets[index] = (struct df_waiting_packet){.packet = packet, .port = port};
    waiting->n++;
    waiting->of[port]++;
    push(waiting, queue, index);
}

void *df_waiting_take(struct df_waiting *waiting, struct df_waiting_queue *queue, uint16_t *port)
{
    uint32_t index = shift(waiting, queue);
    if (index == DF_WAITING_NONE)
        return NULL;
    struct df_waiting_packet *one = &waiting->packets[index];
    *port = one->port;
    waiting->n--;
    waiting->of[one->port]--;
    one->next = waiting->free;
    waiting->free = index;
    return one->packet;
}

void df_waiting_move(struct df_waiting *waiting, struct df_waiting_queue *from, struct df_waiting_queue *to)
{
    uint32_t index;
    while ((index = shift(waiting, from)) != DF_WAITING_NONE)
        push(waiting, to, index);
}
