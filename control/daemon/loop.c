/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/internal.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "control/daemon/build_info.h"
#include "fastpath/rcu.h"

/* The thread is a reader of RCU while it works, and offline while it waits, so that no grace period waits for it. */
static void begin_work(void *arg)
{
    (void)arg;
    df_rcu_online();
}

static void end_work(void *arg)
{
    (void)arg;
    df_rcu_offline();
}

/* ---- events */

static void become_ready(struct df_daemon *daemon, const char *status)
{
    if (status == daemon->status)
        return;
    daemon->status = status;
    sd_notifyf(0, "%sSTATUS=%s", daemon->ready ? "" : "READY=1\n", status);
    if (!daemon->ready)
        df_log(DF_LOG_INFO, "ready: %s", status);
    daemon->ready = true;
}

static void on_settled(void *arg, bool wants_more)
{
    struct df_daemon *daemon = arg;
    daemon->wants_more = wants_more;
    df_waits_check(daemon->waits);
}

/* systemd kills and restarts a daemon whose loop stands still. */
static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    sd_notify(0, "WATCHDOG=1");
}

static void on_punts(evutil_socket_t fd, short what, void *arg)
{
    struct df_daemon *daemon = arg;
    (void)fd;
    (void)what;
    begin_work(daemon);
    df_datapath_fastpath_poll(daemon->dp);
    end_work(daemon);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct df_daemon *daemon = arg;
    (void)fd;
    (void)what;
    begin_work(daemon);
    df_datapath_fastpath_tick(daemon->dp);
    end_work(daemon);
}

static void on_age(evutil_socket_t fd, short what, void *arg)
{
    struct df_daemon *daemon = arg;
    (void)fd;
    (void)what;
    begin_work(daemon);
    df_datapath_fastpath_age(daemon->dp);
    end_work(daemon);
}

static void on_port_changed(void *arg, uint16_t port, const struct df_port_state *state)
{
    struct df_daemon *daemon = arg;
    df_controller_port_changed(daemon->controller, port, state);
    df_node_settle_soon(daemon->node);
}

static void on_device(void *arg, const char *name)
{
    struct df_daemon *daemon = arg;
    if (df_controller_device_came(daemon->controller, name))
        df_node_settle_soon(daemon->node);
}

static void on_punt(void *arg, uint32_t app, uint32_t lport, uint32_t network, const uint8_t *frame, uint32_t len)
{
    struct df_daemon *daemon = arg;
    df_controller_punt(daemon->controller, app, lport, network, frame, len);
    int64_t due_ms = df_controller_next_due_ms(daemon->controller);
    if (due_ms >= 0 && due_ms <= (int64_t)df_clock_monotonic.now_ms(&df_clock_monotonic))
        df_node_settle_soon(daemon->node);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct df_daemon *daemon = arg;
    (void)what;
    if (number == SIGHUP) {
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
                   (unsigned long long)df_clock_monotonic.now_ms(&df_clock_monotonic) * 1000);
        df_daemon_reload(daemon);
        sd_notify(0, "READY=1");
        return;
    }
    df_log(DF_LOG_INFO, "%s: stopping", number == SIGTERM ? "SIGTERM" : "SIGINT");
    sd_notify(0, "STOPPING=1\nSTATUS=stopping");
    event_base_loopexit(daemon->base, NULL);
}

/* ---- the database */

/* The first answer of the database was settled: READY means that what it holds is in force. */
static void on_database(void *arg)
{
    struct df_daemon *daemon = arg;
    if (!daemon->wants_more && !df_sync_is_away(df_node_sync(daemon->node)))
        become_ready(daemon, df_sync_has_rival(df_node_sync(daemon->node)) ? "another df-switchd has this node's name"
                                                                           : "in sync with the database");
}

/* Ready without it: a node that waits for its database does its work with what it has, and systemd must not kill it. */
static void on_database_away(void *arg)
{
    become_ready(arg, "the database is away, trying again");
}

/*
 * Whoever locks this machine's RPC socket is the one who may take the place of a df-switchd that had it before: the
 * lease of one that was killed is its own at once, not when it ran out.
 */
static void name_owner(struct df_daemon *daemon)
{
    char machine[64] = "this machine";
    FILE *file = fopen("/etc/machine-id", "re");
    if (file && fgets(machine, sizeof(machine), file))
        machine[strcspn(machine, "\n")] = '\0';
    if (file)
        fclose(file);
    snprintf(daemon->owner, sizeof(daemon->owner), "df-switchd of machine %s with socket %s", machine,
             daemon->config->rpc_socket);
}

static int start_sync(struct df_daemon *daemon)
{
    struct df_sync_config config = {
        .driver = daemon->config->nb_db_class,
        .database = df_config_database(daemon->config),
        .owner = daemon->owner,
        .changed = on_database,
        .away = on_database_away,
        .arg = daemon,
    };
    name_owner(daemon);
    if (df_config_subscriber(daemon->config, &daemon->subscriber))
        config.subscriber = &daemon->subscriber;
    return df_node_connect(daemon->node, &config);
}

