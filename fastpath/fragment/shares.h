/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * Who has how much of a room, and who has most of it: each answer takes the same few steps, however many there are.
 *
 * Invariant: an owner who has anything is in one list, of those who have as much; nobody has more than `most`, and
 * somebody has that.
 *
 * Private to fastpath/fragment. Threads: the worker.
 */

#define DF_SHARES_NOBODY UINT32_MAX

struct df_share {
    uint32_t n;
    uint32_t before, after; /* owners in the list of those who have n */
};

struct df_shares {
    struct df_share *of; /* by owner */
    uint32_t *first;     /* by n: the first owner who has so much, or DF_SHARES_NOBODY */
    uint32_t most;
};

/** For so many owners of a room of that size. -ENOMEM. Control thread, as df_shares_fini(), which may come after it. */
int df_shares_init(struct df_shares *shares, uint32_t owners, uint32_t room);
void df_shares_fini(struct df_shares *shares);

/** The owner has one more, or one less. */
void df_shares_add(struct df_shares *shares, uint32_t owner);
void df_shares_take(struct df_shares *shares, uint32_t owner);

/**
 * Who is to give way to one more of this owner's (DF_SHARES_NOBODY: of somebody new): the owner itself if nobody has
 * more, else one of those who have most. DF_SHARES_NOBODY: nobody has anything.
 */
uint32_t df_shares_greediest(const struct df_shares *shares, uint32_t owner);
