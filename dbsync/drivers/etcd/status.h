/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dbsync/error.h"

/* How etcd says that it did not do what it was asked: a gRPC status and a text. */

enum df_etcd_status {
    DF_ETCD_OK = 0,
    DF_ETCD_CANCELLED = 1,
    DF_ETCD_UNKNOWN = 2,
    DF_ETCD_INVALID_ARGUMENT = 3,
    DF_ETCD_DEADLINE_EXCEEDED = 4,
    DF_ETCD_NOT_FOUND = 5,
    DF_ETCD_PERMISSION_DENIED = 7,
    DF_ETCD_RESOURCE_EXHAUSTED = 8,
    DF_ETCD_FAILED_PRECONDITION = 9,
    DF_ETCD_ABORTED = 10,
    DF_ETCD_OUT_OF_RANGE = 11,
    DF_ETCD_UNIMPLEMENTED = 12,
    DF_ETCD_UNAVAILABLE = 14,
    DF_ETCD_UNAUTHENTICATED = 16,
};

#define DF_ETCD_STATUS_TEXT 256

/** Decodes the percent encoding of grpc-message, cut to size. */
void df_etcd_status_text(const char *value, size_t len, char text[DF_ETCD_STATUS_TEXT]);

/** Whether another login is needed: the token has expired, or users have changed. */
bool df_etcd_status_is_stale_token(int status, const char *text);

/** Whether a write that ended so may have been done all the same. */
bool df_etcd_status_is_open(int status, const char *text);

/** The errno of a status that is not DF_ETCD_OK, with a text. endpoint: for messages. */
int df_etcd_status_error(int status, const char *text, const char *endpoint, struct df_error *error);
