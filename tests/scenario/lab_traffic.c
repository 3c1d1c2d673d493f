/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"

#include <stdio.h>

#include "control/datapath/fastpath.h"
#include "control/trace/words.h"
#include "tests/scenario/lab_private.h"
#include "tests/scenario/memory_port.h"

/* The lab's packets: how they are sent, and what is said of what comes of them. */

#define WINDOW_MS 125 /* longer than a window of allowances */

static uint64_t drops_seen[DF_DROPS];
static uint64_t misses_before, hits_before;

static void remember_tally(void)
{
    struct df_worker_tally tally;
    df_worker_tally(df_worker(0), &tally);
    misses_before = tally.misses;
    hits_before = tally.hits;
}

static void send_once(const char *port, const uint8_t *frame, size_t len)
{
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(lab_pool());
    cr_assert_not_null(mbuf);
    char *room = rte_pktmbuf_append(mbuf, (uint16_t)len);
    cr_assert_not_null(room);
    memcpy(room, frame, len);
    cr_assert(memory_port_put(port, mbuf), "no port '%s' is open, or it is full", port);
    df_worker_round(df_worker(0));
    df_datapath_fastpath_poll(lab_datapath()); /* to the app */
    df_worker_round(df_worker(0));             /* and what it sends */
}

static void count_drops(uint64_t drops[DF_DROPS])
{
    for (unsigned reason = 0; reason < DF_DROPS; reason++)
        drops[reason] = 0;
    for (uint16_t port = 0; port < DF_PORTS_MAX; port++) {
        struct df_port_tally tally;
        df_port_tally(port, &tally);
        for (unsigned reason = 0; reason < DF_DROPS; reason++)
            drops[reason] += tally.drops[reason];
    }
}

static bool same_frame(const struct rte_mbuf *a, const struct rte_mbuf *b)
{
    return a->data_len == b->data_len &&
           memcmp(rte_pktmbuf_mtod(a, uint8_t *), rte_pktmbuf_mtod(b, uint8_t *), a->data_len) == 0;
}

/* Of n frames, then n1, then n1 again at the port: the last n1 are the same, and go. */
static void compare_and_forget(const char *port, unsigned n, unsigned n1)
{
    unsigned again = memory_port_count(port) - n - n1;
    cr_assert_eq(again, n1, "the frame, sent again, gave %u frames at %s, and %u before", again, port, n1);
    for (unsigned i = 0; i < n1; i++) {
        cr_assert(same_frame(memory_port_peek(port, n + i), memory_port_peek(port, n + n1 + i)),
                  "the frame, sent again, came to %s as another one", port);
    }
    memory_port_forget_last(port, n1);
}

/* Sends a frame a second time: what comes of it must be the same, and is then forgotten. */
static void send_twice(const char *port, const uint8_t *frame, size_t len)
{
    unsigned before[LAB_DEVICES], first[LAB_DEVICES];
    uint64_t drops[3][DF_DROPS];
    for (unsigned i = 0; i < LAB_DEVICES; i++)
        before[i] = memory_port_count(lab_device(i));
    count_drops(drops[0]);
    send_once(port, frame, len);
    for (unsigned i = 0; i < LAB_DEVICES; i++)
        first[i] = memory_port_count(lab_device(i)) - before[i];
    count_drops(drops[1]);
    lab_let_pass_ms(WINDOW_MS);
    send_once(port, frame, len);
    count_drops(drops[2]);
    for (unsigned i = 0; i < LAB_DEVICES; i++)
        compare_and_forget(lab_device(i), before[i], first[i]);
    for (unsigned reason = 0; reason < DF_DROPS; reason++) {
        cr_assert_eq(drops[1][reason] - drops[0][reason], drops[2][reason] - drops[1][reason],
                     "the frame, sent again, was not dropped as %s as it was before", df_drop_name(reason));
        drops_seen[reason] += drops[2][reason] - drops[1][reason];
    }
}

void lab_send_bytes(const char *port, const uint8_t *frame, size_t len)
{
    remember_tally();
    if (lab_cache() == LAB_CACHE_TWICE)
        send_twice(port, frame, len);
    else
        send_once(port, frame, len);
}

void lab_frame(const char *words, uint8_t *frame, size_t *len)
{
    struct df_error error = {""};
    cr_assert_eq(df_words_to_frame(words, NULL, frame, len, &error), 0, "%s: %s", words, error.text);
}

void lab_send(const char *port, const char *words)
{
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame);
    lab_frame(words, frame, &len);
    lab_send_bytes(port, frame, len);
}

const uint8_t *lab_receive(const char *port, size_t *len)
{
    static uint8_t frame[DF_WORDS_FRAME_MAX];
    struct rte_mbuf *mbuf = memory_port_take(port);
    if (mbuf == NULL)
        return NULL;
    *len = mbuf->data_len;
    memcpy(frame, rte_pktmbuf_mtod(mbuf, uint8_t *), *len);
    rte_pktmbuf_free(mbuf);
    return frame;
}

