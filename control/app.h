/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "control/compile/compile.h"
#include "control/model/address.h"
#include "dbsync/schema.h"

/*
 * A network service. One folder below apps/, one shared object, one `const struct df_app df_app` in it.
 *
 * An app declares, per NB table, a function from an object to table entries. The compiler calls it again when the
 * object changes and when something that it read changes, compares the entries with what the object had before, and
 * applies the difference. So an app keeps no state of the model, has no delete path and never sees an order of
 * arrival. All functions run on the control thread.
 */

#define DF_APP_ABI 1

/* What a port may demand of the apps; a port whose demand no loaded app meets is refused by name, never opened. */
enum df_app_provides {
    DF_APP_PORT_SECURITY = 1 << 0,
    DF_APP_SECURITY_GROUPS = 1 << 1,
    DF_APP_L2 = 1 << 2,
};

struct df_app_rule {
    enum df_nb_table table;
    void (*compile)(struct df_compile *c, const ProtobufCMessage *object);
};

/* A key of the configuration file that an app has, in a section of its own. */
struct df_app_option {
    const char *section; /* "df_dhcp_app" */
    const char *key;
    const char *fallback; /* as it would stand in the file */
    const char *help;
    int (*set)(const char *value); /* -EINVAL: the value is bad; called once, with fallback where the file has none */
};

/* A packet that was punted to the app. */
struct df_punt {
    const char *lport_id; /* the local port it came from */
    uint16_t port;        /* where packet_out() sends back to that port */
    uint32_t lport, network;
    const uint8_t *frame;
    uint32_t len;
    uint64_t now_ms; /* monotonic, of the clock that tests turn */
};

struct df_app {
    uint32_t abi; /* DF_APP_ABI */
    const char *name;
    const char *summary;
    uint32_t provides;                        /* enum df_app_provides */
    const struct df_app_rule *rules;          /* ends with compile NULL */
    const struct df_app_option *options;      /* ends with key NULL; may be NULL */
    int (*init)(void);                        /* registers tables of its own; may be NULL */
    void (*punt)(const struct df_punt *punt); /* may be NULL */
    json_t *(*show)(void);                    /* counters and state for `df-ctl apps`; may be NULL */
};

/** Sends a frame out of a datapath port (df_punt.port). Copies. 0 or negative errno. */
int df_app_packet_out(uint16_t port, const uint8_t *frame, uint32_t len);

/** An object of the model by id, or NULL; for punt handlers. Valid until the handler returns. */
const ProtobufCMessage *df_app_model_get(enum df_nb_table table, const char *id);

/**
 * Calls cb with each object of table that refers to id by the reference field (lports by "lswitch"), ordered by id,
 * until it returns false; for punt handlers.
 */
void df_app_model_referrers(enum df_nb_table table, const char *field, const char *id,
                            bool (*cb)(const ProtobufCMessage *object, void *arg), void *arg);
