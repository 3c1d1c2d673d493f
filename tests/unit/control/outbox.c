/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/outbox.h"

#include <criterion/criterion.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/dbsync/place.h"

/* What a node wants written reaches the database row by row. */

static struct place place;
static struct df_nb *nb;
static struct df_outbox *outbox;
static struct df_error error;

static void set_up(void)
{
    place_make(&place);
    cr_assert_eq(df_nb_open("lmdb", &place.create, &nb, &error), 0, "%s", error.text);
    outbox = df_outbox_new("lmdb", &place.exists);
}

static void tear_down(void)
{
    df_outbox_free(outbox);
    df_nb_close(nb);
    place_remove(&place);
}

TestSuite(outbox, .init = set_up, .fini = tear_down);

static Df__PortStatus status_of(char *id, char *chassis)
{
    Df__PortStatus status = DF__PORT_STATUS__INIT;
    status.id = status.lport = id;
    status.chassis = chassis;
    status.has_attached = status.has_applied_version = status.attached = true;
    status.applied_version = 3;
    return status;
}

static void say_status(char *id, char *chassis)
{
    Df__PortStatus status = status_of(id, chassis);
    cr_assert_eq(df_nb_write(nb, DF_NB_PUT, DF_NB_PORT_STATUS, &status.base, &error), 0, "%s", error.text);
}

static void count_dead(struct df_nb_change *change, void *arg)
{
    const Df__PortStatus *status = (const Df__PortStatus *)change->object;
    *(unsigned *)arg += !status->attached && strcmp(status->reason, "chassis gone is dead") == 0;
}

static unsigned n_dead(void)
{
    unsigned n = 0;
    cr_assert_eq(df_nb_list(nb, DF_NB_PORT_STATUS, count_dead, &n, &error), 0, "%s", error.text);
    return n;
}

static int write_one(void)
{
    return df_outbox_write(outbox, nb, "here", &error);
}

/* Each takes a while, and there is a lease to renew in between. */
Test(outbox, the_ports_of_a_dead_node_are_marked_one_at_a_time)
{
    char id[4][8];
    for (unsigned i = 0; i < 4; i++) {
        snprintf(id[i], sizeof(id[i]), "p%u", i);
        say_status(id[i], i == 3 ? "other" : "gone");
    }
    df_outbox_bury(outbox, "gone");
    cr_expect_eq(write_one(), 1, "they are listed");
    for (unsigned n = 1; n <= 3; n++) {
        cr_expect_eq(write_one(), n < 3);
        cr_expect_eq(n_dead(), n);
    }
    cr_expect_eq(write_one(), 0);
}

Test(outbox, a_port_that_moved_meanwhile_is_left_alone)
{
    say_status("p", "gone");
    df_outbox_bury(outbox, "gone");
    cr_expect_eq(write_one(), 1);
    say_status("p", "other");
    cr_expect_eq(write_one(), 0);
    cr_expect_eq(n_dead(), 0);
}

Test(outbox, other_rows_have_their_turn_meanwhile)
{
    say_status("p", "gone");
    say_status("q", "gone");
    df_outbox_bury(outbox, "gone");
    Df__PortStatus own = status_of("own", "here");
    df_outbox_put(outbox, DF_NB_PORT_STATUS, "own", &own.base);
    cr_expect_eq(write_one(), 1);
    cr_expect_eq(write_one(), 1);
    ProtobufCMessage *object = NULL;
    cr_expect_eq(df_nb_get(nb, DF_NB_PORT_STATUS, "own", &object, &error), 0);
    if (object)
        protobuf_c_message_free_unpacked(object, NULL);
    cr_expect_eq(n_dead(), 0);
}

Test(outbox, the_marking_ends_when_the_node_is_back)
{
    say_status("p", "gone");
    say_status("q", "gone");
    df_outbox_bury(outbox, "gone");
    df_outbox_bury(outbox, "other");
    df_outbox_spare(outbox, "other");
    cr_expect_eq(write_one(), 1, "they are listed");
    cr_expect_eq(write_one(), 1);
    df_outbox_spare(outbox, "gone");
    cr_expect_eq(write_one(), 0);
    cr_expect_eq(n_dead(), 1);
    df_outbox_bury(outbox, "gone");
    while (write_one())
        ;
    cr_expect_eq(n_dead(), 2, "dead once more");
}

/* Another process writes as long as nobody closes the pipe it is given: nobody else can meanwhile. */
static pid_t begin_to_write(int *stop)
{
    int began[2], end[2];
    char byte = 0;
    cr_assert_eq(pipe(began) + pipe(end), 0);
    pid_t child = fork();
    if (child == 0) {
        MDB_env *env;
        MDB_txn *txn;
        close(end[1]);
        int rc = mdb_env_create(&env) || mdb_env_set_maxdbs(env, 8) || mdb_env_open(env, place.exists.location, 0, 0) ||
                 mdb_txn_begin(env, NULL, 0, &txn) || write(began[1], &byte, 1) != 1 || read(end[0], &byte, 1) != 0;
        _exit(rc);
    }
    close(began[1]);
    close(end[0]);
    cr_assert_eq(read(began[0], &byte, 1), 1, "the other process cannot write");
    close(began[0]);
    *stop = end[1];
    return child;
}

static _Atomic pid_t writer;

static void *write_one_there(void *arg)
{
    atomic_store(&writer, gettid());
    *(int *)arg = write_one();
    return NULL;
}

static bool is_asleep(pid_t thread)
{
    char path[64], state = 0;
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread);
    FILE *file = fopen(path, "r");
    cr_assert(file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1);
    fclose(file);
    return state == 'S';
}

Test(outbox, the_marking_ends_also_while_a_port_is_being_marked, .timeout = 60)
{
    pthread_t thread;
    int status, stop, rc = -1;
    say_status("p", "gone");
    say_status("q", "gone");
    df_outbox_bury(outbox, "gone");
    cr_expect_eq(write_one(), 1, "they are listed");
    pid_t other = begin_to_write(&stop);
    cr_assert_eq(pthread_create(&thread, NULL, write_one_there, &rc), 0);
    while (!atomic_load(&writer) || !is_asleep(atomic_load(&writer)))
        ;
    df_outbox_spare(outbox, "gone");
    close(stop);
    cr_assert_eq(waitpid(other, &status, 0), other);
    cr_expect_eq(status, 0);
    pthread_join(thread, NULL);
    cr_expect_eq(rc, 0, "nothing is left to be done");
    cr_expect_eq(n_dead(), 1, "the one that was being marked");
}

/* The box is left with work half done. */
Test(outbox, what_was_not_written_is_freed)
{
    say_status("p", "gone");
    df_outbox_bury(outbox, "gone");
    cr_expect_eq(write_one(), 1);
}
