/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * A service from outside: tests/scenario/service_echo, loaded like any app, with a table of its own. It is the one that
 * docs/writing-a-service.md walks through, and the last test keeps the promise of that document.
 */

static char apps_dir[] = "/tmp/df-apps-XXXXXX";
static const char *const apps[] = {"l2", "portsec", "echo", NULL};

static void up(void)
{
    char from[PATH_MAX], to[PATH_MAX];
    cr_assert_not_null(mkdtemp(apps_dir));
    for (const char *const *app = apps; *app; app++) {
        const char *folder = strcmp(*app, "echo") == 0 ? DF_TEST_ECHO_DIR : DF_TEST_APPS_DIR;
        snprintf(from, sizeof(from), "%s/df_app_%s.so", folder, *app);
        snprintf(to, sizeof(to), "%s/df_app_%s.so", apps_dir, *app);
        cr_assert_eq(symlink(from, to), 0);
    }
    lab_up_with(apps, apps_dir);
    lab_model(MODEL_NETWORKS);
    lab_model("{'lport': [" PORT("vm1", "net1", MAC1, "'10.1.0.11'", "'sub1'", ", 'device_id': 'echo'") "," PORT(
        "vm2", "net1", MAC2, "'10.1.0.12'", "'sub1'", "") "]}");
}

static void down(void)
{
    char path[PATH_MAX];
    lab_down();
    for (const char *const *app = apps; *app; app++) {
        snprintf(path, sizeof(path), "%s/df_app_%s.so", apps_dir, *app);
        unlink(path);
    }
    rmdir(apps_dir);
}

TestSuite(service, .init = up, .fini = down);

#define UDP_12 "udp,dl_src=" MAC1 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=10.1.0.12"
#define UDP_21 "udp,dl_src=" MAC2 ",dl_dst=" MAC1 ",nw_src=10.1.0.12,nw_dst=10.1.0.11"

Test(service, what_is_sent_to_port_7_comes_back)
{
    lab_send("vm1", UDP_12 ",tp_src=4000,tp_dst=7");
    lab_expect("vm1", UDP_21 ",tp_src=7,tp_dst=4000");
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(service, other_ports_of_the_protocol_are_switched)
{
    lab_send("vm1", UDP_12 ",tp_src=4000,tp_dst=8");
    lab_expect("vm2", UDP_12 ",tp_src=4000,tp_dst=8");
    lab_expect_silence();
}

Test(service, a_port_that_did_not_ask_for_it_is_switched)
{
    lab_send("vm2", UDP_21 ",tp_src=4000,tp_dst=7");
    lab_expect("vm1", UDP_21 ",tp_src=4000,tp_dst=7");
    lab_expect_silence();
}

Test(service, it_goes_when_the_model_says_so)
{
    lab_send("vm1", UDP_12 ",tp_src=4000,tp_dst=7");
    lab_expect("vm1", UDP_21 ",tp_src=7,tp_dst=4000");
    lab_model("{'lport': [" PORT("vm1", "net1", MAC1, "'10.1.0.11'", "'sub1'", ", 'device_id': 'other'") "]}");
    lab_send("vm1", UDP_12 ",tp_src=4000,tp_dst=7");
    lab_expect("vm2", UDP_12 ",tp_src=4000,tp_dst=7");
    lab_expect_silence();
}

static int count_lines(const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", DF_TEST_ECHO_SOURCE, name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    int lines = 0;
    for (int c = fgetc(file); c != EOF; c = fgetc(file))
        lines += c == '\n';
    fclose(file);
    return lines;
}

Test(service_size, a_service_is_under_100_lines)
{
    cr_expect_lt(count_lines("echo.c") + count_lines("meson.build"), 100);
}
