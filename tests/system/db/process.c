/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/system/db/server_private.h"

/* Processes of a server: children of none of the tests' own, so that any of those can end them and start them again. */

void server_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

uint64_t server_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void server_pause_ms(unsigned ms)
{
    poll(NULL, 0, (int)ms);
}

bool server_wait(uint64_t *end_ms)
{
    enum { LOOK_MS = 10 };
    if (*end_ms == 0)
        *end_ms = server_now_ms() + SERVER_READY_MS;
    server_pause_ms(LOOK_MS);
    return server_now_ms() < *end_ms;
}

static void become(void (*body)(const struct server *server, unsigned m), const struct server *server, unsigned m)
{
    const struct server_member *member = &server->members[m];
    setsid();
    signal(SIGPIPE, SIG_DFL);
    if (chdir(member->path))
        _exit(126);
    int out = open("log", O_WRONLY | O_CREAT | O_APPEND, 0644), in = open("/dev/null", O_RDONLY);
    if (in < 0 || dup2(in, 0) < 0 || (out >= 0 && (dup2(out, 1) < 0 || dup2(out, 2) < 0)))
        _exit(126);
    closefrom(3);
    body(server, m);
    _exit(127);
}

void server_spawn(pid_t *pid, void (*body)(const struct server *server, unsigned m), const struct server *server,
                  unsigned m)
{
    pid_t between = fork();
    if (between == 0) {
        pid_t child = fork();
        if (child == 0)
            become(body, server, m);
        *pid = child;
        _exit(child < 0);
    }
    int status;
    if (between < 0 || waitpid(between, &status, 0) != between || status)
        server_fail("cannot fork: %s", strerror(errno));
}

void server_end(pid_t *pid)
{
    if (*pid == 0)
        return;
    int handle = (int)syscall(SYS_pidfd_open, *pid, 0);
    struct pollfd ended = {.fd = handle, .events = POLLIN};
    kill(*pid, SIGKILL);
    if (handle >= 0 && poll(&ended, 1, 10000) != 1)
        server_fail("process %d does not end", (int)*pid);
    close(handle);
    *pid = 0;
}

bool server_runs(const struct server *server, unsigned m)
{
    pid_t pid = server->members[m].pid;
    int handle = pid ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    struct pollfd ended = {.fd = handle, .events = POLLIN};
    bool runs = handle >= 0 && poll(&ended, 1, 0) == 0;
    if (handle >= 0)
        close(handle);
    return runs;
}

bool server_listens(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool listens = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    close(fd);
    return listens;
}

static char *format_command(const struct server *server, const char *format, va_list args, const char *suffix)
{
    char *command, *whole;
    if (vasprintf(&command, format, args) < 0 ||
        asprintf(&whole, "cd %s && { %s ; } %s", server->path, command, suffix) < 0)
        server_fail("out of memory");
    free(command);
    return whole;
}

#define INTO_COMMANDS ">>commands 2>&1 </dev/null"

static int run_command(const char *command)
{
    int status = system(command);
    return status == -1 ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

int server_command(const struct server *server, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *command = format_command(server, format, args, INTO_COMMANDS);
    va_end(args);
    int status = run_command(command);
    free(command);
    return status;
}

void server_insist(const struct server *server, const char *format, ...)
{
    uint64_t end = 0;
    va_list args;
    va_start(args, format);
    char *command = format_command(server, format, args, INTO_COMMANDS);
    va_end(args);
    while (run_command(command))
        if (!server_wait(&end))
            server_fail("%s: this fails: %s, see %s/commands", server->kind, command, server->path);
    free(command);
}

void server_ask(const struct server *server, char *line, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *command = format_command(server, format, args, "2>>commands </dev/null");
    va_end(args);
    FILE *answer = popen(command, "r");
    line[0] = '\0';
    bool has = answer && fgets(line, (int)size, answer);
    if (!answer || pclose(answer) || !has)
        server_fail("this failed: %s", command);
    line[strcspn(line, "\n")] = '\0';
    free(command);
}
