/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "control/controller_state.h"

/* Names for people: from keys of the data plane, and to ports from what somebody typed. */

static const char *name_of(const struct df_object *object)
{
    if (!object || !object->message)
        return NULL;
    const char *name = df_schema_name(object->message);
    return name && *name ? name : object->id;
}

const Df__LogicalPort *df_controller_lport(struct df_controller *controller, uint32_t key)
{
    const struct df_object *object = key ? df_store_by_key(controller->store, DF_NB_LPORT, key) : NULL;
    return object ? (const Df__LogicalPort *)object->message : NULL;
}

struct key_search {
    uint32_t key;
    const char *name;
};

static void find_router_port(struct df_object *object, void *arg)
{
    struct key_search *search = arg;
    const Df__LogicalRouter *router = (const Df__LogicalRouter *)object->message;
    for (size_t i = 0; router && i < router->n_ports; i++)
        if (router->ports[i]->unique_key == search->key)
            search->name = router->ports[i]->id;
}

const char *df_controller_lport_name(struct df_controller *controller, uint32_t key)
{
    if (key == 0)
        return NULL;
    const char *name = name_of(df_store_by_key(controller->store, DF_NB_LPORT, key));
    if (name)
        return name;
    /* The ports of routers are parts of their routers. */
    struct key_search search = {.key = key};
    df_store_each(controller->store, DF_NB_LROUTER, find_router_port, &search);
    return search.name;
}

const char *df_controller_network_name(struct df_controller *controller, uint32_t key)
{
    return key ? name_of(df_store_by_key(controller->store, DF_NB_LSWITCH, key)) : NULL;
}

const char *df_controller_router_name(struct df_controller *controller, uint32_t key)
{
    return key ? name_of(df_store_by_key(controller->store, DF_NB_LROUTER, key)) : NULL;
}

const struct df_underlay_end *df_controller_underlay(const struct df_controller *controller)
{
    return df_underlay_port_end(controller->underlay);
}

struct port_search {
    const struct df_controller *controller;
    const char *text;
    struct found {
        const char *id, *other; /* other: of a second one that fits */
        uint16_t port;
    } exact, name, prefix;
};

static void fits(struct found *found, const struct df_local_port_info *info)
{
    if (found->id) {
        found->other = info->id;
        return;
    }
    found->id = info->id;
    found->port = info->number;
}

static int match(const struct df_local_port_info *info, void *arg)
{
    struct port_search *search = arg;
    const struct df_object *object = df_store_find(search->controller->store, DF_NB_LPORT, info->id);
    const char *name = object && object->message ? df_schema_name(object->message) : NULL;
    if (strcmp(info->id, search->text) == 0)
        fits(&search->exact, info);
    if (name && strcmp(name, search->text) == 0)
        fits(&search->name, info);
    if (strncmp(info->id, search->text, strlen(search->text)) == 0)
        fits(&search->prefix, info);
    return 0;
}

int df_controller_find_port(struct df_controller *controller, const char *text, uint16_t *port, const char **lport_id,
                            struct df_error *error)
{
    struct port_search search = {.controller = controller, .text = text};
    if (*text)
        df_local_ports_each(controller->ports, match, &search);
    const struct found *found = search.exact.id ? &search.exact : search.name.id ? &search.name : &search.prefix;
    if (!found->id)
        return df_error_set(error, -ENOENT, "no port of this node has the id or name '%s'; see df-ctl ports", text);
    if (found->other)
        return df_error_set(error, -EEXIST, "'%s' may be port %s or %s; give more of the id", text, found->id,
                            found->other);
    *port = found->port;
    *lport_id = found->id;
    return 0;
}

int df_controller_port_status(struct df_controller *controller, const char *lport_id, struct df_port_status *status)
{
    struct df_local_port_info info;
    int err = df_local_ports_info(controller->ports, lport_id, &info);
    if (err < 0)
        return err;
    *status = (struct df_port_status){
        .lport = info.id,
        .desired_version = info.desired_version,
        .applied_version = info.applied_version,
        .attached = info.attached,
        .reason = info.reason,
    };
    return 0;
}