/* ---- start */

/* An app that is not there costs its service and nothing else: what needs it is refused by name. */
static int list_apps(struct df_daemon *daemon)
{
    char **wanted = daemon->config->apps_list;
    size_t n = 0;
    while (wanted[n])
        n++;
    daemon->apps = calloc(n + 1, sizeof(*daemon->apps));
    if (!daemon->apps)
        return -ENOMEM;
    for (size_t i = 0, found = 0; i < n; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%s/df_app_%s.so", daemon->config->apps_dir, wanted[i]);
        if (access(path, R_OK) == 0)
            daemon->apps[found++] = wanted[i];
        else
            df_log(DF_LOG_ERROR,
                   "app %s: %s: %s; going on without it: correct [df] apps_list, or let [df] apps_dir name "
                   "the folder it is in",
                   wanted[i], path, strerror(errno));
    }
    return 0;
}

/* The node's addresses without their prefix lengths: one of each family at most (underlay/settings.h). */
struct own_ips {
    char text[2][DF_IP_TEXT];
    char *list[2];
};

/* Strings are the configuration's, and those of ips. */
static void describe_chassis(const struct df_daemon *daemon, Df__Chassis *chassis, struct own_ips *ips)
{
    const struct df_config *config = daemon->config;
    chassis->id = config->host;
    chassis->datapath = config->backend;
    if (!*config->underlay_port && config->local_ip[0])
        df_log(DF_LOG_WARNING, "[df] local_ip is set, and underlay_port is not: this node has no tunnels");
    if (!*config->underlay_port)
        return;
    for (size_t i = 0; i < 2 && config->local_ip[i]; i++) {
        snprintf(ips->text[i], DF_IP_TEXT, "%.*s", (int)strcspn(config->local_ip[i], "/"), config->local_ip[i]);
        ips->list[i] = ips->text[i];
        chassis->n_ips = i + 1;
    }
    chassis->ips = ips->list;
    chassis->ip = ips->list[0];
    chassis->tunnel_types = config->tunnel_types;
    while (config->tunnel_types[chassis->n_tunnel_types])
        chassis->n_tunnel_types++;
}

static int start_controller(struct df_daemon *daemon)
{
    struct df_config *config = daemon->config;
    struct df_error error;
    if (list_apps(daemon) != 0)
        return -ENOMEM;
    struct df_underlay_config underlay = df_config_underlay(config);
    Df__Chassis chassis = DF__CHASSIS__INIT;
    struct own_ips ips = {0};
    describe_chassis(daemon, &chassis, &ips);
    struct df_node_config node = {
        .base = daemon->base,
        .chassis = &chassis,
        .before = begin_work,
        .after = end_work,
        .settled = on_settled,
        .arg = daemon,
    };
    node.controller = (struct df_controller_config){
        .host = config->host,
        .apps_dir = config->apps_dir,
        .apps = daemon->apps,
        .vhost_sock_dir = config->vhost_sock_dir,
        .underlay = &underlay,
        .dp = daemon->dp,
        .clock = &df_clock_monotonic,
        .selective = config->selective,
        .option = df_config_option,
        .option_arg = config,
    };
    if (df_node_new(&node, &daemon->node, &error) != 0) {
        char where[512];
        df_config_option_where(config, where, sizeof(where));
        df_log(DF_LOG_ERROR, "%s%s%s", where, *where ? ": " : "", error.text);
        return -EINVAL;
    }
    daemon->controller = df_node_controller(daemon->node);
    daemon->dp->events = (struct df_datapath_events){.punt = on_punt, .port_changed = on_port_changed, .arg = daemon};
    daemon->resolver = (struct df_resolver){.controller = daemon->controller, .dp = daemon->dp};
    if (df_config_unclaimed(config, &error) == 0)
        return 0;
    df_log(DF_LOG_ERROR, "%s", error.text);
    daemon->exit_code = EX_CONFIG;
    return -EINVAL;
}

static int start_watchdog(struct df_daemon *daemon)
{
    uint64_t us;
    if (sd_watchdog_enabled(0, &us) <= 0)
        return 0;
    struct timeval half = {.tv_sec = (time_t)(us / 2 / 1000000), .tv_usec = (suseconds_t)(us / 2 % 1000000)};
    daemon->watchdog = event_new(daemon->base, -1, EV_PERSIST, on_watchdog, daemon);
    return daemon->watchdog && event_add(daemon->watchdog, &half) == 0 ? 0 : -ENOMEM;
}

static int start_fastpath_events(struct df_daemon *daemon)
{
    static const struct timeval look_interval = {.tv_sec = 1};
    static const struct timeval age_interval = {.tv_usec = 10000};
    daemon->punts =
        event_new(daemon->base, df_datapath_fastpath_fd(daemon->dp), EV_READ | EV_PERSIST, on_punts, daemon);
    daemon->look = event_new(daemon->base, -1, EV_PERSIST, on_look, daemon);
    daemon->age = event_new(daemon->base, -1, EV_PERSIST, on_age, daemon);
    if (!daemon->punts || !daemon->look || !daemon->age)
        return -ENOMEM;
    bool added = event_add(daemon->punts, NULL) == 0 && event_add(daemon->look, &look_interval) == 0 &&
                 event_add(daemon->age, &age_interval) == 0;
    return added ? 0 : -ENOMEM;
}

