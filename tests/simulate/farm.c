/* SPDX-License-Identifier: Apache-2.0 */
#include "farm.h"

#include "control/datapath/null.h"
#include "control/model/alloc.h"
#include "fastpath/rcu.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

struct member {
    struct farm *farm;
    struct farm_node node;
    struct df_node *daemon;
    char host[CLOUD_HOST], ip[CLOUD_HOST], owner[64];
    uint64_t begun_ns, begun_cpu_ns; /* the work that is being done */
    uint64_t cpu_ns;
    struct farm_mark mark; /* under lock */
};

struct farm {
    struct farm_config config;
    struct event_base *base;
    struct event *called;
    int call_fd;
    struct member *members;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    void (*fn)(struct farm *farm, void *arg); /* a call that waits; under lock, as all below */
    void *arg;
    bool stop;
    farm_is_so is_so; /* NULL: nothing is waited for */
    void *is_so_arg;
    unsigned n_done;
};

static uint64_t ns_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t farm_now_ns(void)
{
    return ns_of(CLOCK_MONOTONIC);
}

/* ---- The work of a node */

static void before(void *arg)
{
    struct member *member = arg;
    df_rcu_online();
    member->begun_ns = farm_now_ns();
    member->begun_cpu_ns = ns_of(CLOCK_THREAD_CPUTIME_ID);
}

static void after(void *arg)
{
    struct member *member = arg;
    member->cpu_ns += ns_of(CLOCK_THREAD_CPUTIME_ID) - member->begun_cpu_ns;
    df_rcu_offline();
}

static void settled(void *arg, bool wants_more)
{
    struct member *member = arg;
    struct farm *farm = member->farm;
    uint64_t now_ns = farm_now_ns();
    (void)wants_more;
    pthread_mutex_lock(&farm->lock);
    if (farm->is_so && !member->mark.done && farm->is_so(&member->node, farm->is_so_arg)) {
        member->mark = (struct farm_mark){.done = true, .event_ns = member->begun_ns, .in_force_ns = now_ns};
        farm->n_done++;
        pthread_cond_signal(&farm->changed);
    }
    pthread_mutex_unlock(&farm->lock);
}

static void changed(void *arg)
{
    (void)arg;
}

/* ---- Making one */

static const char *const apps[] = {"l2", "l3", "portsec", "dhcp", "secgroup", "tunneling", NULL};
static const char *const neighbours[] = {"*=02:00:00:00:00:01", NULL};
static const char *const types[] = {"geneve", "vxlan", "gre", NULL};

static int make_controller(const struct member *member, struct df_datapath *dp, struct df_node **daemon,
                           struct df_controller **twin, struct df_error *error)
{
    const struct farm *farm = member->farm;
    const char *const local_ips[] = {member->ip, NULL};
    struct df_underlay_config underlay = {
        .port = "uplink", .local_ips = local_ips, .neighbours = neighbours, .types = types, .mtu = 1600};
    Df__Chassis chassis = DF__CHASSIS__INIT;
    chassis.id = (char *)(uintptr_t)member->host;
    chassis.ip = (char *)(uintptr_t)member->ip;
    chassis.ips = &chassis.ip;
    chassis.n_ips = 1;
    chassis.datapath = (char[]){"fastpath"};
    chassis.tunnel_types = (char **)(uintptr_t)types;
    chassis.n_tunnel_types = 3;
    struct df_node_config config = {.base = farm->base,
                                    .chassis = &chassis,
                                    .before = before,
                                    .after = after,
                                    .settled = settled,
                                    .arg = (void *)(uintptr_t)member};
    config.controller = (struct df_controller_config){.host = member->host,
                                                      .apps_dir = farm->config.apps_dir,
                                                      .apps = apps,
                                                      .vhost_sock_dir = "/nonexistent",
                                                      .underlay = &underlay,
                                                      .dp = dp,
                                                      .clock = &df_clock_monotonic,
                                                      .selective = farm->config.selective && daemon};
    return daemon ? df_node_new(&config, daemon, error) : df_controller_new(&config.controller, twin, error);
}

static int member_start(struct farm *farm, unsigned i)
{
    struct member *member = &farm->members[i];
    struct df_error error;
    member->farm = farm;
    member->node.number = farm->config.first + i;
    cloud_host(member->node.number, member->host);
    cloud_ip(member->node.number, member->ip);
    snprintf(member->owner, sizeof(member->owner), "simulate %s", member->host);
    member->node.dp = df_datapath_null_open();
    if (make_controller(member, member->node.dp, &member->daemon, NULL, &error) != 0) {
        fprintf(stderr, "simulate: %s: %s\n", member->host, error.text);
        return -1;
    }
    member->node.controller = df_node_controller(member->daemon);
    return 0;
}

struct df_controller *farm_twin(const struct farm *farm, unsigned i, struct df_datapath *dp)
{
    struct df_error error;
    struct df_controller *twin;
    if (make_controller(&farm->members[i], dp, NULL, &twin, &error) == 0)
        return twin;
    fprintf(stderr, "simulate: %s\n", error.text);
    return NULL;
}

