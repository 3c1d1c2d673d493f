/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/daemon/config_file.h"
#include "control/daemon/config_keys.h"
#include "dbsync/pubsub/curve.h"

#define LIST_MAX 1024

/* Why a value is refused; text is part of a sentence that begins with the key. */
struct problem {
    char text[256];
};

static void *field(const struct df_config *config, const struct df_config_key *key)
{
    return (char *)config + key->offset;
}

static bool is_list(const struct df_config_key *key)
{
    return key->type == DF_CONFIG_COMMAS || key->type == DF_CONFIG_WORDS;
}

static int refuse(struct problem *problem, const char *value, const char *why)
{
    snprintf(problem->text, sizeof(problem->text), "%s, not `%.100s'", why, value);
    return -EINVAL;
}

static int set_uint(uint32_t *to, const struct df_config_key *key, const char *value, struct problem *problem)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno || number < key->min || number > key->max) {
        char why[80];
        snprintf(why, sizeof(why), "must be a number from %u to %u", key->min, key->max);
        return refuse(problem, value, why);
    }
    *to = (uint32_t)number;
    return 0;
}

static int set_bool(bool *to, const char *value, struct problem *problem)
{
    bool yes = strcmp(value, "true") == 0;
    if (!yes && strcmp(value, "false") != 0)
        return refuse(problem, value, "must be true or false");
    *to = yes;
    return 0;
}

static int set_text(char **to, const struct df_config_key *key, const char *value, struct problem *problem)
{
    const char *why = key->check ? key->check(value) : NULL;
    if (why)
        return refuse(problem, value, why);
    free(*to);
    *to = strdup(value);
    return *to ? 0 : -ENOMEM;
}

static int set_choice(char **to, const struct df_config_key *key, const char *value, struct problem *problem)
{
    size_t len = strlen(value);
    for (const char *at = key->choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strcspn(at, "|") == len && memcmp(at, value, len) == 0)
            return set_text(to, key, value, problem);
    char why[100];
    snprintf(why, sizeof(why), "must be one of %s", key->choices);
    return refuse(problem, value, why);
}

