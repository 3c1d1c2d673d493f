/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/pubsub/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <zmq.h>

#include "dbsync/db_options.h"
#include "dbsync/pubsub/publication.h"

#define QUEUE_MAX 100000

static int set(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value));
}

static int set_curve(void *socket, const struct df_curve *curve)
{
    if (!curve->server_key)
        return 0;
    if (zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, curve->server_key, strlen(curve->server_key)) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, curve->public_key, strlen(curve->public_key)) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, curve->secret_key, strlen(curve->secret_key)) != 0)
        return -EINVAL;
    return 0;
}

void df_source_listen(struct df_source *source, const char *topic, bool on)
{
    char frame[300];
    int len = *topic ? snprintf(frame, sizeof(frame), "%s%s", topic, DF_PUBLICATION_END) : 0;
    if (len < (int)sizeof(frame))
        zmq_setsockopt(source->socket, on ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, frame, (size_t)len);
}

/*
 * TCP finds a line that is cut without a word. ZeroMQ's heartbeats must not: while our queue is full it reads no answer
 * to them, connects again, and aborts the process when there is room (libzmq issue 3937, open as of 4.3.4).
 */
int df_source_open(struct df_source *source, void *context, int epoll, const struct df_subscriber_config *config,
                   char *const *topics, size_t n_topics, struct df_error *error)
{
    int fd;
    size_t size = sizeof(fd);
    source->socket = zmq_socket(context, ZMQ_SUB);
    source->sequences = df_sequences_new();
    if (!source->socket || !source->sequences)
        return df_error_set(error, -ENOMEM, "publisher %s: no memory for its socket", source->endpoint);
    set(source->socket, ZMQ_RCVHWM, config->queue_max ? (int)config->queue_max : QUEUE_MAX);
    set(source->socket, ZMQ_LINGER, 0);
    set(source->socket, ZMQ_IPV6, 1);
    set(source->socket, ZMQ_RECONNECT_IVL_MAX, 5000);
    set(source->socket, ZMQ_TCP_KEEPALIVE, 1);
    set(source->socket, ZMQ_TCP_KEEPALIVE_IDLE, 1);
    set(source->socket, ZMQ_TCP_KEEPALIVE_INTVL, 1);
    set(source->socket, ZMQ_TCP_KEEPALIVE_CNT, 3);
    set(source->socket, ZMQ_TCP_MAXRT, 4000);
    int64_t most = DF_PUBLICATION_MAX + 1024;
    zmq_setsockopt(source->socket, ZMQ_MAXMSGSIZE, &most, sizeof(most));
    if (set_curve(source->socket, &config->curve) != 0)
        return df_error_set(error, -EINVAL,
                            "publishers' keys: each must be 40 characters of Z85, as df-publisher "
                            "--make-keys writes them");
    if (zmq_connect(source->socket, source->endpoint) != 0)
        return df_error_set(error, -EINVAL, "publisher %s: %s; it must be HOST or HOST:PORT", source->endpoint,
                            zmq_strerror(errno));
    for (size_t i = 0; i < n_topics; i++)
        df_source_listen(source, topics[i], true);
    zmq_getsockopt(source->socket, ZMQ_FD, &fd, &size);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    return 0;
}

void df_source_close(struct df_source *source)
{
    if (source->socket)
        zmq_close(source->socket);
    source->socket = NULL;
    df_sequences_free(source->sequences);
    source->sequences = NULL;
}

int df_source_init(struct df_source *source, const char *name, uint16_t port, struct df_error *error)
{
    const char *colon = strrchr(name, ':');
    bool has_port = colon && (strchr(name, ':') == colon || (colon > name && colon[-1] == ']'));
    unsigned number;
    if (has_port && !df_option_number(colon + 1, UINT16_MAX, &number))
        return df_error_set(error, -EINVAL, "publisher %.100s: its port must be 1 to %d", name, UINT16_MAX);
    bool bare6 = colon && !has_port && *name != '[';
    int len = has_port ? snprintf(source->endpoint, sizeof(source->endpoint), "tcp://%s", name)
                       : snprintf(source->endpoint, sizeof(source->endpoint), bare6 ? "tcp://[%s]:%u" : "tcp://%s:%u",
                                  name, port);
    if (len >= (int)sizeof(source->endpoint))
        return df_error_set(error, -EINVAL, "publisher %.100s...: too long a name", name);
    return 0;
}

int df_subscriber_check_name(const char *name, struct df_error *error)
{
    struct df_source source;
    return df_source_init(&source, name, 1, error);
}
