/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "dbsync/drivers/log_store/kv.h"

/*
 * What a RethinkDB server answers. The functions are pure, read bytes from a network and return -EBADMSG for what is
 * none of it.
 */

#define DF_RETHINKDB_MESSAGE_MAX ((size_t)64 << 20)

/* Kinds of answers (ql2.proto, Response.ResponseType). */
enum {
    DF_RETHINKDB_ATOM = 1,
    DF_RETHINKDB_SEQUENCE = 2,
    DF_RETHINKDB_PARTIAL = 3,
    DF_RETHINKDB_WAIT_COMPLETE = 4,
    DF_RETHINKDB_CLIENT_ERROR = 16,
    DF_RETHINKDB_COMPILE_ERROR = 17,
    DF_RETHINKDB_RUNTIME_ERROR = 18
};

/* And of runtime errors (Response.ErrorType), as far as they make a difference. */
enum { DF_RETHINKDB_OP_FAILED = 4100000, DF_RETHINKDB_OP_INDETERMINATE = 4200000, DF_RETHINKDB_PERMISSION = 6000000 };

struct df_rethinkdb_answer {
    json_t *json;    /* of the whole; json_decref() it */
    json_t *results; /* an array in it */
    int type;
    long long error;
};

int df_rethinkdb_answer_take(struct df_rethinkdb_answer *answer, const char *data, size_t len);
/** Text of an error, for a person. */
const char *df_rethinkdb_answer_text(const struct df_rethinkdb_answer *answer);
/** A counter such as "replaced" in the answer to a write; 0 when it is not there. */
long long df_rethinkdb_answer_count(const struct df_rethinkdb_answer *answer, const char *name);

/** A document as the driver writes it: {id, k: key, s: stamp, d: binary}. value->data is the caller's to free. */
int df_rethinkdb_document_take(const json_t *document, const char **key, struct df_kv_value *value);
/** The id of the document with that key. */
json_t *df_rethinkdb_id(const char *key);
/** Makes one; NULL: out of memory. */
json_t *df_rethinkdb_document(const char *key, const struct df_kv_value *value);

/**
 * A step of the handshake: an object with "success". @return 0, -EACCES or -EPROTO when the server refuses, and text is
 * why (in the object), -EBADMSG
 */
int df_rethinkdb_greeting_take(json_t **greeting, const char *data, size_t len, const char **text);