static void free_list(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

static int set_list(char ***to, const struct df_config_key *key, const char *value, struct problem *problem)
{
    const char *separators = key->type == DF_CONFIG_COMMAS ? ", \t" : " \t";
    char **list = calloc(LIST_MAX + 1, sizeof(*list));
    char *copy = strdup(value);
    char *rest = copy;
    char *item;
    size_t n = 0;
    int rc = list && copy ? 0 : -ENOMEM;
    while (rc == 0 && (item = strsep(&rest, separators))) {
        const char *why = *item && key->check ? key->check(item) : NULL;
        if (why || n == LIST_MAX)
            rc = refuse(problem, item, why ? why : "has too many items");
        else if (*item && !(list[n++] = strdup(item)))
            rc = -ENOMEM;
    }
    free(copy);
    if (rc != 0) {
        free_list(list);
        return rc;
    }
    free_list(*to);
    *to = list;
    return 0;
}

static int set_value(struct df_config *config, const struct df_config_key *key, const char *value,
                     struct problem *problem)
{
    switch (key->type) {
    case DF_CONFIG_TEXT:
        return set_text(field(config, key), key, value, problem);
    case DF_CONFIG_BOOL:
        return set_bool(field(config, key), value, problem);
    case DF_CONFIG_UINT:
        return set_uint(field(config, key), key, value, problem);
    case DF_CONFIG_CHOICE:
        return set_choice(field(config, key), key, value, problem);
    case DF_CONFIG_COMMAS:
    case DF_CONFIG_WORDS:
        return set_list(field(config, key), key, value, problem);
    }
    return -EINVAL;
}

static const struct df_config_key *find_key(const char *section, const char *name)
{
    for (size_t i = 0; i < df_config_n_keys; i++)
        if (strcmp(df_config_keys[i].section, section) == 0 && strcmp(df_config_keys[i].name, name) == 0)
            return &df_config_keys[i];
    return NULL;
}

static bool is_own_section(const char *section)
{
    for (size_t i = 0; i < df_config_n_keys; i++)
        if (strcmp(df_config_keys[i].section, section) == 0)
            return true;
    return false;
}

static int set_defaults(struct df_config *config)
{
    struct problem problem;
    for (size_t i = 0; i < df_config_n_keys; i++) {
        int rc = set_value(config, &df_config_keys[i], df_config_keys[i].fallback, &problem);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int apply_item(struct df_config *config, struct df_config_item *item, struct df_error *error)
{
    const struct df_config_key *key = find_key(item->section, item->key);
    const char *path = config->file->path;
    if (!key && is_own_section(item->section))
        return df_error_set(error, -EINVAL, "%s:%u: [%s] has no key `%s'; dragonflow.ini(5) lists them", path,
                            item->line, item->section, item->key);
    if (!key)
        return 0;
    item->claimed = true;
    if (item->goes_on && !is_list(key))
        return df_error_set(error, -EINVAL,
                            "%s:%u: [%s] %s is not a list, but the next line goes on with it because it is indented",
                            path, item->line, item->section, item->key);
    struct problem problem = {.text = "out of memory"};
    int rc = set_value(config, key, item->value, &problem);
    if (rc != 0)
        return df_error_set(error, rc, "%s:%u: [%s] %s %s", path, item->line, item->section, item->key, problem.text);
    return 0;
}

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
    if (rc == 0)
        rc = df_curve_read_key(server, "public", config->zmq_server_key, &why);
    return rc == 0 ? 0 : df_error_set(error, -EINVAL, "%s: [df_zmq] %.400s", path ? path : "configuration", why.text);
}

/* Pub/sub of a database is the watch of that database. */
static int check_pub_sub(const struct df_config *config, const char *path, struct df_error *error)
{
    size_t len = strcspn(config->pub_sub_driver, "_");
    bool zmq = strncmp(config->pub_sub_driver, "zmq", 3) == 0;
    if (!config->pub_sub || zmq ||
        (strlen(config->nb_db_class) == len && strncmp(config->nb_db_class, config->pub_sub_driver, len) == 0))
        return 0;
    return df_error_set(error, -EINVAL,
                        "%s: [df] pub_sub_driver %s is the watch of that database, and nb_db_class is %s: set "
                        "zmq_pubsub_driver, or that database",
                        path ? path : "configuration", config->pub_sub_driver, config->nb_db_class);
}

static int fill_in_host(struct df_config *config)
{
    if (*config->host) /* NOLINT(clang-analyzer-core.NullDereference): it has its default */
        return 0;
    char name[256] = "";
    gethostname(name, sizeof(name) - 1);
    free(config->host);
    config->host = strdup(name);
    return config->host ? 0 : -ENOMEM;
}

int df_config_load(const char *path, struct df_config **config, struct df_error *error)
{
    struct df_config *made = calloc(1, sizeof(*made));
    int rc = made ? set_defaults(made) : -ENOMEM;
    if (rc != 0) {
        df_error_set(error, rc, "configuration: out of memory");
        goto err;
    }
    if (path) {
        rc = df_config_file_read(path, &made->file, error);
        for (size_t i = 0; rc == 0 && i < made->file->n; i++)
            rc = apply_item(made, &made->file->items[i], error);
        if (rc != 0)
            goto err;
    }
    rc = check_underlay(made, path, error);
    if (rc == 0)
        rc = read_password(made, path, error);
    if (rc == 0)
        rc = read_zmq_keys(made, path, error);
    if (rc == 0)
        rc = check_pub_sub(made, path, error);
    if (rc == 0)
        rc = fill_in_host(made);
    if (rc != 0)
        goto err;
    *config = made;
    return 0;
err:
    df_config_free(made);
    return rc;
}

void df_config_free(struct df_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < df_config_n_keys; i++) {
        const struct df_config_key *key = &df_config_keys[i];
        if (is_list(key))
            free_list(*(char ***)field(config, key));
        else if (key->type == DF_CONFIG_TEXT || key->type == DF_CONFIG_CHOICE)
            free(*(char **)field(config, key));
    }
    df_config_file_free(config->file);
    free(config->db_password);
    free(config);
}

const char *df_config_option(void *config, const char *section, const char *key)
{
    struct df_config *self = config;
    struct df_config_item *item = self->file ? df_config_file_find(self->file, section, key) : NULL;
    if (!item)
        return NULL;
    item->claimed = true;
    self->file->last_asked = item;
    return item->value;
}

const char *df_config_option_where(const struct df_config *config, char *text, size_t size)
{
    *text = '\0';
    if (config->file && config->file->last_asked)
        snprintf(text, size, "%s:%u", config->file->path, config->file->last_asked->line);
    return text;
}

int df_config_unclaimed(const struct df_config *config, struct df_error *error)
{
    for (size_t i = 0; config->file && i < config->file->n; i++) {
        const struct df_config_item *item = &config->file->items[i];
        if (!item->claimed)
            return df_error_set(error, -EINVAL,
                                "%s:%u: no loaded app knows [%s] %s: is it misspelt, or is its app missing in "
                                "[df] apps_list?",
                                config->file->path, item->line, item->section, item->key);
    }
    return 0;
}

static bool lists_equal(char **a, char **b)
{
    for (; *a && *b; a++, b++)
        if (strcmp(*a, *b) != 0)
            return false;
    return *a == *b;
}

static bool values_equal(const struct df_config *a, const struct df_config *b, const struct df_config_key *key)
{
    switch (key->type) {
    case DF_CONFIG_BOOL:
        return *(bool *)field(a, key) == *(bool *)field(b, key);
    case DF_CONFIG_UINT:
        return *(uint32_t *)field(a, key) == *(uint32_t *)field(b, key);
    case DF_CONFIG_TEXT:
    case DF_CONFIG_CHOICE:
        return strcmp(*(char **)field(a, key), *(char **)field(b, key)) == 0;
    case DF_CONFIG_COMMAS:
    case DF_CONFIG_WORDS:
        return lists_equal(*(char ***)field(a, key), *(char ***)field(b, key));
    }
    return true;
}

/* Items of apps' sections that file has and other has not, or with another value. */
static void diff_options(struct df_config_file *file, struct df_config_file *other, bool values,
                         void (*cb)(const char *section, const char *key, bool at_run_time, void *arg), void *arg)
{
    for (size_t i = 0; file && i < file->n; i++) {
        const struct df_config_item *item = &file->items[i];
        const struct df_config_item *twin = other ? df_config_file_find(other, item->section, item->key) : NULL;
        if (!is_own_section(item->section) && (!twin || (values && strcmp(item->value, twin->value) != 0)))
            cb(item->section, item->key, false, arg);
    }
}

void df_config_diff(const struct df_config *before, const struct df_config *after,
                    void (*cb)(const char *section, const char *key, bool at_run_time, void *arg), void *arg)
{
    for (size_t i = 0; i < df_config_n_keys; i++) {
        const struct df_config_key *key = &df_config_keys[i];
        if (!values_equal(before, after, key))
            cb(key->section, key->name, key->at_run_time, arg);
    }
    diff_options(after->file, before->file, true, cb, arg);
    diff_options(before->file, after->file, false, cb, arg);
}

static void print_help(FILE *out, const struct df_config_key *key)
{
    fputs("\n# ", out);
    for (const char *at = key->help; *at; at++) {
        fputc(*at, out);
        if (*at == '\n')
            fputs("# ", out);
    }
    fputc('\n', out);
    if (key->type == DF_CONFIG_UINT)
        fprintf(out, "# A number from %u to %u.\n", key->min, key->max);
    if (key->type == DF_CONFIG_CHOICE)
        fprintf(out, "# One of %s.\n", key->choices);
    if (key->at_run_time)
        fputs("# Taken over by `systemctl reload df-switchd`.\n", out);
}

void df_config_print(FILE *out)
{
    const char *section = "";
    for (size_t i = 0; i < df_config_n_keys; i++) {
        const struct df_config_key *key = &df_config_keys[i];
        if (strcmp(section, key->section) != 0)
            fprintf(out, "%s[%s]\n", *section ? "\n" : "", key->section);
        section = key->section;
        print_help(out, key);
        fprintf(out, "#%s =%s%s\n", key->name, *key->fallback ? " " : "", key->fallback);
    }
}

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
