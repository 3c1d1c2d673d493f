/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/etcd/note.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_LAYOUT 1

/* FNV-1a, which is in the database: it may not change. */
uint64_t df_etcd_note_hash(const char *topic)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *topic; topic++)
        hash = (hash ^ (uint8_t)*topic) * 0x100000001b3u;
    return hash;
}

int df_etcd_note_add(struct df_etcd_note *note, const char *topic)
{
    uint64_t hash = df_etcd_note_hash(topic);
    size_t i = note->n;
    while (i > 0 && note->hashes[i - 1] > hash)
        i--;
    if (i > 0 && note->hashes[i - 1] == hash)
        return 0;
    if (note->n == DF_ETCD_NOTE_RANGES)
        return -E2BIG;
    memmove(&note->hashes[i + 1], &note->hashes[i], (note->n - i) * sizeof note->hashes[0]);
    note->hashes[i] = hash;
    note->n++;
    return 1;
}

size_t df_etcd_note_write(const struct df_etcd_note *note, uint8_t to[DF_ETCD_NOTE_BYTES])
{
    to[0] = NOTE_LAYOUT;
    for (size_t i = 0; i < note->n; i++) {
        uint64_t hash = htobe64(note->hashes[i]);
        memcpy(to + 1 + i * sizeof hash, &hash, sizeof hash);
    }
    return 1 + note->n * sizeof note->hashes[0];
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(uint64_t));
}

bool df_etcd_note_has(const uint8_t *bytes, size_t len, uint64_t hash)
{
    uint64_t wanted = htobe64(hash);
    return len > 0 && bytes[0] == NOTE_LAYOUT &&
           bsearch(&wanted, bytes + 1, (len - 1) / sizeof wanted, sizeof wanted, compare);
}
