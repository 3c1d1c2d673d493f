/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/ports/ethdev_plug.h"

#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_ethdev.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A virtual device's ethdev has its name; others may add to it. */
static int find_by_device(const char *name, uint16_t *id)
{
    if (rte_eth_dev_get_port_by_name(name, id) == 0)
        return 0;
    for (uint16_t port = 0; port < RTE_MAX_ETHPORTS; port++) {
        struct rte_eth_dev_info info;
        if (!rte_eth_dev_is_valid_port(port) || rte_eth_dev_info_get(port, &info) != 0)
            continue;
        if (strcmp(rte_dev_name(info.device), name) == 0) {
            *id = port;
            return 0;
        }
    }
    return -ENODEV;
}

/* Drivers say -1 and leave the reason, if any, in errno. */
static int probe_error(int ret, int saved_errno)
{
    if (ret == -ENOMEM || ret == -EBUSY || ret == -EACCES)
        return ret;
    switch (saved_errno) {
    case EPERM:
    case EACCES:
        return -EACCES;
    case ENOMEM:
    case ENOBUFS:
        return -ENOMEM;
    case EBUSY:
        return -EBUSY;
    case EOPNOTSUPP:
        return -EOPNOTSUPP;
    default:
        return -ENODEV;
    }
}

static int find_or_probe(const char *devargs, uint16_t *id)
{
    struct rte_devargs parsed;
    int ret = rte_devargs_parse(&parsed, devargs);
    if (ret == -ENOMEM)
        return ret;
    if (ret)
        return -ENODEV;
    char name[sizeof(parsed.name)];
    memcpy(name, parsed.name, sizeof(name));
    rte_devargs_reset(&parsed);

    if (find_by_device(name, id) == 0)
        return 0;
    if (rte_eth_dev_count_total() >= RTE_MAX_ETHPORTS)
        return -E2BIG;
    errno = 0;
    ret = rte_dev_probe(devargs);
    if (ret)
        return probe_error(ret, errno);
    return find_by_device(name, id);
}

static int own(uint16_t id)
{
    struct rte_eth_dev_owner owner = {.name = "dragonflow"};
    if (rte_eth_dev_owner_new(&owner.id) != 0)
        return -ENOMEM;
    return rte_eth_dev_owner_set(id, &owner) == 0 ? 0 : -EBUSY;
}

int df_ethdev_plug(const char *devargs, uint16_t *id)
{
    int err = find_or_probe(devargs, id);
    return err ? err : own(*id);
}

void df_ethdev_unplug(uint16_t id)
{
    struct rte_eth_dev_info info;
    if (rte_eth_dev_info_get(id, &info) != 0)
        return;
    rte_eth_dev_stop(id);
    rte_eth_dev_close(id);
    /* One device can have several ethdevs; the last one out removes it. */
    if (rte_eth_find_next_of(0, info.device) == RTE_MAX_ETHPORTS)
        rte_dev_remove(info.device);
}
