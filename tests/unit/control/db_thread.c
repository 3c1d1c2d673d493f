/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/db_thread.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* How often a database that is away is asked for: its port takes every connection, and closes it. */

#define PAUSE_FIRST_MS 100 /* doubled from one attempt to the next */
#define WATCHED_MS 1600
#define PATIENCE_MS 30000

static int listener;
static pthread_t closer;
static _Atomic unsigned connections;
static char location[32];

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void *close_all(void *arg)
{
    int fd;
    (void)arg;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        atomic_fetch_add(&connections, 1);
        close(fd);
    }
    return NULL;
}

static void set_up(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(here);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&here, len), 0);
    cr_assert_eq(listen(listener, 128), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&here, &len), 0);
    snprintf(location, sizeof(location), "127.0.0.1:%u", ntohs(here.sin_port));
    cr_assert_eq(pthread_create(&closer, NULL, close_all, NULL), 0);
}

static void tear_down(void)
{
    shutdown(listener, SHUT_RDWR);
    pthread_join(closer, NULL);
    close(listener);
}

TestSuite(db_thread, .init = set_up, .fini = tear_down);

static unsigned attempts_in(uint64_t ms)
{
    unsigned n = 1;
    for (uint64_t at = PAUSE_FIRST_MS, pause = PAUSE_FIRST_MS; at <= ms; n++) {
        pause *= 2;
        at += pause;
    }
    return n;
}

Test(db_thread, a_database_that_is_away_is_asked_for_with_growing_pauses)
{
    struct df_db_thread_config config = {.driver = "redis", .host = "here", .owner = "me"};
    config.database.location = location;
    struct df_db_queue *queue = df_db_queue_new();
    struct df_outbox *outbox = df_outbox_new(config.driver, &config.database);
    uint64_t begin = now_ms();
    struct df_db_thread *thread = df_db_thread_new(&config, queue, outbox);
    cr_assert_not_null(thread);
    poll(NULL, 0, WATCHED_MS);
    unsigned n = atomic_load(&connections); /* before the clock: all of them were made within the time */
    uint64_t ms = now_ms() - begin;
    cr_expect_leq(n, attempts_in(ms), "%u attempts in %u ms", n, (unsigned)ms);
    while (atomic_load(&connections) < attempts_in(WATCHED_MS) && now_ms() - begin < PATIENCE_MS)
        poll(NULL, 0, 10);
    cr_expect_geq(atomic_load(&connections), attempts_in(WATCHED_MS), "it is not asked for again");
    df_db_thread_free(thread);
    df_outbox_free(outbox);
    df_db_queue_free(queue);
}
