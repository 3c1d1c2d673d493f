/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/holder.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/dbsync/place.h"

/* Who has a host's name, on an embedded database, where a lease is a file's lock and whoever removes the file ends it. */

#define PATIENCE_MS 30000

static struct place place;
static struct df_nb *nb;
static struct df_error error;
static int changed;

static void set_up(void)
{
    place_make(&place);
    cr_assert_eq(df_nb_open("lmdb", &place.create, &nb, &error), 0, "%s", error.text);
    changed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void tear_down(void)
{
    close(changed);
    df_nb_close(nb);
    place_remove(&place);
}

TestSuite(holder, .init = set_up, .fini = tear_down, .timeout = 120);

static struct df_holder *hold(void)
{
    struct df_holder_config config = {
        .driver = "lmdb", .database = place.exists, .host = "here", .owner = "me", .changed = changed};
    struct df_holder *holder = df_holder_new(&config);
    cr_assert_not_null(holder);
    return holder;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* By its descriptor alone: a change that is not told is not seen. */
static struct df_holder_view wait_for(struct df_holder *holder, enum df_holder_state state, bool away)
{
    struct pollfd fd = {.fd = changed, .events = POLLIN};
    struct df_holder_view view;
    eventfd_t value;
    uint64_t end = now_ms() + PATIENCE_MS, now;
    df_holder_view(holder, &view);
    while ((view.state != state || view.away != away) && (now = now_ms()) < end) {
        poll(&fd, 1, (int)(end - now));
        eventfd_read(changed, &value);
        df_holder_view(holder, &view);
    }
    cr_assert_eq(view.state, state, "state %d, away %d", view.state, view.away);
    cr_assert_eq(view.away, away, "away %d: %s", view.away, view.error.text);
    return view;
}

static int take(const char *owner)
{
    return df_nb_lease(nb, "chassis-here", owner, 5, &error);
}

Test(holder, a_free_name_is_held_and_given_back)
{
    struct df_holder *holder = hold();
    wait_for(holder, DF_HOLDER_OURS, false);
    cr_expect_eq(take("other"), -EBUSY);
    cr_expect_not_null(strstr(error.text, "me"), "%s", error.text);
    df_holder_free(holder);
    cr_expect_eq(take("other"), 0, "%s", error.text);
}

Test(holder, a_rival_is_named_and_has_the_name_until_he_ends)
{
    cr_assert_eq(take("other"), 0);
    struct df_holder *holder = hold();
    struct df_holder_view view = wait_for(holder, DF_HOLDER_RIVALS, false);
    cr_expect_not_null(strstr(view.who.text, "other"), "%s", view.who.text);
    cr_expect_eq(df_nb_release(nb, "chassis-here", &error), 0);
    wait_for(holder, DF_HOLDER_OURS, false);
    df_holder_free(holder);
}

Test(holder, a_name_that_was_ours_is_lost_to_who_took_it_and_comes_back)
{
    char path[sizeof(place.path) + 32];
    struct df_holder *holder = hold();
    wait_for(holder, DF_HOLDER_OURS, false);
    snprintf(path, sizeof(path), "%s/leases/chassis-here", place.path);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(take("other"), 0, "%s", error.text);
    wait_for(holder, DF_HOLDER_LOST, false);
    cr_expect_eq(df_nb_release(nb, "chassis-here", &error), 0);
    wait_for(holder, DF_HOLDER_OURS, false);
    df_holder_free(holder);
}

static void move(const char *from, const char *to)
{
    char old[sizeof(place.path) + 16], new[sizeof(place.path) + 16];
    snprintf(old, sizeof(old), "%s%s", place.path, from);
    snprintf(new, sizeof(new), "%s%s", place.path, to);
    cr_assert_eq(rename(old, new), 0);
}

Test(holder, a_database_that_is_not_there_is_away_until_it_is)
{
    move("/data.mdb", "/hidden");
    struct df_holder *holder = hold();
    struct df_holder_view view = wait_for(holder, DF_HOLDER_ASKING, true);
    cr_expect_not_null(strstr(view.error.text, place.path), "%s", view.error.text);
    cr_expect_gt(view.failures, 0);
    move("/hidden", "/data.mdb");
    wait_for(holder, DF_HOLDER_OURS, false);
    df_holder_free(holder);
}

/* The old one's lease is given back, so the name is held in one database. */
Test(holder, in_a_database_that_replaced_the_old_one_the_name_is_taken_anew)
{
    struct df_nb *new;
    struct df_holder *holder = hold();
    wait_for(holder, DF_HOLDER_OURS, false);
    move("", ".old");
    cr_assert_eq(df_nb_open("lmdb", &place.create, &new, &error), 0, "%s", error.text);
    df_holder_reopen(holder);
    uint64_t end = now_ms() + PATIENCE_MS;
    int rc;
    while ((rc = df_nb_lease(new, "chassis-here", "other", 5, &error)) == 0 && now_ms() < end) {
        cr_assert_eq(df_nb_release(new, "chassis-here", &error), 0);
        poll(NULL, 0, 50);
    }
    cr_expect_eq(rc, -EBUSY, "%d", rc);
    cr_expect_not_null(strstr(error.text, "me"), "%s", error.text);
    df_holder_free(holder);
    df_nb_close(new);
    place_remove(&place);
    move(".old", "");
}
