/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/pubsub/publisher_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "dbsync/pubsub/curve.h"
#include "dbsync/pubsub/handshakes.h"

#define MESSAGES_AT_ONCE 200 /* before the others have their turn */

struct df_publisher_sockets {
    void *context, *pull, *pub;
    int lock;                   /* of the ipc socket; -1: not had */
    struct df_curve_gate *gate; /* who is let in; NULL: no CURVE */
    struct df_handshakes *handshakes;
};

static int set(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value));
}

static int set_queue(void *socket, int option, const struct df_publisher_sockets_config *config)
{
    return set(socket, option, config->queue_max ? (int)config->queue_max : DF_PUBLISHER_QUEUE);
}

static int make_folder(const char *ipc, struct df_error *error)
{
    char path[300];
    if (strncmp(ipc, "ipc://", 6) != 0 || ipc[6] != '/')
        return df_error_set(error, -EINVAL, "--ipc %s: must be such as ipc:///run/dragonflow/publisher", ipc);
    snprintf(path, sizeof(path), "%s", ipc + 6);
    const char *folder = dirname(path);
    if (mkdir(folder, 0770) != 0 && errno != EEXIST)
        return df_error_set(error, -errno, "%s: %s; make it, or choose another --ipc", folder, strerror(errno));
    return 0;
}

