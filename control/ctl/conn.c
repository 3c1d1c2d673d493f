/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/ctl/ctl.h"

/*
 * `df-ctl conn`: a table of a million connections is asked for in pages, and what comes is printed, added up or thrown
 * away at once: df-ctl holds no more than a page, or the rows of `top`.
 */

#define TOP_DEFAULT 10
#define TOP_MAX 128
#define PROGRESS_AFTER_S 1

/* One way through the daemon's table. */
struct pages {
    struct ctl *ctl;
    const char *method;
    json_t *params; /* of the next page */
    bool begun, ended;
    time_t progress_at;
    bool progress_shown;
};

/* ---- pages */

static void set_param(json_t *params, const char *name, const char *value)
{
    if (value)
        json_object_set_new(params, name, json_string(value));
}

static struct pages pages_of(struct ctl *ctl, const char *method)
{
    struct pages pages = {.ctl = ctl, .method = method, .params = json_object()};
    set_param(pages.params, "port", ctl->port);
    set_param(pages.params, "addr", ctl->addr);
    set_param(pages.params, "proto", ctl->proto);
    set_param(pages.params, "state", ctl->state);
    set_param(pages.params, "by", ctl->by);
    pages.progress_at = time(NULL) + PROGRESS_AFTER_S;
    return pages;
}

/* On a terminal that does not show the answer anyway. */
static void show_progress(struct pages *pages, json_t *page)
{
    json_int_t next = json_integer_value(json_object_get(page, "next"));
    json_int_t of = json_integer_value(json_object_get(page, "of"));
    bool listing = strcmp(pages->method, "conn_list") == 0;
    if (!isatty(STDERR_FILENO) || (listing && isatty(STDOUT_FILENO)))
        return;
    if (next && of > 0 && time(NULL) >= pages->progress_at) {
        fprintf(stderr, "\r%lld %%", (long long)(100 * next / of));
        pages->progress_shown = true;
    } else if (!next && pages->progress_shown) {
        fputs("\r     \r", stderr);
    }
}

/* The next page, or NULL: there is none, or there is an error and *rc is not 0. */
static json_t *next_page(struct pages *pages, struct df_error *error, int *rc)
{
    *rc = 0;
    if (pages->ended)
        return NULL;
    json_t *page = ctl_call(pages->ctl, pages->method, json_incref(pages->params), error);
    if (!page) {
        *rc = -1;
        return NULL;
    }
    json_t *next = json_object_get(page, "next");
    pages->ended = next == NULL;
    if (next)
        json_object_set(pages->params, "cursor", next);
    show_progress(pages, page);
    return page;
}

static void pages_end(struct pages *pages)
{
    json_decref(pages->params);
}

/* ---- a connection in words */

static long long number_at(json_t *row, const char *field)
{
    return json_integer_value(json_object_get(row, field));
}

static const char *text_at(json_t *row, const char *field)
{
    const char *text = json_string_value(json_object_get(row, field));
    return text ? text : "-";
}

static void put_end(FILE *out, json_t *row, const char *ip, const char *l4)
{
    const char *address = text_at(row, ip);
    json_t *port = json_object_get(row, l4);
    if (!port)
        fputs(address, out);
    else
        fprintf(out, strchr(address, ':') ? "[%s]:%lld" : "%s:%lld", address, (long long)json_integer_value(port));
}

/* "10.1.0.11:1234 -> 10.2.0.13:80", "10.1.0.11 -> 10.2.0.13 id 77". The caller frees it. */
static char *ends_text(json_t *row)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        abort();
    put_end(out, row, "ip_src", "l4_src");
    fputs(" -> ", out);
    put_end(out, row, "ip_dst", "l4_dst");
    if (json_object_get(row, "icmp_id"))
        fprintf(out, " id %lld", number_at(row, "icmp_id"));
    fclose(out);
    return text;
}

/* What has no name is known by its number. */
static void put_name(json_t *row, const char *name_key, const char *number_key, char *text, size_t size)
{
    const char *name = json_string_value(json_object_get(row, name_key));
    if (name)
        snprintf(text, size, "%s", name);
    else
        snprintf(text, size, "%lld", number_at(row, number_key));
}

static void put_protocol(json_t *row, char *text, size_t size)
{
    put_name(row, "protocol", "ip_proto", text, size);
}

static void put_port(json_t *row, char *text, size_t size)
{
    put_name(row, "port_name", "port", text, size);
}

/* ---- list */

static void print_heading(void)
{
    printf("%-16s  %-7s  %-5s  %-20s  %7s  %7s  %11s  %11s  %14s  %s\n", "PORT", "SIDE", "PROTO", "STATE", "IDLE S",
           "LEFT S", "PACKETS", "REPLIES", "BYTES", "CONNECTION");
}

