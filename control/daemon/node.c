/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/node.h"

#include <errno.h>
#include <stdlib.h>

struct df_node {
    struct df_node_config config;
    struct df_controller *controller;
    struct df_sync *sync; /* NULL: not connected */
    struct event *settle; /* activated by whatever makes the controller due, and a timer for what it tries again */
    void (*changed)(void *arg);
    void (*away)(void *arg);
    void *arg; /* of these two */
};

/* Everything that is due now, and the timer for what the controller wants to try again later. */
static void settle(struct df_node *node)
{
    const struct df_clock *clock = node->config.controller.clock;
    df_controller_settle(node->controller);
    node->config.settled(node->config.arg, df_sync_settled(node->sync));
    int64_t due_ms = df_controller_next_due_ms(node->controller);
    if (due_ms < 0) {
        event_del(node->settle);
        return;
    }
    int64_t pause_ms = due_ms - (int64_t)clock->now_ms(clock);
    if (pause_ms < 1)
        pause_ms = 1;
    struct timeval pause = {.tv_sec = pause_ms / 1000, .tv_usec = pause_ms % 1000 * 1000};
    event_add(node->settle, &pause);
}

static void on_settle(evutil_socket_t fd, short what, void *arg)
{
    struct df_node *node = arg;
    (void)fd;
    (void)what;
    node->config.before(node->config.arg);
    settle(node);
    node->config.after(node->config.arg);
}

void df_node_settle_soon(struct df_node *node)
{
    event_active(node->settle, EV_TIMEOUT, 0);
}

int df_node_new(const struct df_node_config *config, struct df_node **made, struct df_error *error)
{
    struct df_node *node = calloc(1, sizeof(*node));
    if (!node)
        return df_error_set(error, -ENOMEM, "out of memory");
    node->config = *config;
    struct df_controller_config controller = config->controller;
    struct df_self_config self = {.host = controller.host,
                                  .chassis = config->chassis,
                                  .post = df_sync_post,
                                  .bury = df_sync_bury,
                                  .spare = df_sync_spare,
                                  .arg = &node->sync};
    controller.self = &self;
    int rc = df_controller_new(&controller, &node->controller, error);
    if (rc == 0)
        node->settle = evtimer_new(config->base, on_settle, node);
    if (rc == 0 && !node->settle)
        rc = df_error_set(error, -ENOMEM, "out of memory");
    if (rc == 0)
        *made = node;
    else
        df_node_free(node);
    return rc;
}

/* ---- The database */

static void on_changed(void *arg)
{
    struct df_node *node = arg;
    settle(node);
    node->changed(node->arg);
}

static void on_away(void *arg)
{
    struct df_node *node = arg;
    node->away(node->arg);
}

static void before(void *arg)
{
    struct df_node *node = arg;
    node->config.before(node->config.arg);
}

static void after(void *arg)
{
    struct df_node *node = arg;
    node->config.after(node->config.arg);
}

int df_node_connect(struct df_node *node, const struct df_sync_config *sync)
{
    struct df_sync_config config = *sync;
    node->changed = sync->changed;
    node->away = sync->away;
    node->arg = sync->arg;
    config.base = node->config.base;
    config.host = node->config.controller.host;
    config.controller = node->controller;
    config.changed = on_changed;
    config.away = on_away;
    config.before = before;
    config.after = after;
    config.arg = node;
    node->sync = df_sync_new(&config);
    return node->sync ? 0 : -ENOMEM;
}

void df_node_disconnect(struct df_node *node)
{
    if (!node)
        return;
    df_sync_free(node->sync);
    node->sync = NULL;
}

void df_node_free(struct df_node *node)
{
    if (!node)
        return;
    df_node_disconnect(node);
    if (node->settle)
        event_free(node->settle);
    df_controller_free(node->controller);
    free(node);
}

struct df_controller *df_node_controller(const struct df_node *node)
{
    return node->controller;
}

struct df_sync *df_node_sync(const struct df_node *node)
{
    return node->sync;
}
