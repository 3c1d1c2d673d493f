/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/net/line_bio.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

struct end {
    int fd;
    bool *hung_up;
};

ssize_t df_line_send(int fd, bool *hung_up, const void *from, size_t len)
{
    ssize_t n = send(fd, from, len, MSG_NOSIGNAL);
    if (n >= 0)
        return n;
    bool is_gone = errno == EPIPE || errno == ECONNRESET;
    if (errno == EINTR || (is_gone && !*hung_up))
        errno = EAGAIN;
    *hung_up |= is_gone;
    return -1;
}

static int bio_write(BIO *bio, const char *from, int len)
{
    struct end *end = BIO_get_data(bio);
    ssize_t n = df_line_send(end->fd, end->hung_up, from, (size_t)len);
    BIO_clear_retry_flags(bio);
    if (n < 0 && errno == EAGAIN)
        BIO_set_retry_write(bio);
    return (int)n;
}

static int bio_read(BIO *bio, char *to, int max)
{
    struct end *end = BIO_get_data(bio);
    ssize_t n = recv(end->fd, to, (size_t)max, 0);
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    else if (n == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return (int)n;
}

static long bio_control(BIO *bio, int what, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    if (what == BIO_CTRL_EOF)
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return what == BIO_CTRL_FLUSH;
}

static int bio_destroy(BIO *bio)
{
    free(BIO_get_data(bio));
    return 1;
}

static pthread_once_t method_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method; /* for the life of the process; NULL: out of memory */

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "dragonflow");
    if (!method)
        return;
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_control);
    BIO_meth_set_destroy(method, bio_destroy);
}

BIO *df_line_bio_new(int fd, bool *hung_up)
{
    pthread_once(&method_once, make_method);
    struct end *end = malloc(sizeof *end);
    BIO *bio = end && method ? BIO_new(method) : NULL;
    if (!bio) {
        free(end);
        return NULL;
    }
    *end = (struct end){fd, hung_up};
    BIO_set_data(bio, end);
    BIO_set_init(bio, 1);
    return bio;
}
