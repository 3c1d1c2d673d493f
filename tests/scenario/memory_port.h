/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Ports of memory: what the test puts in, a worker receives; what a worker transmits, the test takes out.
 * They stand in for vif_type ethdev. Single-threaded. One with an MTU over 2000, or 9000, does not open.
 */

/* Of every device. */
#define MEMORY_PORT_MAC                                                                                                \
    {                                                                                                                  \
        2, 0, 0, 0, 0xff, 1                                                                                            \
    }

void memory_ports_register(void);

/** Those that open from now on take an MTU of up to 9000. */
void memory_ports_take_jumbo_frames(void);

/** They stand in for vif_type tap too. */
void memory_ports_register_tap(void);

/** Puts a frame at the port's receive side; false when no such port is open or its queue is full. Takes the mbuf. */
bool memory_port_put(const char *name, struct rte_mbuf *mbuf);

/** Takes the next transmitted frame; the caller frees it. NULL: none. */
struct rte_mbuf *memory_port_take(const char *name);

/** The name of any port at which a frame waits, or NULL. */
const char *memory_port_waiting(void);

/** The link of the port comes up or goes down; all are up at first. */
void memory_port_set_link(const char *name, bool up);

/** How many transmitted frames wait at the port, the i-th of them (below that number), and the last n of them gone. */
unsigned memory_port_count(const char *name);
const struct rte_mbuf *memory_port_peek(const char *name, unsigned i);
void memory_port_forget_last(const char *name, unsigned n);
