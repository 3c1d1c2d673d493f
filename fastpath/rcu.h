/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * RCU as the whole program uses it: the QSBR flavour of liburcu, included nowhere else.
 *
 * Invariant: what a reader found stays alive until the reader's next quiescent state. Objects are immutable once
 * published; to change one is to publish a successor and to hand the old one to df_rcu_call().
 *
 * How threads behave:
 *  - A worker registers when it starts, reports df_rcu_quiescent() after each round, holds no RCU pointer across it,
 *    and unregisters before it ends. Before it sleeps it goes offline.
 *  - The control thread is the single writer, and a reader as well: it registers when it starts, is online while it
 *    works and offline while it waits in its event loop, so that grace periods never wait for it.
 *  - Every other thread that reads a table does as a worker does. A thread that is not registered, or is offline, may
 *    touch nothing here.
 *  - Callbacks of df_rcu_call() run on a thread of liburcu: they free memory or post to the control thread.
 *
 *     df_rcu_offline();                      struct thing *old = slot;
 *     wait for events;                       df_rcu_publish(slot, successor);
 *     df_rcu_online();                       df_rcu_call(&old->rcu, free_thing);
 */

/* The readers' functions are inlined: a quiescent state is a few loads and a store. */
#ifndef _LGPL_SOURCE
#define _LGPL_SOURCE
#endif
#include <urcu/urcu-qsbr.h>

static inline void df_rcu_register(void)
{
    urcu_qsbr_register_thread();
}

static inline void df_rcu_unregister(void)
{
    urcu_qsbr_unregister_thread();
}

/** The calling thread holds no pointer that it found before. */
static inline void df_rcu_quiescent(void)
{
    urcu_qsbr_quiescent_state();
}

/** Until df_rcu_online() the thread reads nothing, and no grace period waits for it. */
static inline void df_rcu_offline(void)
{
    urcu_qsbr_thread_offline();
}

static inline void df_rcu_online(void)
{
    urcu_qsbr_thread_online();
}

/** Calls fn(head) on an RCU thread after a grace period. Control thread, online; never blocks. */
static inline void df_rcu_call(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
    urcu_qsbr_call_rcu(head, fn);
}

/** Waits for a grace period. Blocks: for the end of the program and for tests. */
static inline void df_rcu_synchronize(void)
{
    urcu_qsbr_synchronize_rcu();
}

/** Waits until every callback handed over so far has run. Blocks: for the end of the program and for tests. */
static inline void df_rcu_barrier(void)
{
    urcu_qsbr_barrier();
}

/* A pointer to an RCU object, for reading; and its publication. The pointer is a plain lvalue. */
#define df_rcu_read(pointer) rcu_dereference(pointer)
#define df_rcu_publish(pointer, object) rcu_assign_pointer(pointer, object)
