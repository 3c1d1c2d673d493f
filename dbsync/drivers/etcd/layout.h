/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How the database lies in etcd's one space of keys, all of it below /dragonflow/ (0 is a byte of that value, which no
 * name has, so nothing needs to be escaped):
 *
 *   database            "1": this is a Dragonflow database, and the version of this layout
 *   c/TOPIC 0           a note (note.h) of the last transaction that concerned the topic and others
 *   c/TOPIC 0 TABLE 0 ID  copy of a row, for those who follow the topic
 *   l/NAME              a lease: the owner; goes with its holder, as etcd's leases do
 *   n/                  a note of the last transaction that concerned everybody and topics
 *   n/TABLE 0 ID        a row that everybody is told of
 *   t/TABLE 0 ID        a row with topics
 *
 * So who is told of everything reads and watches one range, l to t, and who follows topics reads l to n and one range a
 * topic; etcd itself filters. A row is written in all its places in one transaction and with equal content. Its places
 * only grow while it lives: who followed a topic that the row has no more is still told of it (and sees by its content
 * that it has left). That way a key that is deleted always means that the row is, whoever is told of it and in whatever
 * order. n and t are both there when a row had topics and lost them all.
 *
 * A value is a byte LAYOUT_VALUE, a byte that is 1 when the row is in n, the length of the topics (2 bytes, big endian),
 * the topics separated by spaces, the data.
 */

#define DF_ETCD_PREFIX "/dragonflow/"
#define DF_ETCD_MARKER DF_ETCD_PREFIX "database"
#define DF_ETCD_MARKER_VERSION 1

#define DF_ETCD_NAME_MAX 128
#define DF_ETCD_KEY_MAX (sizeof DF_ETCD_PREFIX + 2 + 3 * (DF_ETCD_NAME_MAX + 1))
#define DF_ETCD_TOPICS_MAX 64 /* of a row; one with more is everybody's */
#define DF_ETCD_TOPICS_BYTES 4096

enum df_etcd_place { DF_ETCD_COPY = 'c', DF_ETCD_LEASE = 'l', DF_ETCD_SHARED = 'n', DF_ETCD_TOPICAL = 't' };

struct df_etcd_key {
    uint8_t bytes[DF_ETCD_KEY_MAX];
    size_t len;
};

/** -EINVAL: a name is empty or too long. topic: for copies only. */
int df_etcd_key_make(struct df_etcd_key *key, enum df_etcd_place place, const char *topic, const char *table,
                     const char *id);

/** The first key of a place (and topic), and the first one behind it. */
void df_etcd_key_first(struct df_etcd_key *key, enum df_etcd_place place, const char *topic);
void df_etcd_key_end(struct df_etcd_key *key, enum df_etcd_place place, const char *topic);

/** Whether it is where a note is: the first key of a place, df_etcd_key_first(), of copies or of what is everybody's. */
bool df_etcd_key_is_note(const uint8_t *key, size_t len);

/* A key taken apart; the texts point into text. */
struct df_etcd_name {
    enum df_etcd_place place;
    const char *topic, *table, *id; /* a lease: DF_DB_LEASES and its name; topic is "" where there is none */
    char text[DF_ETCD_KEY_MAX];
};

/** False: it is no key of a row or lease. */
bool df_etcd_key_parse(const uint8_t *key, size_t len, struct df_etcd_name *name);

/* Where a row is. */
struct df_etcd_places {
    bool shared;                       /* n */
    char topics[DF_ETCD_TOPICS_BYTES]; /* t, and c of each; "": not there */
};

/** Adds where a row with these topics must be. is_new: it is nowhere yet. */
void df_etcd_places_add(struct df_etcd_places *places, const char *topics, bool is_new);

/** Calls for each topic; stops when cb returns other than 0, and returns that. */
int df_etcd_places_each(const char *topics, int (*cb)(const char *topic, void *arg), void *arg);

/** The bytes before the data; to has room for DF_ETCD_VALUE_HEADER and the topics. */
#define DF_ETCD_VALUE_HEADER 4
size_t df_etcd_value_begin(uint8_t *to, const struct df_etcd_places *places);

/**
 * Takes a value apart: where the data begins. False: it is not of our making; data is all of it then, and places is
 * where its key says that it is.
 */
bool df_etcd_value_parse(const uint8_t *value, size_t len, struct df_etcd_places *places, size_t *data);
