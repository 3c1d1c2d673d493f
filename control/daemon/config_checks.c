/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/config_checks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/net/tls.h"
#include "dbsync/pubsub/curve.h"
#include "dbsync/pubsub/subscriber.h"

static bool has_port(const struct df_config *config, const char *name)
{
    size_t len = strlen(name);
    for (char **port = config->ports; *port; port++)
        if (strncmp(*port, name, len) == 0 && (*port)[len] == '=')
            return true;
    return false;
}

/* What the keys of the underlay must be together. */
static int check_underlay(const struct df_config *config, const char *path, struct df_error *error)
{
    struct df_underlay_config underlay = df_config_underlay(config);
    struct df_underlay_port *made;
    struct df_error why;
    int rc = df_underlay_port_new(&underlay, NULL, &made, &why);
    df_underlay_port_free(made);
    if (rc == 0 && *underlay.port && !has_port(config, underlay.port))
        rc = df_error_set(&why, -EINVAL, "[df] underlay_port %.60s is not one of [fastpath] ports; add it there",
                          underlay.port);
    return rc == 0 ? 0 : df_error_set(error, rc, "%s: %s", path ? path : "configuration", why.text);
}

/* The first line, without its end. */
static int read_password(struct df_config *config, const char *path, struct df_error *error)
{
    char *line = NULL;
    size_t room = 0;
    const char *from = path ? path : "configuration";
    if (!*config->db_password_file)
        return 0;
    FILE *file = fopen(config->db_password_file, "re");
    if (!file)
        return df_error_set(error, -EINVAL, "%s: [database] password_file %s: %s", from, config->db_password_file,
                            strerror(errno));
    ssize_t len = getline(&line, &room, file);
    fclose(file);
    if (len >= 0)
        line[strcspn(line, "\r\n")] = '\0';
    config->db_password = line;
    return len > 0 && *line ? 0
                            : df_error_set(error, -EINVAL, "%s: [database] password_file %s: its first line is empty",
                                           from, config->db_password_file);
}

/* Of its certificates. One that has expired may be renewed while the daemon runs, and is for the database thread to tell. */
static int check_certificates(const struct df_config *config, const char *path, struct df_error *error)
{
    struct df_db_config database = df_config_database(config);
    struct df_error why;
    SSL_CTX *tls;
    int rc = df_tls_new(&database, config->nb_db_class, &tls, &why);
    SSL_CTX_free(tls);
    return rc == 0 || rc == -EACCES
               ? 0
               : df_error_set(error, -EINVAL, "%s: [database] %s", path ? path : "configuration", why.text);
}

/* CURVE needs all three. */
static int read_zmq_keys(struct df_config *config, const char *path, struct df_error *error)
{
    struct df_error why;
    const char *own = config->zmq_key_file, *server = config->zmq_server_key_file;
    if (!*own && !*server)
        return 0;
    int rc =
        *own && *server ? 0 : df_error_set(&why, -EINVAL, "key_file and server_key_file: set both, or none of them");
    if (rc == 0)
        rc = df_curve_read_key(own, "public", config->zmq_public_key, &why);
    if (rc == 0)
        rc = df_curve_read_key(own, "secret", config->zmq_secret_key, &why);
    if (rc == 0 && strcmp(config->zmq_public_key, config->zmq_secret_key) == 0) /* a file of one key */
        rc = df_error_set(&why, -EINVAL, "key_file %s: must have a line \"public KEY\" and a line \"secret KEY\"", own);
    if (rc == 0)
        rc = df_curve_read_key(server, "public", config->zmq_server_key, &why);
    return rc == 0 ? 0 : df_error_set(error, -EINVAL, "%s: [df_zmq] %.400s", path ? path : "configuration", why.text);
}

static int check_publishers(const struct df_config *config, const char *path, struct df_error *error)
{
    struct df_error why;
    for (char **name = config->publishers_ips; *name; name++)
        if (df_subscriber_check_name(*name, &why))
            return df_error_set(error, -EINVAL, "%s: [df] publishers_ips: %.400s", path ? path : "configuration",
                                why.text);
    return 0;
}

/* Pub/sub of a database is the watch of that database. */
static int check_pub_sub(const struct df_config *config, const char *path, struct df_error *error)
{
    size_t len = strcspn(config->pub_sub_driver, "_");
    bool zmq = strncmp(config->pub_sub_driver, "zmq", 3) == 0;
    if (config->pub_sub && zmq && config->publishers_ips[0])
        return check_publishers(config, path, error);
    if (!config->pub_sub ||
        (strlen(config->nb_db_class) == len && strncmp(config->nb_db_class, config->pub_sub_driver, len) == 0))
        return 0;
    if (zmq)
        return df_error_set(error, -EINVAL,
                            "%s: [df] publishers_ips is empty: say where publishers are, or set enable_df_pub_sub = "
                            "false",
                            path ? path : "configuration");
    return df_error_set(error, -EINVAL,
                        "%s: [df] pub_sub_driver %s is the watch of that database, and nb_db_class is %s: set "
                        "zmq_pubsub_driver, or that database",
                        path ? path : "configuration", config->pub_sub_driver, config->nb_db_class);
}

int df_config_check(struct df_config *config, const char *path, struct df_error *error)
{
    int rc = check_underlay(config, path, error);
    if (rc == 0)
        rc = read_password(config, path, error);
    if (rc == 0)
        rc = check_certificates(config, path, error);
    if (rc == 0)
        rc = read_zmq_keys(config, path, error);
    return rc == 0 ? check_pub_sub(config, path, error) : rc;
}
