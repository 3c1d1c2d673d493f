/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/daemon/db_queue.h"
#include "control/daemon/outbox.h"
#include "dbsync/pubsub/subscriber.h"

/*
 * The thread that speaks with the northbound database, so that one which is slow or does not answer keeps nobody
 * waiting: not DHCP, not a port that is plugged in, not df-ctl.
 *
 * It opens the database, puts all changes into the queue, writes what is in the outbox, and tries everything again with
 * growing pauses. It reads nothing before it is known who has this node's name (holder.h, which it starts), and writes
 * nothing while another df-switchd has it that had it first. It decides nothing: what to make of the changes is the
 * control thread's.
 */

struct df_db_thread;

struct df_db_thread_config {
    const char *driver;
    struct df_db_config database;
    const char *host;
    const char *owner; /* of the lease: the same for a process that takes this one's place on this machine */
    const struct df_subscriber_config *subscriber; /* NULL: changes are heard of from the database */
    const char *const *topics;                     /* to follow from the start (df_nb_follow()); copied */
    size_t n_topics;                               /* 0: everything */
};

/** Starts it. The queue and the outbox stay the caller's; strings too. NULL: no memory, no thread. */
struct df_db_thread *df_db_thread_new(const struct df_db_thread_config *config, struct df_db_queue *queue,
                                      struct df_outbox *outbox);

/** Ends it: the lease is given back. Waits for a request that is under way. NULL is fine. */
void df_db_thread_free(struct df_db_thread *thread);

/** There is something in the outbox. Any thread. */
void df_db_thread_wake(struct df_db_thread *thread);

/** Follows these topics from now on (df_nb_follow()); copied. anew: with a snapshot. Any thread. */
void df_db_thread_follow(struct df_db_thread *thread, const char *const *topics, size_t n, bool anew);

/** What came from publishers, as of the last attempt. false: this node does not listen to publishers. Any thread. */
bool df_db_thread_tally(struct df_db_thread *thread, struct df_subscriber_tally *tally);
