/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/fragment/shares.h"

#include <errno.h>
#include <rte_common.h>
#include <stdlib.h>
#include <string.h>

int df_shares_init(struct df_shares *shares, uint32_t owners, uint32_t room)
{
    shares->most = 0;
    shares->of = calloc(RTE_MAX(owners, 1u), sizeof(*shares->of));
    shares->first = malloc((room + 1ull) * sizeof(*shares->first));
    if (shares->of == NULL || shares->first == NULL)
        return -ENOMEM;
    memset(shares->first, 0xff, (room + 1ull) * sizeof(*shares->first)); /* DF_SHARES_NOBODY */
    return 0;
}

void df_shares_fini(struct df_shares *shares)
{
    free(shares->of);
    free(shares->first);
}

static void enter(struct df_shares *shares, uint32_t owner)
{
    struct df_share *share = &shares->of[owner];
    uint32_t *first = &shares->first[share->n];
    share->before = DF_SHARES_NOBODY;
    share->after = *first;
    if (*first != DF_SHARES_NOBODY)
        shares->of[*first].before = owner;
    *first = owner;
}

static void leave(struct df_shares *shares, uint32_t owner)
{
    const struct df_share *share = &shares->of[owner];
    if (share->before != DF_SHARES_NOBODY)
        shares->of[share->before].after = share->after;
    else
        shares->first[share->n] = share->after;
    if (share->after != DF_SHARES_NOBODY)
        shares->of[share->after].before = share->before;
}

void df_shares_add(struct df_shares *shares, uint32_t owner)
{
    struct df_share *share = &shares->of[owner];
    if (share->n != 0)
        leave(shares, owner);
    share->n++;
    enter(shares, owner);
    shares->most = RTE_MAX(shares->most, share->n);
}

void df_shares_take(struct df_shares *shares, uint32_t owner)
{
    struct df_share *share = &shares->of[owner];
    leave(shares, owner);
    share->n--;
    if (share->n != 0)
        enter(shares, owner);
    if (shares->first[shares->most] == DF_SHARES_NOBODY) /* it was the only one, and now has one less */
        shares->most--;
}

uint32_t df_shares_greediest(const struct df_shares *shares, uint32_t owner)
{
    if (shares->most == 0)
        return DF_SHARES_NOBODY;
    if (owner != DF_SHARES_NOBODY && shares->of[owner].n == shares->most)
        return owner;
    return shares->first[shares->most];
}
