/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/daemon/config.h"

/* The configuration as those want it whom it is for. */

int df_config_lcores(const char *text, unsigned *lcores, unsigned max)
{
    unsigned n = 0;
    for (const char *at = text; *at;) {
        char *end;
        unsigned long first = strtoul(at, &end, 10);
        unsigned long last = first;
        if (end == at)
            return -EINVAL;
        if (*end == '-') {
            at = end + 1;
            last = strtoul(at, &end, 10);
        }
        if (end == at || last < first || last > 1023 || (*end && (*end != ',' || !end[1])))
            return -EINVAL;
        for (unsigned long lcore = first; lcore <= last && n < max; lcore++)
            lcores[n++] = (unsigned)lcore;
        at = *end ? end + 1 : end;
    }
    return (int)n;
}

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

struct df_db_config df_config_database(const struct df_config *config)
{
    bool is_lmdb = strcmp(config->nb_db_class, "lmdb") == 0;
    return (struct df_db_config){.location = is_lmdb ? config->lmdb_path : config->remote_db_hosts,
                                 .create = is_lmdb && config->lmdb_create,
                                 .user = or_null(config->db_user),
                                 .password = config->db_password,
                                 .ca = or_null(config->db_ca),
                                 .cert = or_null(config->db_cert),
                                 .key = or_null(config->db_key),
                                 .timeout_ms = config->db_timeout_ms};
}

static void log_subscriber(void *arg, const char *text)
{
    (void)arg;
    df_log(DF_LOG_WARNING, "%s", text);
}

bool df_config_subscriber(const struct df_config *config, struct df_subscriber_config *subscriber)
{
    *subscriber = (struct df_subscriber_config){.publishers = (const char *const *)config->publishers_ips,
                                                .port = (uint16_t)config->publisher_port,
                                                .log = log_subscriber};
    if (*config->zmq_server_key)
        subscriber->curve = (struct df_curve){.public_key = config->zmq_public_key,
                                              .secret_key = config->zmq_secret_key,
                                              .server_key = config->zmq_server_key};
    return config->pub_sub && strncmp(config->pub_sub_driver, "zmq", 3) == 0;
}

struct df_underlay_config df_config_underlay(const struct df_config *config)
{
    return (struct df_underlay_config){.port = config->underlay_port,
                                       .local_ips = (const char *const *)config->local_ip,
                                       .gateways = (const char *const *)config->underlay_gateway,
                                       .neighbours = (const char *const *)config->underlay_neighbours,
                                       .exception = config->underlay_exception,
                                       .types = (const char *const *)config->tunnel_types,
                                       .udp6_checksum = config->tunnel_udp6_checksum,
                                       .vlan = (uint16_t)config->underlay_vlan,
                                       .mtu = (uint16_t)config->underlay_mtu};
}

struct df_conn_timeouts df_config_conn_timeouts(const struct df_config *config)
{
    static const struct {
        enum df_conn_state state, as;
    } shared[] = {
        {DF_CONN_TCP_SYN_SENT2, DF_CONN_TCP_SYN_SENT},
        {DF_CONN_ICMP_REPLIED, DF_CONN_ICMP},
        {DF_CONN_OTHER_REPLIED, DF_CONN_OTHER},
    };
    struct df_conn_timeouts timeouts = df_conn_timeouts_default;
    for (unsigned state = 0; state < DF_CONN_STATES; state++)
        if (config->conn_timeout_s[state] != 0)
            timeouts.ms[state] = config->conn_timeout_s[state] * 1000;
    for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
        timeouts.ms[shared[i].state] = timeouts.ms[shared[i].as];
    return timeouts;
}

enum df_log_level df_config_log_level(const struct df_config *config)
{
    switch (*config->log_level) {
    case 'e':
        return DF_LOG_ERROR;
    case 'w':
        return DF_LOG_WARNING;
    case 'd':
        return DF_LOG_DEBUG;
    default:
        return DF_LOG_INFO;
    }
}
