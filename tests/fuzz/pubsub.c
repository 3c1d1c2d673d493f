/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "dbsync/pubsub/publisher.h"

/*
 * What a writer pushes to a publisher, and what a publisher sends to a node: the first byte says which. Whatever the
 * publisher publishes of a push a node can read.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_back(void *arg, const char *topic, const void *data, size_t len)
{
    struct df_error error;
    Df__Publication *publication = df_publication_read(topic, strlen(topic), data, len, &error);
    (void)arg;
    if (!publication)
        abort();
    df__publication__free_unpacked(publication, NULL);
    return 0;
}

static void push(const uint8_t *data, size_t size)
{
    struct df_error error;
    struct df_publisher *publisher = df_publisher_new("fuzz", read_back, NULL);
    if (!publisher)
        return;
    df_publisher_snapshot_begin(publisher);
    df_publisher_snapshot_end(publisher, 1);
    df_publisher_push(publisher, data, size, &error);
    df_publisher_push(publisher, data, size, &error);
    df_publisher_tick(publisher, 1000);
    df_publisher_free(publisher);
}

/* A length, a topic of that length, and the rest. */
static void receive(const uint8_t *data, size_t size)
{
    struct df_error error;
    if (size == 0 || data[0] >= size)
        return;
    Df__Publication *publication =
        df_publication_read(data + 1, data[0], data + 1 + data[0], size - 1 - data[0], &error);
    if (publication)
        df__publication__free_unpacked(publication, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] & 1)
        push(data + 1, size - 1);
    else
        receive(data + 1, size - 1);
    return 0;
}
