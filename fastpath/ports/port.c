/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/ports/port.h"

#include <rte_common.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastpath/ports/ethdev.h"
#include "fastpath/ports/vhost.h"

#define MTU_DEFAULT 1500
#define REGISTERED_MAX 16

static const struct df_port_ops *const builtin[] = {
    &df_port_vhostuser, &df_port_tap, &df_port_veth, &df_port_afxdp, &df_port_memif, &df_port_ethdev,
};

/* Control thread only. */
static const struct df_port_ops *registered[REGISTERED_MAX];
static unsigned n_registered;

static const struct df_port_ops *find_in(const struct df_port_ops *const *list, unsigned n, const char *vif_type)
{
    for (unsigned i = 0; i < n; i++)
        if (strcmp(list[i]->vif_type, vif_type) == 0)
            return list[i];
    return NULL;
}

const struct df_port_ops *df_port_ops_find(const char *vif_type)
{
    if (!vif_type)
        return NULL;
    const struct df_port_ops *ops = find_in(registered, n_registered, vif_type);
    return ops ? ops : find_in(builtin, RTE_DIM(builtin), vif_type);
}

int df_port_ops_register(const struct df_port_ops *ops)
{
    if (find_in(registered, n_registered, ops->vif_type))
        return -EEXIST;
    if (n_registered == REGISTERED_MAX)
        return -ENOSPC;
    registered[n_registered++] = ops;
    return 0;
}

/* Tests' in-memory types bring their own packets and may do without a pool. */
static int check(const struct df_port_config *config, uint16_t mtu)
{
    if (config->number == 0 || config->number >= DF_PORTS_MAX)
        return -EINVAL;
    if (!config->pool)
        return 0;
    unsigned room = rte_pktmbuf_data_room_size(config->pool) - RTE_PKTMBUF_HEADROOM;
    return mtu + (unsigned)DF_PORT_FRAME_OVERHEAD > room ? -EMSGSIZE : 0;
}

static void name(struct df_port *port, const struct df_port_config *config)
{
    const char *text = config->name ? config->name : config->vif_name ? config->vif_name : "";
    snprintf(port->name, sizeof(port->name), "%s", text);
    snprintf(port->vif_type, sizeof(port->vif_type), "%s", config->vif_type);
}

int df_port_open(const struct df_port_config *config, struct df_port **port)
{
    struct df_port_config complete = *config;
    *port = NULL;
    const struct df_port_ops *ops = df_port_ops_find(config->vif_type);
    if (!ops)
        return -EPROTONOSUPPORT;
    if (!complete.mtu)
        complete.mtu = MTU_DEFAULT;
    int err = check(&complete, complete.mtu);
    if (err)
        return err;
    struct df_port *opened = calloc(1, sizeof(*opened));
    if (!opened)
        return -ENOMEM;
    *opened = (struct df_port){.ops = ops, .number = config->number, .mtu = complete.mtu};
    name(opened, config);
    for (unsigned q = 0; q < DF_PORT_QUEUES_MAX; q++)
        rte_spinlock_init(&opened->tx_lock[q]);
    err = ops->open(opened, &complete);
    if (err) {
        free(opened);
        return err;
    }
    *port = opened;
    return 0;
}

void df_port_close(struct df_port *port)
{
    if (!port)
        return;
    port->ops->close(port);
    free(port);
}
