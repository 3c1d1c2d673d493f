/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "dbsync/drivers/ovsdb/session_private.h"

/* Requests of a session, and who waits for them. */

int df_ovsdb_session_ask(struct df_ovsdb_session *session, const char *method, json_t *params, df_ovsdb_reply_cb cb,
                         void *arg, struct df_error *error)
{
    if (session->state == READY)
        return df_ovsdb_rpc_ask(&session->rpc, method, params, cb, arg, error);
    json_decref(params);
    return df_error_set(error, -ENOTCONN, "%s: is not connected", df_ovsdb_session_place(session));
}

static int answered(void *arg, json_t *result, json_t *refusal, struct df_error *error)
{
    struct df_ovsdb_call *call = arg;
    (void)error;
    call->is_done = true;
    call->result = json_incref(result);
    /* "canceled" is the answer to what was under way when the server gave the database up, RFC 7047, 4.1.4. */
    call->is_unsure = refusal && json_is_string(refusal);
    return 0;
}

int df_ovsdb_session_call(struct df_ovsdb_session *session, const char *method, json_t *params,
                          struct df_ovsdb_call *call, struct df_error *error)
{
    *call = (struct df_ovsdb_call){0};
    return df_ovsdb_session_ask(session, method, params, answered, call, error);
}

/* The call's end cannot be waited for any longer: nothing may refer to it after this. */
static int give_up(struct df_ovsdb_session *session, struct df_ovsdb_call *call, struct df_error *error)
{
    struct df_error why;
    bool is_sent = df_ovsdb_rpc_is_sent(&session->rpc, call);
    df_error_set(&why, -ETIMEDOUT, "%s: no answer in %u ms: is ovsdb-server well, or overloaded?",
                 df_ovsdb_session_place(session), session->timeout_ms);
    df_ovsdb_session_fail(session, -ETIMEDOUT, &why);
    call->is_unsure = is_sent;
    return df_ovsdb_session_tell_failure(session, error);
}

int df_ovsdb_session_wait(struct df_ovsdb_session *session, struct df_ovsdb_call *call, uint64_t deadline,
                          struct df_error *error)
{
    while (!call->is_done) {
        bool is_sent = df_ovsdb_rpc_is_sent(&session->rpc, call);
        struct df_error failed = {""};
        int rc = df_ovsdb_session_talk(session, &failed);
        is_sent |= call->is_done || df_ovsdb_rpc_is_sent(&session->rpc, call);
        if (rc) {
            bool was_done = call->is_done;
            df_ovsdb_session_fail(session, rc, &failed);
            if (was_done)
                break;
            call->is_unsure = is_sent;
            return df_ovsdb_session_tell_failure(session, error);
        }
        df_ovsdb_session_poll_for(session);
        if (call->is_done)
            break;
        if (df_ovsdb_now_ms() >= deadline)
            return give_up(session, call, error);
        df_ovsdb_session_wait_for_line(session, deadline);
    }
    if (call->result)
        return 0;
    return df_error_set(error, -EPROTO, "%s: the server refuses a request: does it have the schema dragonflow-nb?",
                        df_ovsdb_session_place(session));
}

void df_ovsdb_session_flush(struct df_ovsdb_session *session)
{
    struct df_error ignored;
    if (session->state == READY)
        df_ovsdb_rpc_flush(&session->rpc, &ignored);
}
