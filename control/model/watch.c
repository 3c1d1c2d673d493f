/* SPDX-License-Identifier: Apache-2.0 */
#include "control/model/watch.h"

#include <stdlib.h>

#include "control/model/alloc.h"
#include "control/model/store.h"

void df_watch(struct df_watched *thing, struct df_watcher *watcher, struct df_object *object)
{
    /* Watches are set at the head and by one watcher at a time, so a second one by the same watcher finds the first
     * there. */
    if (thing->first && thing->first->watcher == watcher)
        return;
    struct df_watch *watch = df_alloc(sizeof(*watch));
    watch->watcher = watcher;
    watch->object = object;
    watch->sibling = watcher->watches;
    watcher->watches = watch;
    watch->next = thing->first;
    watch->link = &thing->first;
    if (watch->next)
        watch->next->link = &watch->next;
    thing->first = watch;
}

struct df_watch *df_watcher_renew(struct df_watcher *watcher)
{
    struct df_watch *old = watcher->watches;
    for (struct df_watch *watch = old; watch; watch = watch->sibling)
        watch->watcher = NULL;
    watcher->watches = NULL;
    return old;
}

void df_watches_drop(struct df_watch *watches)
{
    while (watches) {
        struct df_watch *watch = watches;
        watches = watch->sibling;
        *watch->link = watch->next;
        if (watch->next)
            watch->next->link = watch->link;
        if (watch->object)
            df_object_trim(watch->object);
        free(watch);
    }
}

void df_watched_fire(struct df_watched *thing)
{
    for (struct df_watch *watch = thing->first; watch; watch = watch->next)
        if (watch->watcher)
            df_watcher_due(watch->watcher);
}

void df_watcher_due(struct df_watcher *watcher)
{
    if (watcher->due)
        return;
    struct df_due *due = watcher->queue;
    watcher->due = true;
    watcher->next_due = NULL;
    if (due->last)
        due->last->next_due = watcher;
    else
        due->first = watcher;
    due->last = watcher;
    due->n++;
}

struct df_watcher *df_due_take(struct df_due *due)
{
    struct df_watcher *watcher = due->first;
    if (!watcher)
        return NULL;
    due->first = watcher->next_due;
    if (!due->first)
        due->last = NULL;
    due->n--;
    watcher->due = false;
    return watcher;
}