static void print_row(json_t *row)
{
    char port[80], protocol[24];
    char *ends = ends_text(row);
    put_port(row, port, sizeof(port));
    put_protocol(row, protocol, sizeof(protocol));
    print_cell(port, 16, false, false);
    printf("%-7s  %-5s  %-20s  %7lld  %7lld  %11lld  %11lld  %14lld  %s\n", text_at(row, "direction"), protocol,
           text_at(row, "state"), number_at(row, "idle_ms") / 1000, number_at(row, "expires_ms") / 1000,
           number_at(row, "packets"), number_at(row, "reply_packets"),
           number_at(row, "bytes") + number_at(row, "reply_bytes"), ends);
    free(ends);
}

/* One JSON document, written as it comes: a connection a line, or all in one line for --watch. */
static void print_json_row(const struct ctl *ctl, json_t *row, bool first)
{
    fputs(first ? "" : ctl->watching ? "," : ",\n", stdout);
    json_dumpf(row, stdout, JSON_COMPACT);
}

static void print_rows(const struct ctl *ctl, json_t *rows, long *printed)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (ctl->limit && *printed == ctl->limit)
            return;
        if (ctl->json)
            print_json_row(ctl, row, *printed == 0);
        else if (*printed == 0)
            print_heading();
        if (!ctl->json)
            print_row(row);
        (*printed)++;
    }
}

static int list(struct ctl *ctl, struct df_error *error)
{
    struct pages pages = pages_of(ctl, "conn_list");
    long printed = 0;
    int rc;
    json_t *page;
    while ((page = next_page(&pages, error, &rc))) {
        if (ctl->json && !pages.begun)
            fputs("{\"connections\": [", stdout);
        pages.begun = true;
        print_rows(ctl, json_object_get(page, "connections"), &printed);
        json_decref(page);
        if ((ctl->limit && printed == ctl->limit) || ferror(stdout))
            break;
    }
    if (ctl->json && pages.begun && rc == 0)
        puts("]}");
    else if (!ctl->json && rc == 0 && printed == 0)
        puts("no such connection");
    pages_end(&pages);
    return rc;
}

/* ---- count */

/* Rows of pages are added up by what they count. */
static void add_count(json_t *sums, json_t *row)
{
    char key[160];
    snprintf(key, sizeof(key), "%lld|%s|%lld", number_at(row, "port"), text_at(row, "state"),
             json_object_get(row, "ip_proto") ? number_at(row, "ip_proto") : -1);
    json_t *sum = json_object_get(sums, key);
    if (!sum)
        json_object_set(sums, key, row);
    else
        json_object_set_new(sum, "connections",
                            json_integer(number_at(sum, "connections") + number_at(row, "connections")));
}

static int most_first(const void *a, const void *b)
{
    json_t *const *x = a, *const *y = b;
    long long first = number_at(*x, "connections"), second = number_at(*y, "connections");
    return first < second ? 1 : first > second ? -1 : 0;
}

static json_t *sorted(json_t *sums)
{
    size_t n = 0;
    json_t **row = calloc(json_object_size(sums) + 1, sizeof(*row));
    const char *key;
    json_t *sum;
    json_t *rows = json_array();
    if (!row)
        abort();
    json_object_foreach(sums, key, sum)
        row[n++] = sum;
    qsort(row, n, sizeof(*row), most_first);
    for (size_t i = 0; i < n; i++)
        json_array_append(rows, row[i]);
    free(row);
    return rows;
}

static void print_counts(const struct ctl *ctl, json_t *counts, long long total)
{
    static const struct column columns[] = {
        {"PORT", "port", true, "port_name"}, {"CONNECTIONS", "connections", true}, {0}};
    static const struct column by_proto[] = {
        {"PROTO", "ip_proto", true, "protocol"}, {"CONNECTIONS", "connections", true}, {0}};
    static const struct column by_state[] = {{"STATE", "state", false}, {"CONNECTIONS", "connections", true}, {0}};
    if (ctl->by)
        print_table(strcmp(ctl->by, "port") == 0    ? columns
                    : strcmp(ctl->by, "proto") == 0 ? by_proto
                                                    : by_state,
                    counts, "no such connection");
    else
        printf("%lld connections\n", total);
}

static int count(struct ctl *ctl, struct df_error *error)
{
    struct pages pages = pages_of(ctl, "conn_count");
    json_t *sums = json_object();
    long long total = 0;
    int rc;
    json_t *page;
    while ((page = next_page(&pages, error, &rc))) {
        size_t i;
        json_t *row;
        json_array_foreach(json_object_get(page, "counts"), i, row) {
            total += number_at(row, "connections");
            add_count(sums, row);
        }
        json_decref(page);
    }
    pages_end(&pages);
    if (rc == 0) {
        json_t *counts = sorted(sums);
        if (ctl->json)
            print_json(ctl, ctl->by ? json_pack("{s:I, s:O}", "total", (json_int_t)total, "counts", counts)
                                    : json_pack("{s:I}", "total", (json_int_t)total));
        else
            print_counts(ctl, counts, total);
        json_decref(counts);
    }
    json_decref(sums);
    return rc;
}

/* ---- top */

static long long rank_of(const struct ctl *ctl, json_t *row)
{
    if (ctl->by && strcmp(ctl->by, "bytes") == 0)
        return number_at(row, "bytes") + number_at(row, "reply_bytes");
    return number_at(row, "packets") + number_at(row, "reply_packets");
}

