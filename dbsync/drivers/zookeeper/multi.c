/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/zookeeper/multi.h"

#include <stdlib.h>
#include <string.h>

#define OP_BYTES 96 /* of an operation without path and data: head, list of who may do what */

void df_zk_multi_init(struct df_zk_multi *multi, struct df_zk_session *session)
{
    *multi = (struct df_zk_multi){.session = session, .acl = df_zk_session_acl(session)};
}

void df_zk_multi_clear(struct df_zk_multi *multi)
{
    for (size_t i = 0; i < 2 * multi->n; i++)
        free(multi->copies[i]);
    free(multi->copies);
    free(multi->ops);
    df_zk_multi_init(multi, multi->session);
}

static bool grow(struct df_zk_multi *multi)
{
    size_t max = multi->max ? multi->max * 2 : 16;
    zoo_op_t *ops = realloc(multi->ops, max * sizeof *ops);
    if (ops)
        multi->ops = ops;
    char **copies = ops ? realloc(multi->copies, 2 * max * sizeof *copies) : NULL;
    if (!copies)
        return false;
    multi->copies = copies;
    multi->max = max;
    return true;
}

/* Room for one more, with copies of path and data; NULL: out of memory. */
static zoo_op_t *add(struct df_zk_multi *multi, const char *path, const char *data, size_t len)
{
    if (multi->n == multi->max && !grow(multi))
        return NULL;
    char *path_copy = strdup(path), *data_copy = malloc(len + 1);
    if (!path_copy || !data_copy) {
        free(path_copy);
        free(data_copy);
        return NULL;
    }
    if (len)
        memcpy(data_copy, data, len);
    multi->copies[2 * multi->n] = path_copy;
    multi->copies[2 * multi->n + 1] = data_copy;
    multi->bytes += OP_BYTES + strlen(path) + len;
    return &multi->ops[multi->n++];
}

int df_zk_multi_create(struct df_zk_multi *multi, const char *path, const char *data, size_t len, int flags)
{
    zoo_op_t *op = add(multi, path, data, len);
    if (!op)
        return ZSYSTEMERROR;
    char **copies = &multi->copies[2 * multi->n - 2];
    zoo_create_op_init(op, copies[0], copies[1], (int)len, multi->acl, flags, NULL, 0);
    return ZOK;
}

int df_zk_multi_set(struct df_zk_multi *multi, const char *path, const char *data, size_t len, int version)
{
    zoo_op_t *op = add(multi, path, data, len);
    if (!op)
        return ZSYSTEMERROR;
    char **copies = &multi->copies[2 * multi->n - 2];
    zoo_set_op_init(op, copies[0], copies[1], (int)len, version, NULL);
    return ZOK;
}

int df_zk_multi_delete(struct df_zk_multi *multi, const char *path)
{
    zoo_op_t *op = add(multi, path, NULL, 0);
    if (!op)
        return ZSYSTEMERROR;
    zoo_delete_op_init(op, multi->copies[2 * multi->n - 2], -1);
    return ZOK;
}

int df_zk_multi_check(struct df_zk_multi *multi, const char *path, int version)
{
    zoo_op_t *op = add(multi, path, NULL, 0);
    if (!op)
        return ZSYSTEMERROR;
    zoo_check_op_init(op, multi->copies[2 * multi->n - 2], version);
    return ZOK;
}

int df_zk_multi_run(struct df_zk_multi *multi)
{
    struct df_zk_request *request = df_zk_multi(multi->session, multi->ops, (int)multi->n, DF_ZK_ASK);
    if (!request)
        return ZSYSTEMERROR;
    int rc = df_zk_wait(request);
    df_zk_drop(request);
    return rc;
}