static void show(const char *title, const uint8_t *frame, size_t len)
{
    fprintf(stderr, "%s (%zu bytes):", title, len);
    for (size_t i = 0; i < len; i++)
        fprintf(stderr, "%s%02x", i % 16 == 0 ? "\n  " : " ", frame[i]);
    fputc('\n', stderr);
}

static void expect_frame(const char *port, const uint8_t *wanted, size_t wanted_len, const char *words)
{
    size_t len = 0;
    const uint8_t *frame = lab_receive(port, &len);
    cr_assert_not_null(frame, "nothing came to %s; expected %s", port, words);
    if (len == wanted_len && memcmp(frame, wanted, len) == 0)
        return;
    show("expected", wanted, wanted_len);
    show("came", frame, len);
    cr_assert_fail("another frame than %s came to %s", words, port);
}

void lab_expect(const char *port, const char *words)
{
    uint8_t wanted[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(wanted);
    lab_frame(words, wanted, &len);
    expect_frame(port, wanted, len, words);
}

void lab_expect_bytes(const char *port, const uint8_t *frame, size_t len)
{
    expect_frame(port, frame, len, "these bytes");
}

void lab_expect_none(const char *port)
{
    size_t len;
    const uint8_t *frame = lab_receive(port, &len);
    if (frame == NULL)
        return;
    show("came", frame, len);
    cr_assert_fail("a frame came to %s, which should hear nothing", port);
}

void lab_expect_silence(void)
{
    const char *port = memory_port_waiting();
    if (port != NULL)
        lab_expect_none(port);
}

void lab_passes_bytes(const char *from, const uint8_t *frame, size_t len, const char *to)
{
    lab_send_bytes(from, frame, len);
    expect_frame(to, frame, len, "what was sent");
    lab_expect_silence();
    lab_expect_no_drop();
}

void lab_passes(const char *from, const char *words, const char *to)
{
    lab_send(from, words);
    lab_expect(to, words);
    lab_expect_silence();
    lab_expect_no_drop();
}

void lab_refused_bytes(const char *from, const uint8_t *frame, size_t len, const char *reason)
{
    lab_send_bytes(from, frame, len);
    lab_expect_silence();
    lab_expect_drop(reason, 1);
}

void lab_refused(const char *from, const char *words, const char *reason)
{
    lab_send(from, words);
    lab_expect_silence();
    lab_expect_drop(reason, 1);
}

static void drops_since(uint64_t drops[DF_DROPS])
{
    count_drops(drops);
    for (unsigned reason = 0; reason < DF_DROPS; reason++) {
        uint64_t total = drops[reason];
        drops[reason] -= drops_seen[reason];
        drops_seen[reason] = total;
    }
}

void lab_expect_drop(const char *name, uint64_t n)
{
    uint64_t drops[DF_DROPS];
    bool known = n == 0;
    drops_since(drops);
    for (unsigned reason = 1; reason < DF_DROPS; reason++) {
        bool wanted = strcmp(df_drop_name(reason), name) == 0;
        known |= wanted;
        cr_assert_eq(drops[reason], wanted ? n : 0, "%lu packets dropped as %s, expected %lu as %s",
                     (unsigned long)drops[reason], df_drop_name(reason), (unsigned long)n, name);
    }
    cr_assert(known, "there is no drop reason '%s'", name);
}

void lab_expect_no_drop(void)
{
    lab_expect_drop("none", 0);
}

void lab_expect_walked(void)
{
    struct df_worker_tally tally;
    df_worker_tally(df_worker(0), &tally);
    cr_assert_gt(tally.misses, misses_before, "the packet did not walk the tables");
}

void lab_expect_cached(void)
{
    struct df_worker_tally tally;
    if (lab_cache() == LAB_CACHE_OFF)
        return;
    df_worker_tally(df_worker(0), &tally);
    cr_assert_gt(tally.hits, hits_before, "the packet was not served by the flow cache");
    cr_assert_eq(tally.misses, misses_before, "the packet walked the tables");
}

uint64_t lab_port_drops(const char *lport, const char *name)
{
    const char *id;
    uint16_t number;
    struct df_port_tally tally;
    struct df_error error = {""};
    cr_assert_eq(df_controller_find_port(lab_controller(), lport, &number, &id, &error), 0, "%s", error.text);
    df_port_tally(number, &tally);
    unsigned reason = 1;
    while (reason < DF_DROPS && strcmp(df_drop_name(reason), name) != 0)
        reason++;
    cr_assert_lt(reason, DF_DROPS, "there is no drop reason '%s'", name);
    return tally.drops[reason];
}
