/* SPDX-License-Identifier: Apache-2.0 */
#include "control/binding/binding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/binding/local_ports.h"
#include "control/compile/compiler.h"

#define REASON_MAX 256
#define VIF_NAME_MAX 512
#define ID_PART 11 /* of the id, in default names of interfaces: Linux device names have at most 15 characters */

/* One port, as far as it is understood. */
struct binding {
    struct df_compile *c;
    const Df__LogicalPort *lport;
    struct df_local_port_want want;
    uint16_t number;
    uint32_t network; /* unique_key */
    char name[VIF_NAME_MAX];
    char reason[REASON_MAX];
};

static bool refuse(struct binding *binding, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Returns false, for the checks below. */
static bool refuse(struct binding *binding, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(binding->reason, sizeof(binding->reason), format, args);
    va_end(args);
    binding->want.refused = binding->reason;
    return false;
}

/* ---- The interface */

static bool is_empty(const char *text)
{
    return !text || !*text;
}

static const char *default_prefix(const char *type)
{
    if (strcmp(type, "vhostuser") == 0)
        return "vhu";
    return strcmp(type, "tap") == 0 ? "tap" : NULL;
}

/* The interface's name: what the model says, or the default; a socket's is its path. */
static bool name_vif(struct binding *binding, const char *type, const char *given)
{
    char name[VIF_NAME_MAX] = "";
    const char *prefix = default_prefix(type);
    if (is_empty(given) && !prefix)
        return refuse(binding, "vif_type %s needs a vif_name", type);
    int n = is_empty(given) ? snprintf(name, sizeof(name), "%s%.*s", prefix, ID_PART, binding->lport->id)
                            : snprintf(name, sizeof(name), "%s", given);
    if (n < 0 || (size_t)n >= sizeof(name))
        return refuse(binding, "vif_name is too long");
    if (!df_sock_dir_is_for(type)) {
        memcpy(binding->name, name, sizeof(name));
        return true;
    }
    struct df_error error;
    const struct df_sock_dir *dir = df_local_ports_sock_dir(df_compile_local_ports(binding->c));
    int err = df_sock_dir_path(dir, name, binding->name, sizeof(binding->name), &error);
    return err == 0 || refuse(binding, "%s", error.text);
}

static bool find_vif(struct binding *binding)
{
    const Df__LogicalPort *lport = binding->lport;
    const Df__PortBinding *at = lport->binding;
    struct df_vif *vif = &binding->want.vif;
    const char *rival = df_local_ports_rival(df_compile_local_ports(binding->c), df_compile_watcher(binding->c));
    if (rival)
        return refuse(binding, "%s", rival);
    if (lport->has_enabled && !lport->enabled)
        return refuse(binding, "disabled (enabled is false)");
    if (is_empty(at->vif_type) || strcmp(at->vif_type, "none") == 0)
        return refuse(binding, "no vif_type");
    if (!name_vif(binding, at->vif_type, at->vif_name))
        return false;
    const struct df_underlay_end *underlay = df_compile_underlay(binding->c);
    if (underlay && strcmp(at->vif_type, "ethdev") == 0 && strcmp(binding->name, underlay->name) == 0)
        return refuse(binding, "vif_name %s is this node's [df] underlay_port", underlay->name);
    vif->type = at->vif_type;
    vif->name = binding->name;
    vif->server = at->vif_mode && strcmp(at->vif_mode, "server") == 0;
    return true;
}

/* Also when there is no interface: a port that had one gives it back. */
static bool claim_vif(struct binding *binding)
{
    struct df_vif *vif = &binding->want.vif;
    const char *id = binding->lport->id;
    const char *holder =
        df_local_ports_claim(df_compile_local_ports(binding->c), id, vif->name, df_compile_watcher(binding->c));
    if (!vif->type)
        return false;
    if (strcmp(holder, id) != 0) {
        refuse(binding, "vif_name %.80s is that of lport %s too", vif->name, holder);
        *vif = (struct df_vif){0};
        return false;
    }
    binding->number = df_compile_port(binding->c, binding->lport);
    if (binding->number == 0) {
        *vif = (struct df_vif){0};
        return refuse(binding, "no port number is left: %u ports are bound to this node", DF_LOCAL_PORTS_MAX);
    }
    return true;
}

/* ---- What the port demands */

static bool wants_port_security(const Df__LogicalPort *lport)
{
    return !lport->has_port_security_enabled || lport->port_security_enabled;
}

/* Table 201 drops what has no entry, so a port without port security needs the app as well. */
static bool check_apps(struct binding *binding)
{
    const Df__LogicalPort *lport = binding->lport;
    uint32_t provides = df_compile_provides(binding->c);
    if (!(provides & DF_APP_L2))
        return refuse(binding, "no loaded app provides L2; add l2 to [df] apps_list");
    if (!(provides & DF_APP_PORT_SECURITY))
        return refuse(binding, "no loaded app provides port security; add portsec to [df] apps_list");
    if (wants_port_security(lport) && lport->n_security_groups && !(provides & DF_APP_SECURITY_GROUPS))
        return refuse(binding, "has security groups, and no loaded app provides them; add secgroup to [df] apps_list");
    return true;
}

static bool check_model(struct binding *binding)
{
    const Df__LogicalPort *lport = binding->lport;
    if (!lport->unique_key)
        return refuse(binding, "has no unique_key; write it again with df-db");
    const Df__LogicalSwitch *lswitch =
        (const Df__LogicalSwitch *)df_compile_read(binding->c, DF_NB_LSWITCH, lport->lswitch);
    if (!lswitch || !lswitch->unique_key) {
        binding->want.waiting = true;
        return refuse(binding, "waiting for lswitch %s", lport->lswitch ? lport->lswitch : "(none)");
    }
    if (lswitch->has_enabled && !lswitch->enabled)
        return refuse(binding, "network %s is disabled (enabled is false)", lport->lswitch);
    binding->network = lswitch->unique_key;
    return true;
}

static bool check_refusals(struct binding *binding)
{
    const char *refusal = df_compile_refusal(binding->c);
    return refusal ? refuse(binding, "%s", refusal) : true;
}

/* ---- The entries: the way out, the way in, and the door last (the commit sees to the order) */

/* Where no app provides security groups nothing is asked of them; otherwise these entries are the app's. */
static void emit_unfiltered(struct df_compile *c, const struct binding *binding)
{
    struct df_conntrack_key key = {.lport = binding->lport->unique_key};
    struct df_conntrack_value open = {.port = binding->number};
    if (df_compile_provides(c) & DF_APP_SECURITY_GROUPS)
        return;
    df_compile_emit(c, DF_TABLE_EGRESS_CONNTRACK, &key, sizeof(key), &open, sizeof(open));
    df_compile_emit(c, DF_TABLE_INGRESS_CONNTRACK, &key, sizeof(key), &open, sizeof(open));
}

static void emit(struct df_compile *c, const struct binding *binding)
{
    uint32_t lport = binding->lport->unique_key;
    struct df_classification_key classification = {.port = binding->number};
    struct df_classification_value opened = {.lport = lport, .network = binding->network};
    struct df_egress_key egress = {.lport = lport};
    struct df_egress_value local = {.kind = DF_EGRESS_LOCAL};
    struct df_dispatch_key dispatch = {.lport = lport};
    struct df_dispatch_value port = {.port = binding->number};

    df_compile_emit(c, DF_TABLE_CLASSIFICATION, &classification, sizeof(classification), &opened, sizeof(opened));
    emit_unfiltered(c, binding);
    df_compile_emit(c, DF_TABLE_EGRESS, &egress, sizeof(egress), &local, sizeof(local));
    df_compile_emit(c, DF_TABLE_DISPATCH, &dispatch, sizeof(dispatch), &port, sizeof(port));
}

static void compile_lport(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalPort *lport = (const Df__LogicalPort *)object;
    if (!df_compile_is_bound(c, lport))
        return;
    struct binding binding = {.c = c, .lport = lport, .want.version = lport->version};
    find_vif(&binding);
    if (claim_vif(&binding) && check_model(&binding) && check_refusals(&binding) && check_apps(&binding))
        emit(c, &binding);
    df_local_ports_want(df_compile_local_ports(c), lport->id, &binding.want);
}

static const struct df_app_rule rules[] = {
    {DF_NB_LPORT, compile_lport},
    {0},
};

const struct df_app df_app_binding = {
    .abi = DF_APP_ABI,
    .name = "binding",
    .summary = "lets the traffic of this node's ports in and out",
    .rules = rules,
};
