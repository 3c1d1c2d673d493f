/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/etcd/status.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void df_etcd_status_text(const char *value, size_t len, char text[DF_ETCD_STATUS_TEXT])
{
    size_t to = 0;
    for (size_t i = 0; i < len && to < DF_ETCD_STATUS_TEXT - 1; i++) {
        char c = value[i];
        if (c == '%' && i + 2 < len && isxdigit((unsigned char)value[i + 1]) && isxdigit((unsigned char)value[i + 2])) {
            char hex[3] = {value[i + 1], value[i + 2], '\0'};
            c = (char)strtoul(hex, NULL, 16);
            i += 2;
        }
        text[to++] = isprint((unsigned char)c) ? c : '?';
    }
    text[to] = '\0';
}

bool df_etcd_status_is_stale_token(int status, const char *text)
{
    return status == DF_ETCD_UNAUTHENTICATED || strstr(text, "auth store is old") != NULL;
}

bool df_etcd_status_is_open(int status, const char *text)
{
    switch (status) {
    case DF_ETCD_CANCELLED:
    case DF_ETCD_DEADLINE_EXCEEDED:
    case DF_ETCD_UNKNOWN:
        return true;
    case DF_ETCD_UNAVAILABLE: /* there was nobody to propose it to: the one text that says that nothing was begun */
        return strcmp(text, "etcdserver: no leader") != 0;
    default:
        return false;
    }
}

struct mapping {
    int status;
    const char *part; /* of the text; NULL: any */
    int code;
    const char *remedy;
};

/* The first that fits. */
static const struct mapping mappings[] = {
    {DF_ETCD_INVALID_ARGUMENT, "authentication failed", -EACCES, ": check user and password"},
    {DF_ETCD_INVALID_ARGUMENT, "user name is empty", -EACCES, ": it wants a user and a password"},
    {DF_ETCD_INVALID_ARGUMENT, "auth store is old", -EACCES, ": users are being changed"},
    {DF_ETCD_INVALID_ARGUMENT, "too many operations", -E2BIG, ": raise its --max-txn-ops to 128"},
    {DF_ETCD_INVALID_ARGUMENT, "request is too large", -E2BIG,
     ": write less at a time, or raise its --max-request-bytes"},
    {DF_ETCD_INVALID_ARGUMENT, NULL, -EINVAL, ""},
    {DF_ETCD_PERMISSION_DENIED, NULL, -EACCES, ": check user and password, or grant it readwrite on /dragonflow/"},
    {DF_ETCD_UNAUTHENTICATED, NULL, -EACCES, ": check user and password"},
    {DF_ETCD_RESOURCE_EXHAUSTED, "space exceeded", -ENOSPC,
     ": compact and defragment it, raise --quota-backend-bytes, then etcdctl alarm disarm"},
    {DF_ETCD_RESOURCE_EXHAUSTED, "larger than max", -E2BIG, ": write less at a time, or raise its --max-request-bytes"},
    {DF_ETCD_RESOURCE_EXHAUSTED, NULL, -ETIMEDOUT, ": it is overloaded"},
    {DF_ETCD_OUT_OF_RANGE, "compacted", -ESTALE, ""},
    {DF_ETCD_UNAVAILABLE, "no leader", -ETIMEDOUT, ": most of the cluster's members must run and reach each other"},
    {DF_ETCD_UNAVAILABLE, NULL, -ETIMEDOUT, ""},
    {DF_ETCD_DEADLINE_EXCEEDED, NULL, -ETIMEDOUT, ""},
    {DF_ETCD_CANCELLED, NULL, -ETIMEDOUT, ""},
    {DF_ETCD_UNIMPLEMENTED, NULL, -EPROTO, ": it must be etcd 3.4 or newer"},
    {DF_ETCD_NOT_FOUND, NULL, -ENOENT, ""},
};

int df_etcd_status_error(int status, const char *text, const char *endpoint, struct df_error *error)
{
    for (size_t i = 0; i < sizeof mappings / sizeof mappings[0]; i++) {
        const struct mapping *mapping = &mappings[i];
        if (mapping->status == status && (!mapping->part || strstr(text, mapping->part)))
            return df_error_set(error, mapping->code, "etcd at %s: %s%s", endpoint, text, mapping->remedy);
    }
    return df_error_set(error, -EPROTO, "etcd at %s: %s (status %d)", endpoint, text, status);
}
