/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Notes, by which who watches several ranges (a topic's each, and one of what is everybody's) knows a transaction that
 * is whole: etcd tells of each range by itself, and of one perhaps much later. A transaction whose rows are not all in
 * the same ranges leaves a note in each of them, which names them all; so the first that is heard of says for which
 * others to wait. A transaction without a note is whole as soon as any range was heard of.
 *
 * A note is a byte NOTE_LAYOUT, and of each range 8 bytes of a hash of the topic, big endian, in ascending order. Pure
 * functions: whatever the bytes are, they are only looked at.
 */

#define DF_ETCD_NOTE_RANGES 256 /* of a transaction; as each of them has a copy, that is half a megabyte */
#define DF_ETCD_NOTE_BYTES (1 + 8 * DF_ETCD_NOTE_RANGES)

struct df_etcd_note {
    size_t n;
    uint64_t hashes[DF_ETCD_NOTE_RANGES]; /* ascending */
};

/** topic "": what is everybody's. */
uint64_t df_etcd_note_hash(const char *topic);

/** @return 1; 0: it was in it already; -E2BIG */
int df_etcd_note_add(struct df_etcd_note *note, const char *topic);

/** As bytes. @return how many */
size_t df_etcd_note_write(const struct df_etcd_note *note, uint8_t to[DF_ETCD_NOTE_BYTES]);

/** Whether bytes that somebody wrote name the range. */
bool df_etcd_note_has(const uint8_t *bytes, size_t len, uint64_t hash);