/* ZeroMQ puts its socket in the place of one that is there, whoever listens at it. The file stays: its lock goes with us. */
static int lock_ipc(struct df_publisher_sockets *sockets, const char *ipc, struct df_error *error)
{
    char path[300];
    int len = snprintf(path, sizeof(path), "%s.lock", ipc + 6);
    if (len >= (int)sizeof(path))
        return df_error_set(error, -ENAMETOOLONG, "--ipc %.100s...: too long a name", ipc);
    sockets->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (sockets->lock < 0)
        return df_error_set(error, -errno, "%s: %s", path, strerror(errno));
    if (flock(sockets->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return df_error_set(error, -errno, "--ipc %s: %s; stop it, or choose another --ipc", ipc,
                        errno == EWOULDBLOCK ? "another df-publisher listens there" : strerror(errno));
}

static int open_pull(struct df_publisher_sockets *sockets, const struct df_publisher_sockets_config *config,
                     struct df_error *error)
{
    const char *ipc = config->ipc;
    int64_t most = DF_PUBLICATION_MAX;
    int rc = make_folder(ipc, error);
    if (rc == 0)
        rc = lock_ipc(sockets, ipc, error);
    if (rc)
        return rc;
    sockets->pull = zmq_socket(sockets->context, ZMQ_PULL);
    if (!sockets->pull)
        return df_error_set(error, -ENOMEM, "no memory for a socket");
    set_queue(sockets->pull, ZMQ_RCVHWM, config);
    zmq_setsockopt(sockets->pull, ZMQ_MAXMSGSIZE, &most, sizeof(most));
    if (zmq_bind(sockets->pull, ipc) != 0)
        return df_error_set(error, -errno, "--ipc %s: %s", ipc, zmq_strerror(errno));
    if (chmod(ipc + 6, 0660) != 0) /* whoever writes to the database may push */
        return df_error_set(error, -errno, "--ipc %s: letting its group push: %s", ipc, strerror(errno));
    return 0;
}

/* VERBOSE: each subscription is told, also to a topic that others have: it is greeted. */
static int open_pub(struct df_publisher_sockets *sockets, const struct df_publisher_sockets_config *config,
                    struct df_error *error)
{
    sockets->pub = zmq_socket(sockets->context, ZMQ_XPUB);
    if (!sockets->pub)
        return df_error_set(error, -ENOMEM, "no memory for a socket");
    set(sockets->pub, ZMQ_XPUB_VERBOSE, 1);
    set_queue(sockets->pub, ZMQ_SNDHWM, config);
    set(sockets->pub, ZMQ_LINGER, 100);
    set(sockets->pub, ZMQ_IPV6, 1);
    int64_t most = 1024; /* a subscription is a topic */
    zmq_setsockopt(sockets->pub, ZMQ_MAXMSGSIZE, &most, sizeof(most));
    int rc = config->secret_key_file ? df_curve_gate_open(sockets->context, sockets->pub, config->secret_key_file,
                                                          config->clients_file, &sockets->gate, error)
                                     : 0;
    if (rc == 0)
        rc = df_handshakes_watch(sockets->context, sockets->pub, config->secret_key_file, &sockets->handshakes, error);
    if (rc == 0 && zmq_bind(sockets->pub, config->bind) != 0)
        rc = df_error_set(error, -errno, "--bind %s: %s", config->bind, zmq_strerror(errno));
    return rc;
}

int df_publisher_sockets_open(const struct df_publisher_sockets_config *config, struct df_publisher_sockets **made,
                              struct df_error *error)
{
    struct df_publisher_sockets *sockets = calloc(1, sizeof(*sockets));
    if (!sockets)
        return df_error_set(error, -ENOMEM, "out of memory");
    sockets->lock = -1;
    sockets->context = zmq_ctx_new();
    int rc =
        sockets->context ? open_pub(sockets, config, error) : df_error_set(error, -ENOMEM, "no memory for sockets");
    if (rc == 0)
        rc = open_pull(sockets, config, error);
    if (rc)
        df_publisher_sockets_close(sockets);
    else
        *made = sockets;
    return rc;
}

void df_publisher_sockets_close(struct df_publisher_sockets *sockets)
{
    if (!sockets)
        return;
    if (sockets->pull)
        zmq_close(sockets->pull);
    df_handshakes_close(sockets->handshakes);
    if (sockets->pub)
        zmq_close(sockets->pub);
    df_curve_gate_close(sockets->gate);
    if (sockets->context)
        zmq_ctx_term(sockets->context);
    if (sockets->lock >= 0) /* behind ZeroMQ, which takes its socket away */
        close(sockets->lock);
    free(sockets);
}

void df_publisher_sockets_wait(struct df_publisher_sockets *sockets, int fd, int ms)
{
    zmq_pollitem_t items[5] = {{.socket = sockets->pull, .events = ZMQ_POLLIN},
                               {.socket = sockets->pub, .events = ZMQ_POLLIN},
                               {.socket = df_handshakes_socket(sockets->handshakes), .events = ZMQ_POLLIN}};
    int n = 3;
    if (fd >= 0)
        items[n++] = (zmq_pollitem_t){.fd = fd, .events = ZMQ_POLLIN};
    if (sockets->gate)
        items[n++] = (zmq_pollitem_t){.socket = df_curve_gate_socket(sockets->gate), .events = ZMQ_POLLIN};
    zmq_poll(items, n, ms);
}

static bool take_push(struct df_publisher_sockets *sockets, struct df_publisher *publisher)
{
    struct df_error error;
    zmq_msg_t message;
    zmq_msg_init(&message);
    bool any = zmq_msg_recv(&message, sockets->pull, ZMQ_DONTWAIT) >= 0;
    if (any && df_publisher_push(publisher, zmq_msg_data(&message), zmq_msg_size(&message), &error) == -EPROTO)
        fprintf(stderr, "df-publisher: a writer pushed %s\n", error.text);
    zmq_msg_close(&message);
    return any;
}

/* The first byte says whether it begins or ends (RFC 29 of ZeroMQ). */
static bool take_subscription(struct df_publisher_sockets *sockets, struct df_publisher *publisher)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    bool any = zmq_msg_recv(&message, sockets->pub, ZMQ_DONTWAIT) >= 0;
    const char *data = zmq_msg_data(&message);
    if (any && zmq_msg_size(&message) > 1 && data[0] == 1)
        df_publisher_subscribed(publisher, data + 1, zmq_msg_size(&message) - 1);
    zmq_msg_close(&message);
    return any;
}

void df_publisher_sockets_serve(struct df_publisher_sockets *sockets, struct df_publisher *publisher)
{
    if (sockets->gate)
        df_curve_gate_serve(sockets->gate);
    df_handshakes_serve(sockets->handshakes);
    for (unsigned i = 0; i < MESSAGES_AT_ONCE && take_push(sockets, publisher); i++)
        ;
    for (unsigned i = 0; i < MESSAGES_AT_ONCE && take_subscription(sockets, publisher); i++)
        ;
    df_publisher_greet(publisher);
}

uint64_t df_publisher_sockets_not_let_in(const struct df_publisher_sockets *sockets)
{
    return sockets->gate ? df_curve_gate_refused(sockets->gate) : 0;
}

uint64_t df_publisher_sockets_failed(const struct df_publisher_sockets *sockets)
{
    return df_handshakes_failed(sockets->handshakes);
}

static int send_both(struct df_publisher_sockets *sockets, const char *topic, const void *data, size_t len)
{
    if (zmq_send(sockets->pub, topic, strlen(topic), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return -errno;
    return zmq_send(sockets->pub, data, len, ZMQ_DONTWAIT) < 0 ? -errno : 0;
}

/* First so that a full queue is told; then so that it is dropped for the one whose queue is full, and no other. */
int df_publisher_sockets_send(struct df_publisher_sockets *sockets, const char *topic, const void *data, size_t len)
{
    set(sockets->pub, ZMQ_XPUB_NODROP, 1);
    int rc = send_both(sockets, topic, data, len);
    if (rc == 0)
        return 0;
    set(sockets->pub, ZMQ_XPUB_NODROP, 0);
    send_both(sockets, topic, data, len);
    return rc;
}

int df_publisher_make_keys(FILE *out)
{
    char public_key[41], secret_key[41];
    if (zmq_curve_keypair(public_key, secret_key) != 0)
        return -ENOTSUP;
    fprintf(out, "public %s\nsecret %s\n", public_key, secret_key);
    return 0;
}
