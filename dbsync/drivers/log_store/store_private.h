/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/log_store/body.h"
#include "dbsync/drivers/log_store/record.h"
#include "dbsync/drivers/log_store/store.h"
#include "dbsync/drivers/log_store/told.h"

/* What the files of the log store share. */

/* A connection and who uses it: the handle, or its thread. */
struct df_store {
    const struct df_kv_ops *ops;
    struct df_kv *kv;
    const char *location; /* for messages */
    unsigned timeout_ms;
    unsigned courtesy_ms; /* of the handle: up to how long the next commit lets others go first */
};

int df_store_no_memory(struct df_error *error);
int df_store_malformed(const struct df_store *store, const char *key, struct df_error *error);
uint64_t df_store_now_ms(void); /* monotonic */
/** A random stamp. */
uint64_t df_store_random(void);

/* The state, and its transaction. */
struct df_state {
    struct df_record record;
    struct df_kv_value value; /* that record points into */
    bool applied;
};

int df_state_read(const struct df_store *store, struct df_state *state, struct df_error *error);
void df_state_clear(struct df_state *state);

/* A transaction whose body is together. */
struct df_entry {
    struct df_record record;
    struct df_kv_value value;
    char *whole; /* of pieces */
    const char *body;
};

/** From the log; -ESTALE: it is not there. Clear it, also after an error. */
int df_entry_read(const struct df_store *store, uint64_t revision, struct df_entry *entry, struct df_error *error);
/** The state's own, which may not be in the log yet. The state must live as long. */
int df_entry_of_state(const struct df_store *store, const struct df_state *state, struct df_entry *entry,
                      struct df_error *error);
void df_entry_clear(struct df_entry *entry);

/* A row as it is stored. */
struct df_stored {
    uint64_t revision; /* 0: it is not there */
    struct df_kv_value value;
    char *whole;
    const char *change; /* NULL: torn, it is being written */
    size_t len;
    bool deleted;
};

/** Takes a value of row/, and reads what did not fit. Clear it, also after an error. value becomes its own. */
int df_stored_take(const struct df_store *store, const char *key, struct df_kv_value value, struct df_stored *row,
                   struct df_error *error);
int df_stored_read(const struct df_store *store, const char *table, const char *id, struct df_stored *row,
                   struct df_error *error);
void df_stored_clear(struct df_stored *row);

/**
 * Writes what follows from the state's transaction, and says in the state that it is done. 0, also when others did.
 * *others: whether somebody else wrote some of it; it is left alone when nobody did.
 */
int df_apply(const struct df_store *store, const struct df_state *state, bool *others, struct df_error *error);

int df_store_commit(struct df_store *store, const struct df_db_op *ops, size_t n, size_t *failed, uint64_t *revision,
                    struct df_error *error);
/** The one thing that makes a database. 0, also when there is one. */
int df_store_create(const struct df_store *store, struct df_error *error);

/* Leases: those of a handle, and what it has seen of others. */
struct df_leases;
struct df_leases *df_leases_new(void);
void df_leases_free(struct df_leases *leases);
int df_leases_take(const struct df_store *store, struct df_leases *leases, const char *name, const char *owner,
                   unsigned ttl, struct df_error *error);
int df_leases_release(const struct df_store *store, struct df_leases *leases, const char *name, struct df_error *error);
void df_leases_release_all(const struct df_store *store, struct df_leases *leases);
/**
 * Tells all leases as rows, and ends those whose holders are dead. *again_ms is when to look again for that.
 */
int df_leases_scan(const struct df_store *store, struct df_leases *leases, uint64_t revision, df_db_row_cb cb,
                   void *arg, unsigned *again_ms, struct df_error *error);

/* The thread that watches. */
struct df_watcher;
int df_watcher_new(const struct df_kv_ops *ops, const struct df_db_config *config, struct df_watcher **watcher,
                   struct df_error *error);
void df_watcher_free(struct df_watcher *watcher);
int df_watcher_fd(const struct df_watcher *watcher);
/** A snapshot was taken at this revision: what was read before is dropped. */
void df_watcher_start(struct df_watcher *watcher, uint64_t revision);
/** What a snapshot says of the leases, as they are not told again after it. */
int df_watcher_tell_leases(struct df_watcher *watcher, struct df_told *leases, uint64_t revision, df_db_row_cb cb,
                           void *arg);
void df_watcher_forget_leases(struct df_watcher *watcher);
int df_watcher_go(struct df_watcher *watcher, uint64_t *revision, df_db_row_cb cb, void *arg, struct df_error *error);
