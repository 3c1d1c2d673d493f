/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/pubsub/curve.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#define KEY_LEN 40 /* of Z85 */
#define CLIENTS_MAX 100000
#define ZAP_ENDPOINT "inproc://zeromq.zap.01" /* RFC 27 */
#define ZAP_FRAMES 7
#define REFUSED_SAID_S 10 /* between two lines about it: who is not let in tries again and again */

struct df_curve_gate {
    void *socket;
    bool any;
    char (*clients)[KEY_LEN + 1];
    size_t n_clients;
    uint64_t refused, refused_said; /* how many were not let in; and when that was said last */
    time_t said_s;                  /* 0: never */
};

static bool is_key(const char *text)
{
    uint8_t bytes[32];
    return strlen(text) == KEY_LEN && zmq_z85_decode(bytes, text) != NULL;
}

int df_curve_read_key(const char *path, const char *what, char key[41], struct df_error *error)
{
    char line[256], first[128], second[128];
    FILE *file = fopen(path, "re");
    if (!file)
        return df_error_set(error, -errno, "%s: %s; df-publisher --make-keys makes a pair of keys", path,
                            strerror(errno));
    bool found = false;
    while (!found && fgets(line, sizeof(line), file)) {
        int n = sscanf(line, "%127s %127s", first, second);
        const char *text = n == 2 && strcmp(first, what) == 0 ? second : n == 1 ? first : "";
        found = is_key(text);
        if (found)
            memcpy(key, text, KEY_LEN + 1);
    }
    fclose(file);
    return found ? 0
                 : df_error_set(error, -EINVAL,
                                "%s: has no line \"%s KEY\" with 40 characters of Z85, as df-publisher --make-keys "
                                "prints",
                                path, what);
}

static int read_clients(struct df_curve_gate *gate, const char *path, struct df_error *error)
{
    char line[256], key[128];
    FILE *file = fopen(path, "re");
    if (!file)
        return df_error_set(error, -errno, "--clients %s: %s", path, strerror(errno));
    int rc = 0;
    for (unsigned n = 1; rc == 0 && fgets(line, sizeof(line), file); n++) {
        if (sscanf(line, "%127s", key) != 1 || *key == '#')
            continue;
        char(*clients)[KEY_LEN + 1] = realloc(gate->clients, (gate->n_clients + 1) * sizeof(*clients));
        if (!is_key(key) || !clients || gate->n_clients == CLIENTS_MAX)
            rc = df_error_set(error, -EINVAL,
                              "--clients %s:%u: must be a public key, 40 characters of Z85; at most %d are taken", path,
                              n, CLIENTS_MAX);
        if (clients)
            gate->clients = clients;
        if (rc == 0)
            memcpy(gate->clients[gate->n_clients++], key, KEY_LEN + 1);
    }
    fclose(file);
    return rc;
}

static int open_gate(struct df_curve_gate *gate, void *context, void *socket, const char *secret,
                     struct df_error *error)
{
    int server = 1;
    gate->socket = zmq_socket(context, ZMQ_REP);
    if (!gate->socket || zmq_bind(gate->socket, ZAP_ENDPOINT) != 0)
        return df_error_set(error, -ENOMEM, "cannot guard the socket: %s", zmq_strerror(errno));
    if (zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &server, sizeof(server)) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, KEY_LEN) != 0 ||
        zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, "dragonflow", strlen("dragonflow")) != 0)
        return df_error_set(error, -ENOTSUP, "ZeroMQ takes no CURVE keys: %s", zmq_strerror(errno));
    return 0;
}

int df_curve_gate_open(void *context, void *socket, const char *secret_key_file, const char *clients_file,
                       struct df_curve_gate **made, struct df_error *error)
{
    char secret[KEY_LEN + 1];
    struct df_curve_gate *gate = calloc(1, sizeof(*gate));
    if (!gate)
        return df_error_set(error, -ENOMEM, "out of memory");
    gate->any = !clients_file;
    int rc = df_curve_read_key(secret_key_file, "secret", secret, error);
    if (rc == 0 && clients_file)
        rc = read_clients(gate, clients_file, error);
    if (rc == 0)
        rc = open_gate(gate, context, socket, secret, error);
    if (rc)
        df_curve_gate_close(gate);
    else
        *made = gate;
    return rc;
}

void df_curve_gate_close(struct df_curve_gate *gate)
{
    if (!gate)
        return;
    if (gate->socket)
        zmq_close(gate->socket);
    free(gate->clients);
    free(gate);
}

void *df_curve_gate_socket(struct df_curve_gate *gate)
{
    return gate->socket;
}

static bool is_let_in(const struct df_curve_gate *gate, const uint8_t *key, size_t len)
{
    char text[KEY_LEN + 1];
    if (len != 32 || !zmq_z85_encode(text, key, len))
        return false;
    for (size_t i = 0; i < gate->n_clients; i++)
        if (strcmp(gate->clients[i], text) == 0)
            return true;
    return gate->any;
}

static void answer(struct df_curve_gate *gate, const char *request, size_t len, bool let_in)
{
    zmq_send(gate->socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(gate->socket, request, len, ZMQ_SNDMORE);
    zmq_send(gate->socket, let_in ? "200" : "400", 3, ZMQ_SNDMORE);
    zmq_send(gate->socket, let_in ? "OK" : "no", 2, ZMQ_SNDMORE);
    zmq_send(gate->socket, "", 0, ZMQ_SNDMORE);
    zmq_send(gate->socket, "", 0, 0);
}

static void note_refused(struct df_curve_gate *gate, const char *who)
{
    struct timespec now;
    gate->refused++;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (gate->said_s && now.tv_sec < gate->said_s + REFUSED_SAID_S)
        return;
    fprintf(stderr,
            "df-publisher: %s is not let in: its key is not in the file of --clients (%" PRIu64
            " times since that was said last)\n",
            who, gate->refused - gate->refused_said);
    gate->said_s = now.tv_sec;
    gate->refused_said = gate->refused;
}

uint64_t df_curve_gate_refused(const struct df_curve_gate *gate)
{
    return gate->refused;
}

/* Frames: version, request id, domain, address, identity, mechanism, and CURVE's: the client's key. */
static bool serve_one(struct df_curve_gate *gate)
{
    char frame[ZAP_FRAMES][256];
    int len[ZAP_FRAMES] = {0}, more = 1, n = 0;
    size_t size = sizeof(more);
    for (; n < ZAP_FRAMES && more; n++) {
        len[n] = zmq_recv(gate->socket, frame[n], sizeof(frame[n]), ZMQ_DONTWAIT);
        if (len[n] < 0)
            return false;
        len[n] = len[n] < (int)sizeof(frame[n]) ? len[n] : (int)sizeof(frame[n]) - 1;
        frame[n][len[n]] = '\0';
        zmq_getsockopt(gate->socket, ZMQ_RCVMORE, &more, &size);
    }
    bool let_in =
        n == ZAP_FRAMES && strcmp(frame[5], "CURVE") == 0 && is_let_in(gate, (const uint8_t *)frame[6], (size_t)len[6]);
    if (!let_in)
        note_refused(gate, n > 3 ? frame[3] : "somebody");
    answer(gate, frame[1], (size_t)len[1], let_in);
    return true;
}

void df_curve_gate_serve(struct df_curve_gate *gate)
{
    while (serve_one(gate))
        ;
}