/* Into the list that is sorted, the most first; what falls off its end is no talker. */
static void insert(const struct ctl *ctl, json_t *top, json_t *row, size_t n)
{
    size_t at = json_array_size(top);
    while (at > 0 && rank_of(ctl, json_array_get(top, at - 1)) < rank_of(ctl, row))
        at--;
    json_array_insert(top, at, row);
    if (json_array_size(top) > n)
        json_array_remove(top, n);
}

static void print_top(json_t *top)
{
    static const struct column columns[] = {
        {"PORT", "port", true, "port_name"},
        {"SIDE", "direction", false},
        {"PROTO", "ip_proto", true, "protocol"},
        {"STATE", "state", false},
        {"AGE S", "age_s", true},
        {"PACKETS", "packets", true},
        {"REPLIES", "reply_packets", true},
        {"BYTES", "bytes", true},
        {"REPLY BYTES", "reply_bytes", true},
        {"CONNECTION", "ends", false},
        {0},
    };
    size_t i;
    json_t *row;
    json_array_foreach(top, i, row) {
        char *ends = ends_text(row);
        json_object_set_new(row, "ends", json_string(ends));
        json_object_set_new(row, "age_s", json_integer(number_at(row, "age_ms") / 1000));
        free(ends);
    }
    print_table(columns, top, "no such connection");
}

static int collect_top(struct ctl *ctl, json_t *top, size_t n, struct df_error *error)
{
    struct pages pages = pages_of(ctl, "conn_top");
    int rc;
    json_t *page;
    json_object_set_new(pages.params, "limit", json_integer((json_int_t)n));
    while ((page = next_page(&pages, error, &rc))) {
        size_t i;
        json_t *row;
        json_array_foreach(json_object_get(page, "connections"), i, row)
            insert(ctl, top, row, n);
        json_decref(page);
        if (json_array_size(top) == n)
            json_object_set_new(pages.params, "above", json_integer(rank_of(ctl, json_array_get(top, n - 1))));
    }
    pages_end(&pages);
    return rc;
}

static int top(struct ctl *ctl, struct df_error *error)
{
    long n = TOP_DEFAULT;
    if (ctl->n_args == 2) {
        char *end;
        n = strtol(ctl->args[1], &end, 10);
        if (*end || n < 1 || n > TOP_MAX)
            return df_error_set(error, -1, "conn top: %s: must be a number from 1 to %d", ctl->args[1], TOP_MAX);
    }
    json_t *rows = json_array();
    int rc = collect_top(ctl, rows, (size_t)n, error);
    if (rc == 0 && ctl->json)
        print_json(ctl, json_pack("{s:O}", "connections", rows));
    else if (rc == 0)
        print_top(rows);
    json_decref(rows);
    return rc;
}

/* ---- delete */

static int delete_them(struct ctl *ctl, struct df_error *error)
{
    struct pages pages = pages_of(ctl, "conn_delete");
    long long deleted = 0;
    int rc;
    json_t *page;
    if (!ctl->all && !ctl->port && !ctl->addr && !ctl->proto && !ctl->state) {
        pages_end(&pages);
        return df_error_set(error, -1, "conn delete: say which by --port, --addr, --proto, --state, or --all");
    }
    json_object_set_new(pages.params, "all", json_boolean(ctl->all));
    while ((page = next_page(&pages, error, &rc))) {
        deleted += number_at(page, "deleted");
        json_decref(page);
    }
    pages_end(&pages);
    if (rc == 0 && ctl->json)
        print_json(ctl, json_pack("{s:I}", "deleted", (json_int_t)deleted));
    else if (rc == 0)
        printf("%lld connection%s deleted\n", deleted, deleted == 1 ? "" : "s");
    return rc;
}

/* ---- the command */

static const struct {
    const char *name;
    int (*run)(struct ctl *ctl, struct df_error *error);
    int max_args;
    const char *by[4]; /* what --by may be */
} actions[] = {
    {"list", list, 1, {NULL}},
    {"count", count, 1, {"port", "proto", "state"}},
    {"top", top, 2, {"packets", "bytes"}},
    {"delete", delete_them, 1, {NULL}},
};

static bool is_one_of(const char *by, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(by, *words) == 0)
            return true;
    return false;
}

int run_conn(struct ctl *ctl, struct df_error *error)
{
    const char *name = ctl->n_args ? ctl->args[0] : "list";
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(actions[i].name, name) != 0)
            continue;
        if (ctl->n_args > actions[i].max_args)
            return df_error_set(error, -1, "conn %s: what is `%s'? Filters are options: df-ctl conn --help", name,
                                ctl->args[actions[i].max_args]);
        if (ctl->by && !is_one_of(ctl->by, actions[i].by))
            return df_error_set(error, -1, "conn %s: cannot do it by `%s'; df-ctl conn --help says what it can", name,
                                ctl->by);
        return actions[i].run(ctl, error);
    }
    return df_error_set(error, -1, "there is no conn %s; df-ctl conn --help lists what there is", name);
}
