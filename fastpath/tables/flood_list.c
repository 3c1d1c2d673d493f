/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/flood_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare(const struct df_flood_member *a, const struct df_flood_member *b)
{
    int peers = memcmp(&a->peer, &b->peer, sizeof(a->peer));
    return peers != 0 ? peers : (a->lport > b->lport) - (a->lport < b->lport);
}

/* Where the member is in the list, or belongs. */
static uint32_t place_of(const struct df_flood_list *list, const struct df_flood_member *member)
{
    uint32_t low = 0, high = list->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare(&list->member[middle], member) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_at(const struct df_flood_list *list, uint32_t place, const struct df_flood_member *member)
{
    return place < list->n && compare(&list->member[place], member) == 0;
}

int df_flood_list_reserve(struct df_flood_list *list)
{
    if (list->n < list->room)
        return 0;
    uint32_t room = list->room * 2 + 4;
    struct df_flood_member *member = realloc(list->member, room * sizeof(*member));
    if (member == NULL)
        return -ENOMEM;
    list->member = member;
    list->room = room;
    return 0;
}

void df_flood_list_put(struct df_flood_list *list, const struct df_flood_member *member)
{
    uint32_t place = place_of(list, member);
    struct df_flood_member *at = &list->member[place];
    if (!has_at(list, place, member)) {
        memmove(at + 1, at, (list->n - place) * sizeof(*at));
        list->n++;
    }
    *at = *member;
}

void df_flood_list_del(struct df_flood_list *list, const struct df_flood_member *member)
{
    uint32_t place = place_of(list, member);
    if (!has_at(list, place, member))
        return;
    list->n--;
    memmove(&list->member[place], &list->member[place + 1], (list->n - place) * sizeof(list->member[0]));
}

uint32_t df_flood_list_local(const struct df_flood_list *list)
{
    return place_of(list, &(const struct df_flood_member){.lport = UINT32_MAX});
}
