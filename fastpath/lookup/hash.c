/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/lookup/hash.h"

#include <sys/random.h>

/* Good for multiplication even if nobody draws another: with 0 every key would have the same hash. */
uint64_t df_hash_secret[2] = {0xa0761d6478bd642f, 0xe7037ed1a0b428db};

void df_hash_init(void)
{
    uint64_t drawn[2];
    if (getrandom(drawn, sizeof(drawn), 0) != sizeof(drawn))
        return;
    df_hash_secret[0] = drawn[0];
    df_hash_secret[1] = drawn[1] | 1;
}
