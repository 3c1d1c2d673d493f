/* SPDX-License-Identifier: Apache-2.0 */
#include <CRamCloud.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The file: tables, a hash table of objects, and blocks for their keys and values in sizes of powers of two. A process
 * may be killed at any moment, so an object changes by one store, the offset of its block.
 */

#define SIZE ((size_t)1 << 30) /* sparse */
#define SLOTS (1u << 18)
#define TABLES 16
#define CLASSES 22
#define OBJECT_MAX ((uint32_t)1 << 20) /* the real one's limit, too */

struct block {
    uint64_t table, version;
    uint64_t next; /* of the free ones */
    uint32_t class;
    uint32_t len;
    uint16_t key_len;
    char bytes[]; /* key and value */
};

enum { NONE = 0, GONE = 1 };

struct cluster {
    pthread_mutex_t lock; /* robust */
    uint64_t version, end;
    uint64_t free[CLASSES];
    char names[TABLES][32];
    uint64_t slots[SLOTS]; /* offsets of blocks; NONE, GONE: there was one */
};

struct rc_client {
    struct cluster *cluster;
};

static void lock(struct cluster *cluster)
{
    if (pthread_mutex_lock(&cluster->lock) == EOWNERDEAD)
        pthread_mutex_consistent(&cluster->lock);
}

static struct block *block_at(struct cluster *cluster, uint64_t offset)
{
    return (struct block *)(void *)((char *)cluster + offset);
}

static void found(struct cluster *cluster)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&cluster->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    cluster->end = (sizeof *cluster + 63) / 64 * 64;
}

Status rc_connect(const char *locator, const char *name, struct rc_client **client)
{
    char path[512];
    struct stat st;
    snprintf(path, sizeof path, "%s/ramcloud-%s", locator, name);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) || fstat(fd, &st) || (st.st_size == 0 && ftruncate(fd, SIZE)))
        return STATUS_COULDNT_CONNECT;
    struct cluster *cluster = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (cluster != MAP_FAILED && st.st_size == 0)
        found(cluster);
    flock(fd, LOCK_UN); /* the mapping keeps the file open */
    close(fd);
    *client = cluster == MAP_FAILED ? NULL : calloc(1, sizeof **client);
    if (!*client)
        return STATUS_COULDNT_CONNECT;
    (*client)->cluster = cluster;
    return STATUS_OK;
}

void rc_disconnect(struct rc_client *client)
{
    munmap(client->cluster, SIZE);
    free(client);
}

static Status find_table(struct cluster *cluster, const char *name, bool make, uint64_t *table)
{
    for (unsigned i = 0; i < TABLES; i++) {
        if (!cluster->names[i][0] && make)
            snprintf(cluster->names[i], sizeof cluster->names[i], "%s", name);
        if (strcmp(cluster->names[i], name) == 0) {
            *table = i + 1;
            return STATUS_OK;
        }
    }
    return STATUS_TABLE_DOESNT_EXIST;
}

Status rc_createTable(struct rc_client *client, const char *name, uint32_t span)
{
    uint64_t table;
    (void)span;
    lock(client->cluster);
    Status status = find_table(client->cluster, name, true, &table);
    pthread_mutex_unlock(&client->cluster->lock);
    return status;
}

Status rc_getTableId(struct rc_client *client, const char *name, uint64_t *table)
{
    lock(client->cluster);
    Status status = find_table(client->cluster, name, false, table);
    pthread_mutex_unlock(&client->cluster->lock);
    return status;
}

/* The slot of the object, or the first one where it may be put. */
static uint64_t *find_slot(struct cluster *cluster, uint64_t table, const void *key, uint16_t key_len)
{
    uint64_t hash = 14695981039346656037u ^ table, *room = NULL;
    for (uint16_t i = 0; i < key_len; i++)
        hash = (hash ^ ((const unsigned char *)key)[i]) * 1099511628211u;
    for (unsigned i = 0; i < SLOTS; i++) {
        uint64_t *slot = &cluster->slots[(hash + i) % SLOTS];
        if (*slot == NONE)
            return room ? room : slot;
        struct block *block = *slot == GONE ? NULL : block_at(cluster, *slot);
        if (!block && !room)
            room = slot;
        if (block && block->table == table && block->key_len == key_len && memcmp(block->bytes, key, key_len) == 0)
            return slot;
    }
    return room;
}

static uint64_t take_block(struct cluster *cluster, size_t bytes)
{
    unsigned class = 6;
    while (((size_t)1 << class) < bytes)
        class ++;
    uint64_t offset = cluster->free[class];
    if (offset) {
        cluster->free[class] = block_at(cluster, offset)->next;
    } else {
        offset = cluster->end;
        cluster->end += (uint64_t)1 << class;
        if (cluster->end > SIZE)
            abort();
    }
    block_at(cluster, offset)->class = class;
    return offset;
}

static void give_block(struct cluster *cluster, uint64_t offset)
{
    struct block *block = block_at(cluster, offset);
    block->next = cluster->free[block->class];
    cluster->free[block->class] = offset;
}

