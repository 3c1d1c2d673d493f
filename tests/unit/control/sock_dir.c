/* SPDX-License-Identifier: Apache-2.0 */
#include "control/binding/sock_dir.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct df_error error;
static char path[256];

static const char *path_of(const struct df_sock_dir *dir, const char *name)
{
    int rc = df_sock_dir_path(dir, name, path, sizeof(path), &error);
    cr_assert(rc == 0 || rc == -EINVAL);
    return rc == 0 ? path : NULL;
}

Test(sock_dir, names_lead_below_it)
{
    struct df_sock_dir *dir = df_sock_dir_new("/run//no-such-df/./");
    cr_expect_str_eq(path_of(dir, "a"), "/run/no-such-df/a");
    cr_expect_str_eq(path_of(dir, "./sub//a"), "/run/no-such-df/sub/a");
    cr_expect_str_eq(path_of(dir, "/run/no-such-df/a"), "/run/no-such-df/a");
    cr_expect_str_eq(path_of(dir, "//run/./no-such-df//a"), "/run/no-such-df/a");
    cr_expect_str_eq(path_of(dir, "..a"), "/run/no-such-df/..a");
    static const char *const bad[] = {"",     "/",        ".",
                                      "..",   "../a",     "a/../b",
                                      "/a",   "/run/a",   "/run/no-such-df",
                                      "a/..", "/run/../", "/run/no-such-df/../a",
                                      "/run", "/run/no",  "/run/no-such-df2/a"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_expect_null(path_of(dir, bad[i]), "%s", bad[i]);
        cr_expect_not_null(strstr(error.text, "/run/no-such-df"), "the remedy is told: %s", error.text);
    }
    df_sock_dir_free(dir);
}

Test(sock_dir, a_path_that_has_no_room_is_refused_and_not_cut)
{
    struct df_sock_dir *dir = df_sock_dir_new("/run");
    char name[PATH_MAX + 100];
    cr_expect_eq(df_sock_dir_path(dir, "abc", path, 9, &error), 0);
    cr_expect_eq(df_sock_dir_path(dir, "abc", path, 8, &error), -EINVAL);
    memset(name, 'a', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    cr_expect_eq(df_sock_dir_path(dir, name, path, sizeof(path), &error), -EINVAL);
    name[0] = '/';
    cr_expect_eq(df_sock_dir_path(dir, name, path, sizeof(path), &error), -EINVAL);
    df_sock_dir_free(dir);
}

Test(sock_dir, without_a_folder_there_is_no_socket)
{
    static const char *const none[] = {NULL, "", "/", "/.."};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        struct df_sock_dir *dir = df_sock_dir_new(none[i]);
        cr_expect_null(path_of(dir, "a"));
        cr_expect_null(path_of(dir, "/a"));
        df_sock_dir_free(dir);
    }
    df_sock_dir_free(NULL);
}

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *format, ...)
{
    char command[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(command, sizeof(command), format, list);
    va_end(list);
    cr_assert_eq(system(command), 0, "%s", command);
}

static int check(const struct df_sock_dir *dir, const char *name)
{
    cr_assert_not_null(path_of(dir, name), "%s", error.text);
    return df_sock_dir_check(dir, path, &error);
}

Test(sock_dir, links_below_it_are_not_followed)
{
    char root[] = "/tmp/df-sock-dir-XXXXXX";
    char place[64], other[64];
    cr_assert_not_null(mkdtemp(root));
    snprintf(place, sizeof(place), "%s/link", root);
    snprintf(other, sizeof(other), "%s/real/a", root);
    run("cd %s && mkdir -p real/sub elsewhere && ln -s real link && ln -s ../elsewhere real/out && touch real/there "
        "elsewhere/a && ln -s ../elsewhere/a real/sock && ln -s nowhere real/dangling && ln -s sub real/inside",
        root);
    struct df_sock_dir *dir = df_sock_dir_new(place);

    /* The folder itself may be reached by a link, and by both of its names. */
    cr_expect_str_eq(path_of(dir, other) ? strrchr(path, '/') : "", "/a");
    cr_expect_eq(strncmp(path, place, strlen(place)), 0, "%s", path);
    cr_expect_eq(check(dir, "a"), 0);
    cr_expect_eq(check(dir, "there"), 0);
    cr_expect_eq(check(dir, "sub/a"), 0);
    static const char *const links[] = {"out/a", "out/none", "sock", "dangling", "inside/a"};
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        cr_expect_eq(check(dir, links[i]), -ELOOP, "%s", links[i]);
        cr_expect_not_null(strstr(error.text, "is a symbolic link"), "%s", error.text);
    }
    cr_expect_eq(check(dir, "missing/a"), -ENOENT);
    cr_expect_not_null(strstr(error.text, "/link/missing: "), "%s", error.text);
    cr_expect_eq(check(dir, "there/a"), -ENOTDIR);
    cr_expect_eq(df_sock_dir_check(dir, "/tmp/a", &error), -EINVAL);
    df_sock_dir_free(dir);
    run("rm -r %s", root);
}
