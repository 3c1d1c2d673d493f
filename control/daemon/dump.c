/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/dump.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define DUMPS_MAX 4
#define PAGE_DEFAULT 500
#define PAGE_MAX 2000
#define IDLE_S 30

/* The whole of an entry: key, value and origin live as long as the dump. */
struct copy {
    struct df_entry entry;
    struct df_origin origin;
    uint64_t value[];
};

struct dump {
    TAILQ_ENTRY(dump) link;
    unsigned id;
    const struct df_table_desc *desc;
    struct copy **copies;
    size_t n, room;
    bool out_of_memory;
    struct event *idle;
    struct df_dumps *dumps;
};

struct df_dumps {
    struct event_base *base;
    TAILQ_HEAD(, dump) list; /* the one asked for last at the end */
    unsigned n;
    unsigned next_id;
};

static void dump_free(struct dump *dump)
{
    TAILQ_REMOVE(&dump->dumps->list, dump, link);
    dump->dumps->n--;
    for (size_t i = 0; i < dump->n; i++)
        free(dump->copies[i]);
    free(dump->copies);
    if (dump->idle)
        event_free(dump->idle);
    free(dump);
}

static void idle_too_long(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    dump_free(arg);
}

static bool make_room(struct dump *dump)
{
    if (dump->n < dump->room)
        return true;
    size_t room = dump->room ? dump->room * 2 : 1024;
    struct copy **grown = realloc(dump->copies, room * sizeof(*grown));
    if (!grown)
        return false;
    dump->copies = grown;
    dump->room = room;
    return true;
}

static int copy_entry(const struct df_entry *entry, uint64_t hits, void *arg)
{
    (void)hits;
    struct dump *dump = arg;
    struct copy *copy = make_room(dump) ? malloc(sizeof(*copy) + entry->value_len) : NULL;
    if (!copy) {
        dump->out_of_memory = true;
        return 1;
    }
    copy->entry = *entry;
    if (entry->value)
        copy->entry.value = memcpy(copy->value, entry->value, entry->value_len);
    if (entry->origin) {
        copy->origin = *entry->origin;
        copy->entry.origin = &copy->origin;
    }
    dump->copies[dump->n++] = copy;
    return 0;
}

static struct dump *dump_new(struct df_dumps *dumps, struct df_datapath *dp, const struct df_table_desc *desc)
{
    if (dumps->n == DUMPS_MAX)
        dump_free(TAILQ_FIRST(&dumps->list));
    struct dump *dump = calloc(1, sizeof(*dump));
    if (!dump)
        return NULL;
    dump->id = ++dumps->next_id;
    dump->desc = desc;
    dump->dumps = dumps;
    TAILQ_INSERT_TAIL(&dumps->list, dump, link);
    dumps->n++;
    dump->idle = evtimer_new(dumps->base, idle_too_long, dump);
    dp->ops->for_each(dp, desc->number, copy_entry, dump);
    if (dump->idle && !dump->out_of_memory)
        return dump;
    dump_free(dump);
    return NULL;
}

static struct dump *dump_find(struct df_dumps *dumps, const struct df_table_desc *desc, const char *cursor, size_t *at)
{
    char *end;
    unsigned long id = strtoul(cursor, &end, 10);
    if (end == cursor || *end != ':')
        return NULL;
    *at = strtoul(end + 1, NULL, 10);
    struct dump *dump;
    TAILQ_FOREACH(dump, &dumps->list, link)
    if (dump->id == id && dump->desc == desc && *at <= dump->n)
        return dump;
    return NULL;
}

static json_t *page(struct dump *dump, size_t at, size_t limit, const struct df_names *names)
{
    json_t *entries = json_array();
    size_t end = dump->n - at < limit ? dump->n : at + limit;
    for (size_t i = at; i < end; i++)
        json_array_append_new(entries, df_table_entry_json(dump->desc, &dump->copies[i]->entry, names));
    json_t *json = json_pack("{s:i, s:s, s:s, s:I, s:o}", "table", (int)dump->desc->number, "name", dump->desc->name,
                             "upstream", dump->desc->upstream, "total", (json_int_t)dump->n, "entries", entries);
    if (end == dump->n) {
        dump_free(dump);
        return json;
    }
    char next[48];
    snprintf(next, sizeof(next), "%u:%zu", dump->id, end);
    json_object_set_new(json, "next", json_string(next));
    struct timeval idle = {.tv_sec = IDLE_S};
    evtimer_add(dump->idle, &idle);
    TAILQ_REMOVE(&dump->dumps->list, dump, link);
    TAILQ_INSERT_TAIL(&dump->dumps->list, dump, link);
    return json;
}

json_t *df_dumps_page(struct df_dumps *dumps, struct df_datapath *dp, const struct df_table_desc *desc,
                      const char *cursor, size_t limit, const struct df_names *names, struct df_error *error)
{
    size_t at = 0;
    struct dump *dump = cursor ? dump_find(dumps, desc, cursor, &at) : dump_new(dumps, dp, desc);
    if (!dump) {
        df_error_set(error, cursor ? -ESTALE : -ENOMEM, "%s",
                     cursor ? "the cursor has gone: begin the table again" : "out of memory");
        return NULL;
    }
    limit = limit == 0 ? PAGE_DEFAULT : limit < PAGE_MAX ? limit : PAGE_MAX;
    return page(dump, at, limit, names);
}

struct df_dumps *df_dumps_new(struct event_base *base)
{
    struct df_dumps *dumps = calloc(1, sizeof(*dumps));
    if (!dumps)
        return NULL;
    dumps->base = base;
    TAILQ_INIT(&dumps->list);
    return dumps;
}

void df_dumps_free(struct df_dumps *dumps)
{
    if (!dumps)
        return;
    struct dump *dump;
    while ((dump = TAILQ_FIRST(&dumps->list)))
        dump_free(dump);
    free(dumps);
}
