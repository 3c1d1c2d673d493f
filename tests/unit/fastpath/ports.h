/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <criterion/criterion.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fastpath/eal.h"
#include "fastpath/ports/port.h"

/* What the tests of ports share: an EAL on one CPU, ports made with few words, frames to tell apart. */

static struct df_eal eal;
static _Atomic unsigned changes; /* calls of config.changed */

static inline void start_eal(void)
{
    cpu_set_t cpus;
    unsigned cpu = 0;
    cr_assert_eq(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
    while (!CPU_ISSET(cpu, &cpus))
        cpu++;
    struct df_eal_config config = {.program = "test",
                                   .worker_cpus = &cpu,
                                   .n_workers = 1,
                                   .control_cpu = -1,
                                   .n_mbufs = 8192,
                                   .memory_mb = 96,
                                   .log_level = "critical"};
    cr_assert_eq(df_eal_init(&config, &eal), 0, "%s %s", df_eal_cause_text(eal.cause), eal.detail);
}

static inline void count_change(void *arg, uint16_t number)
{
    (void)arg;
    (void)number;
    changes++;
}

static inline struct df_port_config port_config(uint16_t number, const char *vif_type, const char *vif_name)
{
    return (struct df_port_config){.number = number,
                                   .name = "test port",
                                   .vif_type = vif_type,
                                   .vif_name = vif_name,
                                   .n_workers = 1,
                                   .pool = eal.pool,
                                   .changed = count_change};
}

static inline int try_open(uint16_t number, const char *vif_type, const char *vif_name, struct df_port **port)
{
    struct df_port_config config = port_config(number, vif_type, vif_name);
    return df_port_open(&config, port);
}

static inline int try_device(uint16_t number, const char *devargs, struct df_port **port)
{
    struct df_port_config config = port_config(number, "ethdev", "configured");
    config.devargs = devargs;
    return df_port_open(&config, port);
}

static inline struct df_port *open_device(uint16_t number, const char *devargs)
{
    struct df_port *port;
    int err = try_device(number, devargs, &port);
    cr_assert_eq(err, 0, "%s: %s", devargs, strerror(-err));
    return port;
}

/* Waits for something that another thread or the kernel does; a test that waits ten seconds has failed. */
#define WAIT_FOR(CONDITION)                                                                                            \
    do {                                                                                                               \
        time_t wait_until = time(NULL) + 10;                                                                           \
        while (!(CONDITION)) {                                                                                         \
            cr_assert(time(NULL) < wait_until, "waited in vain for " #CONDITION);                                      \
            sched_yield();                                                                                             \
        }                                                                                                              \
    } while (0)

static inline bool attached(const struct df_port *port)
{
    const char *detail = NULL;
    bool up = port->ops->attached(port, &detail);
    cr_assert_not_null(detail);
    return up;
}

#define FRAME_LEN 60u
#define FRAME_TYPE 0x88b5 /* IEEE 802 local experimental: nobody else sends it */

/* A broadcast frame that bears a number. */
static inline void write_frame(uint8_t *frame, uint32_t tag)
{
    memset(frame, 0, FRAME_LEN);
    memset(frame, 0xff, 6);
    frame[6] = 0x02;
    frame[12] = FRAME_TYPE >> 8;
    frame[13] = FRAME_TYPE & 0xff;
    memcpy(frame + 14, &tag, sizeof(tag));
}

static inline bool read_frame(const uint8_t *frame, size_t len, uint32_t *tag)
{
    if (len < 18 || frame[12] != FRAME_TYPE >> 8 || frame[13] != (FRAME_TYPE & 0xff))
        return false;
    memcpy(tag, frame + 14, sizeof(*tag));
    return true;
}

static inline struct rte_mbuf *new_frame(uint32_t tag)
{
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(eal.pool);
    cr_assert_not_null(mbuf);
    char *frame = rte_pktmbuf_append(mbuf, FRAME_LEN);
    cr_assert_not_null(frame);
    write_frame((uint8_t *)frame, tag);
    return mbuf;
}

/* Sends one frame; what the port does not take is freed. */
static inline bool send_frame(struct df_port *port, uint32_t tag)
{
    struct rte_mbuf *mbuf = new_frame(tag);
    if (port->ops->tx(port, 0, &mbuf, 1) == 1)
        return true;
    rte_pktmbuf_free(mbuf);
    return false;
}

/* Receives what is there and tells whether the frame with that number was in it. */
static inline bool received(struct df_port *port, uint32_t wanted)
{
    struct rte_mbuf *mbufs[32];
    bool found = false;
    for (uint16_t q = 0; q < port->n_rxq; q++) {
        uint16_t n = port->ops->rx(port, q, mbufs, 32);
        for (uint16_t i = 0; i < n; i++) {
            uint32_t tag;
            found |= read_frame(rte_pktmbuf_mtod(mbufs[i], uint8_t *), mbufs[i]->data_len, &tag) && tag == wanted;
            rte_pktmbuf_free(mbufs[i]);
        }
    }
    return found;
}

__attribute__((format(printf, 1, 2))) static inline void run(const char *format, ...)
{
    char command[512];
    va_list list;
    va_start(list, format);
    vsnprintf(command, sizeof(command), format, list);
    va_end(list);
    cr_assert_eq(system(command), 0, "%s", command);
}

/* A folder that goes away with the test. */
static inline const char *temporary(void)
{
    static char folder[] = "/tmp/df-ports-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    return folder;
}

static inline void remove_temporary(const char *folder)
{
    run("rm -r %s", folder);
}
