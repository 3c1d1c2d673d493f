/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/pubsub/sequence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct heard {
    UT_hash_handle hh;
    uint64_t last;
    char topic[];
};

struct df_sequences {
    char publisher[256]; /* whose numbers these are; "": nobody was heard yet */
    struct heard *topics;
};

struct df_sequences *df_sequences_new(void)
{
    return calloc(1, sizeof(struct df_sequences));
}

static void forget_all(struct df_sequences *sequences)
{
    struct heard *heard, *next;
    HASH_ITER(hh, sequences->topics, heard, next) {
        HASH_DEL(sequences->topics, heard);
        free(heard);
    }
}

void df_sequences_free(struct df_sequences *sequences)
{
    if (!sequences)
        return;
    forget_all(sequences);
    free(sequences);
}

static struct heard *find(const struct df_sequences *sequences, const char *topic)
{
    struct heard *heard;
    HASH_FIND_STR(sequences->topics, topic, heard);
    return heard;
}

/* Out of memory: the next one will look like the first, which only misses a gap before it. */
static void begin(struct df_sequences *sequences, const char *topic, uint64_t last)
{
    size_t len = strlen(topic) + 1;
    struct heard *heard = calloc(1, sizeof(*heard) + len);
    if (!heard)
        return;
    memcpy(heard->topic, topic, len);
    heard->last = last;
    HASH_ADD_STR(sequences->topics, topic, heard);
}

/* A publisher that was started anew knows nothing of what the one before sent. */
static bool is_another(struct df_sequences *sequences, const char *publisher)
{
    if (strcmp(sequences->publisher, publisher) == 0)
        return false;
    bool first = !*sequences->publisher;
    snprintf(sequences->publisher, sizeof(sequences->publisher), "%s", publisher);
    forget_all(sequences);
    return !first;
}

enum df_sequence_verdict df_sequences_hear(struct df_sequences *sequences, const char *publisher, const char *topic,
                                           uint64_t number, bool rows)
{
    bool another = is_another(sequences, publisher);
    struct heard *heard = find(sequences, topic);
    if (!heard) {
        begin(sequences, topic, number);
        return another ? DF_SEQUENCE_GAP : rows ? DF_SEQUENCE_NEXT : DF_SEQUENCE_KNOWN;
    }
    uint64_t expected = heard->last + rows;
    if (number < expected)
        return rows ? DF_SEQUENCE_REPEAT : DF_SEQUENCE_KNOWN;
    heard->last = number;
    if (number > expected)
        return DF_SEQUENCE_GAP;
    return rows ? DF_SEQUENCE_NEXT : DF_SEQUENCE_KNOWN;
}

bool df_sequences_heard(const struct df_sequences *sequences, const char *topic)
{
    return find(sequences, topic) != NULL;
}

void df_sequences_forget(struct df_sequences *sequences, const char *topic)
{
    struct heard *heard = find(sequences, topic);
    if (!heard)
        return;
    HASH_DEL(sequences->topics, heard);
    free(heard);
}
