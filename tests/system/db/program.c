/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/db/program.h"

#include <criterion/criterion.h>
#include <criterion/options.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/system/db/servers/kinds.h"

#define INSIDE "DF_TEST_INSIDE" /* its value: the process as the world outside sees it */

static void enter_namespaces(int argc, char **argv)
{
    char *outer[] = {"unshare", "--net",        "--mount",      "--pid",
                     "--fork",  "--kill-child", "--mount-proc", "/proc/self/exe"};
    size_t n = sizeof outer / sizeof outer[0];
    char **args = calloc(n + (size_t)argc + 1, sizeof *args), self[512];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (!args || len < 0)
        server_fail("cannot find myself");
    self[len] = '\0';
    memcpy(args, outer, sizeof outer);
    args[n - 1] = self;
    for (int i = 1; i < argc; i++)
        args[n + (size_t)i - 1] = argv[i];
    char outside[16];
    snprintf(outside, sizeof outside, "%d", (int)getpid());
    setenv(INSIDE, outside, 1);
    execvp(args[0], args);
    server_fail("cannot run unshare: install util-linux");
}

static void raise_loopback(void)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo))
        server_fail("the loopback device cannot be set up: run as root");
    close(fd);
}

/*
 * Criterion's processes meet at /tmp/criterion_PID.sock, and every process namespace counts from 1: the next process
 * gets the number that is ours outside.
 */
static void take_outer_pid(void)
{
    int pid = atoi(getenv(INSIDE));
    char socket[64];
    FILE *last = fopen("/proc/sys/kernel/ns_last_pid", "w");
    if (!last || fprintf(last, "%d", pid - 1) < 0 || fclose(last))
        server_fail("/proc/sys/kernel/ns_last_pid cannot be written");
    snprintf(socket, sizeof socket, "/tmp/criterion_%d.sock", pid);
    unlink(socket);
}

/* Its own children and those of killed tests are its to bury. */
static int be_init(pid_t worker)
{
    int status;
    pid_t ended;
    do
        ended = wait(&status);
    while (ended != worker && ended > 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_tests(int argc, char **argv)
{
    struct criterion_test_set *tests = criterion_initialize();
    criterion_options.jobs = 1;
    int rc = criterion_handle_args(argc, argv, true) ? !criterion_run_all_tests(tests) : 0;
    criterion_finalize(tests);
    return rc;
}

static int work(const struct server_kind *kind, bool elects_soon, int argc, char **argv)
{
    struct server *server = server_start(kind, elects_soon);
    char path[sizeof server->path];
    memcpy(path, server->path, sizeof path);
    int rc = run_tests(argc, argv);
    for (unsigned m = 0; m < server->n; m++) {
        server_kill(server, m);
        server_cut(server, m);
        server_command(server, "umount -l %s", server->members[m].path);
    }
    server_command(server, "rm -rf %s", path);
    return rc;
}

static int start(bool elects_soon, int argc, char **argv)
{
    const struct server_kind *kind = argc > 1 ? server_kind_find(argv[1]) : NULL;
    if (!kind) {
        fprintf(stderr, "usage: %s KIND [OPTION...]: which server, see servers/kinds.c\n", argv[0]);
        return 2;
    }
    if (!getenv(INSIDE))
        enter_namespaces(argc, argv);
    take_outer_pid();
    pid_t worker = fork();
    if (worker)
        return be_init(worker);
    raise_loopback();
    argv[1] = argv[0];
    return work(kind, elects_soon, argc - 1, argv + 1);
}

int program_main(int argc, char **argv)
{
    return start(false, argc, argv);
}

int program_main_of_elections(int argc, char **argv)
{
    return start(true, argc, argv);
}
