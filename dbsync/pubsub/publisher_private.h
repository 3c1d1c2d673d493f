/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <uthash.h>

#include "dbsync/pubsub/publisher.h"

/*
 * What publisher.c (what it hears), publisher_rows.c (what it knows) and publisher_messages.c (what it says) share. Private
 * to the three.
 */

/* A row that subscribers may know. */
struct known {
    UT_hash_handle hh;
    uint64_t revision;
    uint32_t snapshot;
    char *topics; /* NULL: none */
    char key[];   /* "TABLE/ID" */
};

/* A row that was deleted, so that who wrote it before, and is heard of later, does not bring it back. */
struct gone {
    UT_hash_handle hh;
    uint64_t revision;
    char key[]; /* "TABLE/ID" */
};

struct topic {
    UT_hash_handle hh;
    uint64_t last; /* number */
    uint64_t said_ms;
    uint32_t hello_ms; /* after that time it is said again; 0: not any more */
    uint32_t round;    /* of the transaction that was said last */
    char name[];
};

/* A topic that somebody began to listen to. */
struct greeting {
    UT_hash_handle hh;
    char name[];
};

/* A transaction that was published. */
struct told {
    UT_hash_handle hh;
    uint64_t revision;
};

/* A row on its way out. */
struct out {
    Df__PublishedRow row; /* strings and data owned */
    char *topics;         /* it has now */
    char *left;           /* it had before, too; NULL: none */
};

struct df_publisher {
    char *id;
    df_publisher_send send;
    void *arg;
    struct known *rows;
    struct gone *gone;
    struct topic *topics;
    struct greeting *greetings;
    struct told *told;
    uint32_t snapshot;
    bool in_snapshot, primed; /* it knows what there is */
    bool cut_off;
    uint64_t revision; /* of what is on its way out */
    uint32_t round;
    struct out *out;
    size_t n_out, room_out;
    uint64_t now_ms;
    struct df_publisher_tally tally;
};

/* ---- publisher.c */

/** May it say hello, and tell of what is pushed? */
bool df_publisher_may_speak(const struct df_publisher *publisher);

/* ---- publisher_rows.c */

/** The row, known from now on. NULL: out of memory. */
struct known *df_publisher_want_row(struct df_publisher *publisher, const char *table, const char *id);

/** It was deleted, by its last revision. */
void df_publisher_forget_row(struct df_publisher *publisher, struct known *known);

/** All of them, and that there were others. */
void df_publisher_forget_rows(struct df_publisher *publisher);

/** Is it older than what is known of the row? */
bool df_publisher_is_late(const struct df_publisher *publisher, const struct df_db_row *row);

/* ---- publisher_messages.c */

/** Says the rows on their way out to each of their topics. -ENOMEM. */
int df_publisher_say_out(struct df_publisher *publisher);
