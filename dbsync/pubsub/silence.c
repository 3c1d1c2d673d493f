/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "dbsync/pubsub/subscriber_private.h"

/* Publishers that are not heard, and what is said of it: each change once. */

#define SILENT_MS 5000

bool df_subscriber_is_silent(const struct subscriber *subscriber, const struct df_source *source)
{
    uint64_t limit = subscriber->config.deaf_ms ? subscriber->config.deaf_ms : SILENT_MS;
    return !source->socket || source->heard_ms == 0 || df_subscriber_now_ms() - source->heard_ms > limit;
}

static void note_source(const struct subscriber *subscriber, struct df_source *source, bool silent)
{
    if (silent == source->unheard)
        return;
    source->unheard = silent;
    if (!silent)
        df_subscriber_say(subscriber, "publisher %s is heard", source->endpoint);
    else if (source->socket) /* else it is not listened to, which was said */
        df_subscriber_say(
            subscriber,
            "publisher %s is not heard: does its host have that name, does df-publisher run there and reach "
            "the database, is its port open, and do its keys and this node's [df_zmq] fit?",
            source->endpoint);
}

static void list(struct df_subscriber_tally *tally, const char *endpoint)
{
    size_t used = strlen(tally->unheard);
    snprintf(tally->unheard + used, sizeof(tally->unheard) - used, "%s%s", used ? ", " : "", endpoint);
}

bool df_subscriber_note_silence(struct subscriber *subscriber)
{
    bool deaf = true;
    subscriber->tally.unheard[0] = '\0';
    for (size_t i = 0; i < subscriber->n_sources; i++) {
        struct df_source *source = &subscriber->sources[i];
        bool silent = df_subscriber_is_silent(subscriber, source);
        note_source(subscriber, source, silent);
        if (silent)
            list(&subscriber->tally, source->endpoint);
        deaf = deaf && silent;
    }
    if (deaf != subscriber->tally.deaf)
        df_subscriber_say(subscriber, deaf ? "no publisher is heard: watching the database"
                                           : "a publisher is heard: not watching the database any more");
    subscriber->tally.deaf = deaf;
    return deaf;
}