static Status judge(const struct block *block, const struct RejectRules *rules)
{
    if (!block)
        return rules && rules->doesntExist ? STATUS_OBJECT_DOESNT_EXIST : STATUS_OK;
    if (rules && rules->exists)
        return STATUS_OBJECT_EXISTS;
    if (rules && rules->versionLeGiven && block->version <= rules->givenVersion)
        return STATUS_WRONG_VERSION;
    return rules && rules->versionNeGiven && block->version != rules->givenVersion ? STATUS_WRONG_VERSION : STATUS_OK;
}

Status rc_read(struct rc_client *client, uint64_t table, const void *key, uint16_t key_len,
               const struct RejectRules *rules, uint64_t *version, void *to, uint32_t max, uint32_t *len)
{
    struct cluster *cluster = client->cluster;
    lock(cluster);
    uint64_t *slot = find_slot(cluster, table, key, key_len);
    struct block *block = slot && *slot > GONE ? block_at(cluster, *slot) : NULL;
    Status status = block ? judge(block, rules) : STATUS_OBJECT_DOESNT_EXIST;
    if (status == STATUS_OK) {
        *version = block->version;
        *len = block->len;
        memcpy(to, block->bytes + block->key_len, block->len < max ? block->len : max);
    }
    pthread_mutex_unlock(&cluster->lock);
    return status;
}

Status rc_write(struct rc_client *client, uint64_t table, const void *key, uint16_t key_len, const void *from,
                uint32_t len, const struct RejectRules *rules, uint64_t *version)
{
    struct cluster *cluster = client->cluster;
    if (len > OBJECT_MAX)
        return STATUS_REQUEST_FORMAT_ERROR;
    lock(cluster);
    uint64_t *slot = find_slot(cluster, table, key, key_len);
    uint64_t old = slot ? *slot : NONE;
    Status status = judge(old > GONE ? block_at(cluster, old) : NULL, rules);
    if (status == STATUS_OK && slot) {
        uint64_t new = take_block(cluster, sizeof(struct block) + key_len + len);
        struct block *block = block_at(cluster, new);
        block->table = table;
        block->version = *version = ++cluster->version;
        block->key_len = key_len;
        block->len = len;
        memcpy(block->bytes, key, key_len);
        memcpy(block->bytes + key_len, from, len);
        __atomic_store_n(slot, new, __ATOMIC_SEQ_CST);
        if (old > GONE)
            give_block(cluster, old);
    }
    pthread_mutex_unlock(&cluster->lock);
    return status;
}

Status rc_remove(struct rc_client *client, uint64_t table, const void *key, uint16_t key_len,
                 const struct RejectRules *rules, uint64_t *version)
{
    struct cluster *cluster = client->cluster;
    lock(cluster);
    uint64_t *slot = find_slot(cluster, table, key, key_len);
    uint64_t old = slot ? *slot : NONE;
    Status status = judge(old > GONE ? block_at(cluster, old) : NULL, rules);
    if (status == STATUS_OK && old > GONE) {
        *version = block_at(cluster, old)->version;
        __atomic_store_n(slot, (uint64_t)GONE, __ATOMIC_SEQ_CST);
        give_block(cluster, old);
    }
    pthread_mutex_unlock(&cluster->lock);
    return status;
}

/* Shows what is there when it comes by, as the real one does. */
struct enumeration {
    uint64_t table;
    unsigned slot;
    struct block *copy;
};

void rc_enumerateTablePrepare(struct rc_client *client, uint64_t table, int keys_only, void **state)
{
    (void)client;
    (void)keys_only;
    struct enumeration *enumeration = calloc(1, sizeof *enumeration);
    if (!enumeration)
        abort();
    enumeration->table = table;
    *state = enumeration;
}

Status rc_enumerateTableNext(struct rc_client *client, void *state, uint32_t *key_len, const void **key, uint32_t *len,
                             const void **data)
{
    struct cluster *cluster = client->cluster;
    struct enumeration *at = state;
    free(at->copy);
    at->copy = NULL;
    *key = NULL;
    lock(cluster);
    for (; at->slot < SLOTS && !at->copy; at->slot++) {
        uint64_t offset = cluster->slots[at->slot];
        struct block *block = offset > GONE ? block_at(cluster, offset) : NULL;
        if (!block || block->table != at->table)
            continue;
        size_t bytes = sizeof *block + block->key_len + block->len;
        at->copy = malloc(bytes);
        if (!at->copy)
            abort();
        memcpy(at->copy, block, bytes);
    }
    pthread_mutex_unlock(&cluster->lock);
    if (at->copy) {
        *key = at->copy->bytes;
        *key_len = at->copy->key_len;
        *data = at->copy->bytes + at->copy->key_len;
        *len = at->copy->len;
    }
    return STATUS_OK;
}

void rc_enumerateTableFinalize(void *state)
{
    struct enumeration *enumeration = state;
    free(enumeration->copy);
    free(enumeration);
}