/* ---- The loop */

static void on_call(evutil_socket_t fd, short what, void *arg)
{
    struct farm *farm = arg;
    eventfd_t value;
    (void)what;
    eventfd_read(fd, &value);
    pthread_mutex_lock(&farm->lock);
    void (*fn)(struct farm *, void *) = farm->fn;
    bool stop = farm->stop;
    pthread_mutex_unlock(&farm->lock);
    if (stop)
        event_base_loopbreak(farm->base);
    if (!fn)
        return;
    df_rcu_online();
    fn(farm, farm->arg);
    df_rcu_offline();
    pthread_mutex_lock(&farm->lock);
    farm->fn = NULL;
    pthread_cond_signal(&farm->changed);
    pthread_mutex_unlock(&farm->lock);
}

struct farm *farm_new(const struct farm_config *config)
{
    struct farm *farm = df_alloc(sizeof(*farm));
    farm->config = *config;
    pthread_mutex_init(&farm->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&farm->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    farm->members = df_alloc(config->n * sizeof(*farm->members));
    farm->base = event_base_new();
    farm->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    farm->called = event_new(farm->base, farm->call_fd, EV_READ | EV_PERSIST, on_call, farm);
    bool started = farm->called && event_add(farm->called, NULL) == 0;
    for (unsigned i = 0; i < config->n && started; i++)
        started = member_start(farm, i) == 0;
    if (started)
        return farm;
    farm_free(farm);
    return NULL;
}

void farm_free(struct farm *farm)
{
    for (unsigned i = 0; i < farm->config.n; i++) {
        df_node_free(farm->members[i].daemon);
        if (farm->members[i].node.dp)
            farm->members[i].node.dp->ops->close(farm->members[i].node.dp);
    }
    if (farm->called)
        event_free(farm->called);
    close(farm->call_fd);
    event_base_free(farm->base);
    pthread_cond_destroy(&farm->changed);
    pthread_mutex_destroy(&farm->lock);
    free(farm->members);
    free(farm);
}

void farm_run(struct farm *farm)
{
    df_rcu_offline();
    event_base_dispatch(farm->base);
    df_rcu_online();
}

void farm_stop(struct farm *farm)
{
    pthread_mutex_lock(&farm->lock);
    farm->stop = true;
    pthread_mutex_unlock(&farm->lock);
    eventfd_write(farm->call_fd, 1);
}

void farm_connect(struct farm *farm)
{
    for (unsigned i = 0; i < farm->config.n; i++) {
        struct member *member = &farm->members[i];
        struct df_sync_config sync = {.driver = farm->config.driver,
                                      .database = farm->config.database,
                                      .owner = member->owner,
                                      .subscriber = farm->config.subscriber,
                                      .changed = changed,
                                      .away = changed,
                                      .arg = member};
        if (df_node_connect(member->daemon, &sync) != 0)
            fprintf(stderr, "simulate: %s: no memory or no thread\n", member->host);
    }
}

void farm_call(struct farm *farm, void (*fn)(struct farm *farm, void *arg), void *arg)
{
    pthread_mutex_lock(&farm->lock);
    farm->fn = fn;
    farm->arg = arg;
    eventfd_write(farm->call_fd, 1);
    while (farm->fn)
        pthread_cond_wait(&farm->changed, &farm->lock);
    pthread_mutex_unlock(&farm->lock);
}

/* ---- Asking */

unsigned farm_size(const struct farm *farm)
{
    return farm->config.n;
}

struct farm_node farm_node(const struct farm *farm, unsigned i)
{
    return farm->members[i].node;
}

uint64_t farm_control_ns(const struct farm *farm)
{
    uint64_t ns = 0;
    for (unsigned i = 0; i < farm->config.n; i++)
        ns += farm->members[i].cpu_ns;
    return ns;
}

uint64_t farm_events(const struct farm *farm)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < farm->config.n; i++)
        n += df_controller_work(farm->members[i].node.controller).changes;
    return n;
}

void farm_watch(struct farm *farm, farm_is_so is_so, void *arg)
{
    pthread_mutex_lock(&farm->lock);
    farm->is_so = is_so;
    farm->is_so_arg = arg;
    farm->n_done = 0;
    for (unsigned i = 0; i < farm->config.n; i++)
        farm->members[i].mark = (struct farm_mark){0};
    pthread_mutex_unlock(&farm->lock);
}

unsigned farm_wait(struct farm *farm, unsigned n, unsigned seconds)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += seconds;
    pthread_mutex_lock(&farm->lock);
    while (farm->n_done < n && pthread_cond_timedwait(&farm->changed, &farm->lock, &deadline) == 0)
        ;
    unsigned done = farm->n_done;
    farm->is_so = NULL;
    pthread_mutex_unlock(&farm->lock);
    return done;
}

struct farm_mark farm_mark(const struct farm *farm, unsigned i)
{
    return farm->members[i].mark;
}
