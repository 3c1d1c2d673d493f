/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/fragment/senders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fastpath/lookup/hash.h"

int df_senders_init(struct df_senders *senders, uint32_t max)
{
    *senders = (struct df_senders){.mask = max - 1, .free = DF_SENDERS_NONE};
    senders->bucket = malloc(max * sizeof(*senders->bucket));
    senders->sender = calloc(max, sizeof(*senders->sender));
    if (senders->bucket == NULL || senders->sender == NULL)
        return -ENOMEM;
    memset(senders->bucket, 0xff, max * sizeof(*senders->bucket)); /* DF_SENDERS_NONE */
    return 0;
}

void df_senders_fini(struct df_senders *senders)
{
    free(senders->bucket);
    free(senders->sender);
}

struct df_sender_key df_sender_key_of(const struct df_fragment_key *key)
{
    struct df_sender_key sender = {.tunnel_key = key->tunnel_key, .port = key->port, .tunnel_type = key->tunnel_type};
    if (key->tunnel_type != 0)
        sender.part = (uint8_t)(df_hash_bytes(&key->src, sizeof(key->src)) % DF_SENDER_PARTS);
    return sender;
}

static uint32_t *bucket_of(const struct df_senders *senders, const struct df_sender_key *key)
{
    return &senders->bucket[df_hash_bytes(key, sizeof(*key)) & senders->mask];
}

uint32_t df_senders_find(const struct df_senders *senders, const struct df_sender_key *key)
{
    uint32_t index = *bucket_of(senders, key);
    while (index != DF_SENDERS_NONE && memcmp(&senders->sender[index].key, key, sizeof(*key)) != 0)
        index = senders->sender[index].next;
    return index;
}

uint32_t df_senders_add(struct df_senders *senders, const struct df_sender_key *key)
{
    uint32_t index = senders->free;
    if (index != DF_SENDERS_NONE)
        senders->free = senders->sender[index].next;
    else
        index = senders->used++;
    uint32_t *bucket = bucket_of(senders, key);
    senders->sender[index] = (struct df_sender){
        .key = *key, .next = *bucket, .holding = {DF_LINE_NONE, DF_LINE_NONE}, .others = {DF_LINE_NONE, DF_LINE_NONE}};
    *bucket = index;
    return index;
}

void df_senders_forget(struct df_senders *senders, uint32_t sender)
{
    uint32_t *link = bucket_of(senders, &senders->sender[sender].key);
    while (*link != sender)
        link = &senders->sender[*link].next;
    *link = senders->sender[sender].next;
    senders->sender[sender].next = senders->free;
    senders->free = sender;
}
