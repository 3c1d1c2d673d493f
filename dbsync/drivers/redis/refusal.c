/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/redis/refusal.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

struct refusal {
    const char *prefix;
    int code;
    bool astray;
    const char *remedy;
};

static const struct refusal refusals[] = {
    {"NOAUTH", -EACCES, false, "give a user and password that it knows"},
    {"WRONGPASS", -EACCES, false, "check the user and password"},
    {"NOPERM", -EACCES, false, "grant the user what docs/databases.md lists"},
    {"DENIED", -EACCES, false, "the server is in protected mode: give it a password"},
    {"ERR AUTH", -EACCES, false, "the server has no password: give none"},
    {"OOM", -ENOSPC, false, "raise the server's maxmemory"},
    {"MISCONF", -ENOSPC, false, "the server cannot write its files: see its log"},
    {"NOREPLICAS", -EHOSTDOWN, false, "too few replicas are connected (min-replicas-to-write)"},
    {"NOSCRIPT", -ETIMEDOUT, true, "scripts were flushed"},
    {"READONLY", -EHOSTDOWN, true, "it has become a replica"},
    {"MOVED", -EHOSTDOWN, true, "the keys are elsewhere"},
    {"ASK", -EHOSTDOWN, true, "the keys are being moved"},
    {"TRYAGAIN", -EHOSTDOWN, true, "the keys are being moved"},
    {"LOADING", -EHOSTDOWN, true, "it has just been started"},
    {"MASTERDOWN", -EHOSTDOWN, true, "it has lost its master"},
    {"UNBLOCKED", -EHOSTDOWN, true, "it has become a replica"},
    {"CLUSTERDOWN", -EHOSTDOWN, true, "the cluster has too few members"},
    {"IDONTKNOW", -EHOSTDOWN, true, "the Sentinel has just been started"},
    {"BUSY", -ETIMEDOUT, false, "a script of somebody else's runs too long"},
    {"UNKNOWN", -ENODEV, false, "the database was removed or replaced: open it again"},
    {"WRONGTYPE", -EBADMSG, false, "somebody else writes keys {dragonflow}*: restore the database from a dump"},
};

static const struct refusal *find(const char *text)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (strncmp(text, refusals[i].prefix, strlen(refusals[i].prefix)) == 0)
            return &refusals[i];
    return NULL;
}

int df_redis_refusal(const char *text, const char *where, struct df_error *error)
{
    const struct refusal *refusal = find(text);
    if (refusal)
        return df_error_set(error, refusal->code, "redis at %s: %s: %s", where, text, refusal->remedy);
    return df_error_set(error, -EPROTO, "redis at %s: %s", where, text);
}

bool df_redis_refusal_is_astray(const char *text)
{
    const struct refusal *refusal = find(text);
    return refusal && refusal->astray;
}
