/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "control/log.h"
#include "control/underlay/underlay.h"
#include "dbsync/driver.h"
#include "dbsync/pubsub/subscriber.h"
#include "fastpath/conn/conn.h"

/*
 * The daemon's configuration: an INI file.
 *
 * Invariant: a struct df_config that a caller holds is complete and checked; an unknown key or a bad value is refused
 * with file and line and gives no configuration at all. Every key is one row of a table in config_keys.c: section, key,
 * type, default, help and what may change while the daemon runs. conf/dragonflow.ini is that table, printed.
 *
 * Sections that no row names are taken to be an app's. Its keys are known only when the apps are loaded: the
 * controller asks for each with df_config_option(), and df_config_unclaimed() then finds the misspelt ones.
 *
 * One thread.
 */

struct df_config {
    /* [df] */
    char *host;
    char *nb_db_class;
    char *remote_db_hosts; /* of a driver other than lmdb */
    bool selective;
    bool pub_sub;
    char *pub_sub_driver;
    char **publishers_ips;
    uint32_t publisher_port;
    char **apps_list; /* ends with NULL */
    char *apps_dir;
    char **local_ip; /* ADDRESS or ADDRESS/LENGTH */
    char *underlay_port;
    char **underlay_gateway;
    uint32_t underlay_vlan;
    char *underlay_exception;
    char **underlay_neighbours; /* IP=MAC */
    uint32_t underlay_mtu;
    char **tunnel_types;
    bool tunnel_udp6_checksum;
    char *vhost_sock_dir;
    char *log_level;
    /* [lmdb] */
    char *lmdb_path;
    bool lmdb_create;
    /* [database] */
    char *db_user, *db_password_file; /* empty: none */
    char *db_password;                /* what the file says */
    char *db_ca, *db_cert, *db_key;   /* files */
    uint32_t db_timeout_ms;
    /* [df_zmq] */
    char *zmq_key_file, *zmq_server_key_file; /* empty: no CURVE */
    char zmq_public_key[41], zmq_secret_key[41], zmq_server_key[41];
    /* [fastpath] */
    char *backend;
    char *workers;       /* lcores, for df_config_lcores() */
    char *control_lcore; /* one CPU or nothing, likewise */
    char **ports;        /* NAME=DEVARGS */
    char **plugins;
    char *hugepages; /* auto, yes, no */
    char *memif;     /* yes, no */
    uint32_t memory_mb;
    uint32_t mbufs;
    uint32_t mbuf_size;
    uint32_t flow_cache_entries;
    uint32_t table_entries_max;
    uint32_t answers_per_second;
    uint32_t punts_per_second;
    uint32_t exceptions_per_second;
    uint32_t flood_copies_per_second;
    uint32_t idle_us;
    uint32_t connections_max;
    uint32_t connections_per_port;
    char *tcp_pick_up;           /* yes, no */
    uint32_t fragment_datagrams; /* of each worker, as the two below */
    uint32_t fragments_held;
    uint32_t fragment_timeout; /* seconds */
    /* [connections] */
    uint32_t conn_timeout_s[DF_CONN_STATES]; /* a state that shares another one's key has 0 */
    /* [rpc] */
    char *rpc_socket;

    struct df_config_file *file; /* what apps' sections hold, and on which lines */
};

#define DF_CONFIG_PATH "/etc/dragonflow/dragonflow.ini"

/**
 * Reads a file. A missing file is an error that says so.
 *
 * @param path NULL: no file, every key has its default
 * @return 0, -ENOENT, -EINVAL (error names file, line, section and key), -ENOMEM
 */
int df_config_load(const char *path, struct df_config **config, struct df_error *error);
void df_config_free(struct df_config *config);

/** The value of an app's option, or NULL where the file has none. Marks the key as known. */
const char *df_config_option(void *config, const char *section, const char *key);

/** "FILE:LINE" of the option last asked for that the file has, for the error of an app that refuses it; "" if none. */
const char *df_config_option_where(const struct df_config *config, char *text, size_t size);

/** -EINVAL, naming file and line, when the file has a key in an app's section that nobody asked for. */
int df_config_unclaimed(const struct df_config *config, struct df_error *error);

/** Calls cb for each key whose value differs; at_run_time says whether the daemon can take it without a restart. */
void df_config_diff(const struct df_config *before, const struct df_config *after,
                    void (*cb)(const char *section, const char *key, bool at_run_time, void *arg), void *arg);

/** Prints every key with its help and its default, as a file in which all keys are commented out. */
void df_config_print(FILE *out);

/**
 * Reads a list of lcores such as "1,3-5". The empty text is no lcore.
 *
 * @return how many were written to lcores, at most max; -EINVAL
 */
int df_config_lcores(const char *text, unsigned *lcores, unsigned max);

/** Where the northbound database is and how to be let in; strings are the configuration's. */
struct df_db_config df_config_database(const struct df_config *config);

/** Where publishers are, and this node's keys; strings are the configuration's. False: no pub/sub by ZeroMQ. */
bool df_config_subscriber(const struct df_config *config, struct df_subscriber_config *subscriber);

/** The underlay's keys of [df], as the controller wants them; strings are the configuration's. */
struct df_underlay_config df_config_underlay(const struct df_config *config);

/** [connections] as the connection table wants it: every state has its time. */
struct df_conn_timeouts df_config_conn_timeouts(const struct df_config *config);

/** log_level as df_log() wants it. */
enum df_log_level df_config_log_level(const struct df_config *config);
