/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/rethinkdb/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dbsync/net/line.h"

struct df_wire {
    struct df_line *line;
    char name[288];
    char buffer[16384];
    size_t at, len; /* of what came and was not taken */
};

static unsigned ms_until(uint64_t end)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    return ms < end ? (unsigned)(end - ms) : 0;
}

static int wait_for(struct df_wire *wire, bool has_output, uint64_t end, struct df_error *error)
{
    struct pollfd fd = {.fd = df_line_fd(wire->line), .events = df_line_events(wire->line, has_output)};
    unsigned ms = ms_until(end);
    if (ms && poll(&fd, 1, (int)ms) == 1)
        return 0;
    return df_error_set(error, -ETIMEDOUT, "%s does not answer", wire->name);
}

static int connect_one(struct df_wire *wire, const struct df_net_address *to, const char *host, SSL_CTX *tls,
                       uint64_t end, struct df_error *error)
{
    int rc = df_line_open(wire->name, to, tls, host, &wire->line, error);
    while (rc == 0 && (rc = df_line_connect(wire->line, error)) == -EAGAIN)
        rc = wait_for(wire, false, end, error);
    if (rc) {
        df_line_close(wire->line);
        wire->line = NULL;
    }
    return rc;
}

int df_wire_open(const char *host, const char *port, SSL_CTX *tls, uint64_t end, struct df_wire **result,
                 struct df_error *error)
{
    const char *why;
    struct df_net_address found[DF_NET_ADDRESSES_MAX];
    struct df_wire *wire = calloc(1, sizeof *wire);
    if (!wire)
        return df_error_set(error, -ENOMEM, "out of memory");
    snprintf(wire->name, sizeof wire->name, "rethinkdb at %s:%s", host, port);
    int n = df_net_resolve(host, port, ms_until(end), found, DF_NET_ADDRESSES_MAX, &why);
    int rc = n < 0 ? df_error_set(error, n, "%s: %s", wire->name, why) : -ECONNREFUSED;
    for (int i = 0; i < n && rc; i++)
        rc = connect_one(wire, &found[i], host, tls, end, error);
    if (rc)
        df_wire_free(wire);
    else
        *result = wire;
    return rc;
}

void df_wire_free(struct df_wire *wire)
{
    if (!wire)
        return;
    df_line_close(wire->line);
    free(wire);
}

int df_wire_send(struct df_wire *wire, const void *bytes, size_t len, uint64_t end, struct df_error *error)
{
    const char *at = bytes;
    while (len) {
        ssize_t n = df_line_write(wire->line, at, len, error);
        int rc = n == -EAGAIN ? wait_for(wire, true, end, error) : n < 0 ? (int)n : 0;
        if (rc)
            return rc;
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Waits for bytes and takes what there is. */
static int fill(struct df_wire *wire, uint64_t end, struct df_error *error)
{
    for (;;) {
        ssize_t n = df_line_read(wire->line, wire->buffer, sizeof wire->buffer, error);
        int rc = n == -EAGAIN ? wait_for(wire, false, end, error) : n < 0 ? (int)n : 0;
        wire->at = 0;
        wire->len = n > 0 ? (size_t)n : 0;
        if (rc || n > 0)
            return rc;
    }
}

int df_wire_receive(struct df_wire *wire, void *to, size_t len, uint64_t end, struct df_error *error)
{
    char *at = to;
    while (len) {
        int rc = wire->at == wire->len ? fill(wire, end, error) : 0;
        if (rc)
            return rc;
        size_t n = wire->len - wire->at < len ? wire->len - wire->at : len;
        memcpy(at, wire->buffer + wire->at, n);
        wire->at += n;
        at += n;
        len -= n;
    }
    return 0;
}

int df_wire_fd(const struct df_wire *wire)
{
    return df_line_fd(wire->line);
}

bool df_wire_has(const struct df_wire *wire)
{
    return wire->at < wire->len || df_line_has_more(wire->line);
}
