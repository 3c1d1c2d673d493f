/* SPDX-License-Identifier: Apache-2.0 */
#include "control/underlay/own_port.h"

#include <stdlib.h>
#include <string.h>

#include "control/log.h"
#include "control/model/alloc.h"

#define RETRY_FIRST_MS 1000
#define RETRY_MOST_MS 30000

static void set_text(char **to, const char *from)
{
    char *text = df_strdup(from);
    free(*to);
    *to = text;
}

static void set_failing(struct df_own_port *port, const char *why, uint64_t now_ms)
{
    uint32_t next = port->backoff_ms ? 2 * port->backoff_ms : RETRY_FIRST_MS;
    port->backoff_ms = next < RETRY_MOST_MS ? next : RETRY_MOST_MS;
    port->retry_ms = now_ms + port->backoff_ms;
    if (!port->failure || strcmp(port->failure, why) != 0)
        df_log(DF_LOG_ERROR, "[df] %s: %s; nothing goes by it until it opens", port->key, why);
    set_text(&port->failure, why);
}

static void note_state(struct df_own_port *port, const struct df_port_state *state)
{
    port->attached = state->attached;
    set_text(&port->detail, state->detail);
}

static void open_port(struct df_own_port *port, uint64_t now_ms)
{
    const struct df_datapath_ops *ops = port->dp->ops;
    struct df_error error = {""};
    struct df_port_state state = {.attached = false};
    int err = ops->port_add(port->dp, &port->spec, &error);
    if (err < 0) {
        set_failing(port, error.text[0] ? error.text : strerror(-err), now_ms);
        return;
    }
    port->open = true;
    port->gone = false;
    port->backoff_ms = 0;
    set_text(&port->failure, NULL);
    if (ops->port_state && ops->port_state(port->dp, port->spec.port, &state) == 0)
        note_state(port, &state);
    port->mac = state.mac;
}

void df_own_port_close(struct df_own_port *port)
{
    if (!port->open)
        return;
    int err = port->dp->ops->port_del(port->dp, port->spec.port);
    if (err < 0)
        df_log(DF_LOG_ERROR, "[df] %s '%s': closing it: %s", port->key, port->spec.name, strerror(-err));
    port->open = false;
    port->mac = (struct df_mac){{0}};
    note_state(port, &(struct df_port_state){.attached = false});
}

void df_own_port_settle(struct df_own_port *port, uint64_t now_ms)
{
    if (port->open && port->gone) {
        df_own_port_close(port);
        set_failing(port, "its device is gone", now_ms);
    } else if (!port->open && (port->backoff_ms == 0 || now_ms >= port->retry_ms)) {
        open_port(port, now_ms);
    }
}

int64_t df_own_port_next_ms(const struct df_own_port *port)
{
    return port->backoff_ms ? (int64_t)port->retry_ms : -1;
}

void df_own_port_changed(struct df_own_port *port, const struct df_port_state *state)
{
    if (!port->open)
        return;
    note_state(port, state);
    port->gone = state->gone;
}

const char *df_own_port_reason(const struct df_own_port *port)
{
    if (port->open)
        return "";
    return port->failure ? port->failure : "not opened yet";
}

void df_own_port_fini(struct df_own_port *port)
{
    free(port->failure);
    free(port->detail);
}