/* Without them a device is found by trying again. */
static void start_links(struct df_daemon *daemon)
{
    daemon->links = df_links_new(daemon->base, on_device, daemon);
    if (!daemon->links)
        df_log(DF_LOG_WARNING, "rtnetlink: %s; a port whose device comes late may open half a minute later",
               strerror(errno));
}

static int start_events(struct df_daemon *daemon)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    for (unsigned i = 0; i < 3; i++) {
        daemon->signals[i] = evsignal_new(daemon->base, numbers[i], on_signal, daemon);
        if (!daemon->signals[i] || event_add(daemon->signals[i], NULL) != 0)
            return -ENOMEM;
    }
    if (start_watchdog(daemon) != 0)
        return -ENOMEM;
    start_links(daemon);
    return daemon->is_fastpath ? start_fastpath_events(daemon) : 0;
}

static int start_rpc(struct df_daemon *daemon)
{
    struct df_error error;
    daemon->base = event_base_new();
    daemon->rpc = daemon->base ? df_rpc_server_new(daemon->base, df_daemon_methods, daemon) : NULL;
    if (!daemon->rpc)
        return -ENOMEM;
    df_rpc_server_around(daemon->rpc, begin_work, end_work);
    int rc = df_rpc_server_listen(daemon->rpc, daemon->config->rpc_socket, &error);
    if (rc != 0)
        df_log(DF_LOG_ERROR, "%s", error.text);
    return rc;
}

static int load_config(struct df_daemon *daemon)
{
    struct df_error error;
    if (df_config_load(daemon->options.config_path, &daemon->config, &error) != 0) {
        df_log(DF_LOG_ERROR, "%s", error.text);
        daemon->exit_code = EX_CONFIG;
        return -EINVAL;
    }
    df_log_set_level(daemon->options.log_level ? (enum df_log_level)daemon->options.log_level
                                               : df_config_log_level(daemon->config));
    return 0;
}

static int start(struct df_daemon *daemon)
{
    int rc = load_config(daemon);
    if (rc == 0)
        rc = start_rpc(daemon);
    if (rc == 0)
        rc = df_daemon_open_datapath(daemon);
    if (rc != 0)
        return rc;
    if (mkdir(daemon->config->vhost_sock_dir, 0755) != 0 && errno != EEXIST)
        df_log(DF_LOG_WARNING, "%s: cannot make the directory of vhost-user sockets: %s",
               daemon->config->vhost_sock_dir, strerror(errno));
    rc = start_controller(daemon);
    if (rc != 0)
        return rc;
    daemon->waits = df_waits_new(daemon->base, daemon->controller);
    daemon->dumps = df_dumps_new(daemon->base);
    if (!daemon->waits || !daemon->dumps)
        return -ENOMEM;
    rc = start_events(daemon);
    return rc == 0 ? start_sync(daemon) : rc;
}

/* ---- end */

static void free_event(struct event *event)
{
    if (event)
        event_free(event);
}

/* Last started, first ended; a second daemon can start as soon as the socket's lock is free, and that is last. */
static void stop(struct df_daemon *daemon)
{
    df_node_disconnect(daemon->node);
    df_links_free(daemon->links);
    for (unsigned i = 0; i < 3; i++)
        free_event(daemon->signals[i]);
    free_event(daemon->watchdog);
    free_event(daemon->punts);
    free_event(daemon->look);
    free_event(daemon->age);
    df_node_free(daemon->node);
    df_daemon_close_datapath(daemon);
    df_rpc_server_free(daemon->rpc);
    df_waits_free(daemon->waits);
    df_dumps_free(daemon->dumps);
    if (daemon->base)
        event_base_free(daemon->base);
    free(daemon->apps);
    df_config_free(daemon->config);
}

int df_daemon_run(const struct df_daemon_options *options)
{
    struct df_daemon daemon = {.options = *options, .exit_code = EXIT_SUCCESS};
    daemon.started_ms = df_clock_monotonic.now_ms(&df_clock_monotonic);
    signal(SIGPIPE, SIG_IGN); /* a client that went away is an error of write() */
    df_rcu_register();
    if (start(&daemon) != 0) {
        if (daemon.exit_code == EXIT_SUCCESS)
            daemon.exit_code = EXIT_FAILURE;
    } else {
        df_log(DF_LOG_INFO, "df-switchd %s started for host %s", DF_VERSION, daemon.config->host);
        end_work(&daemon);
        event_base_dispatch(daemon.base);
        begin_work(&daemon);
    }
    stop(&daemon);
    df_rcu_unregister();
    return daemon.exit_code;
}
