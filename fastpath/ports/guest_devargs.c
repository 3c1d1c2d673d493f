/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/ports/guest_devargs.h"

#include <rte_common.h>

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fastpath/ports/netdev.h"
#include "fastpath/ports/socket_path.h"
#include "fastpath/ports/vif_name.h"

/* What the kernel puts in front of a frame in a ring of packet(7): struct tpacket2_hdr and sockaddr_ll, aligned. */
#define PACKET_RING_OVERHEAD 96
#define PACKET_RING_FRAMES 512
#define PACKET_RING_SMALL 2048 /* bytes of a frame, of which two are in a block of a page */
#define PACKET_RING_STEP 1024  /* of longer ones, of which four are in a block: pages of 4096 bytes, as x86-64 has */

static int finish(int len)
{
    return len < 0 || len >= DF_DEVARGS_MAX ? -E2BIG : 0;
}

static int existing_device(const char *name)
{
    if (df_vif_name_check_device(name) != 0)
        return -EINVAL;
    return df_netdev_state(name) == DF_NETDEV_GONE ? -ENODEV : 0;
}

static int tap_devargs(const struct df_port_config *config, char *devargs)
{
    if (df_vif_name_check_device(config->vif_name) != 0)
        return -EINVAL;
    if (access("/dev/net/tun", R_OK | W_OK) != 0)
        return -errno;
    char mac[sizeof(",mac=00:00:00:00:00:00")] = "";
    if (config->mac) {
        const uint8_t *byte = config->mac->byte;
        snprintf(mac, sizeof(mac), ",mac=%02x:%02x:%02x:%02x:%02x:%02x", byte[0], byte[1], byte[2], byte[3], byte[4],
                 byte[5]);
    }
    return finish(snprintf(devargs, DF_DEVARGS_MAX, "net_tap_df%u,iface=%s%s", config->number, config->vif_name, mac));
}

/*
 * One queue pair: a container's rate through packet(7) is below what one worker takes. The kernel has frames in blocks of
 * whole pages, and the driver takes them to lie one behind the other: so none may leave a rest of its block.
 */
static int veth_devargs(const struct df_port_config *config, char *devargs)
{
    int err = existing_device(config->vif_name);
    if (err)
        return err;
    unsigned frame = (unsigned)config->mtu + DF_PORT_FRAME_OVERHEAD + PACKET_RING_OVERHEAD;
    bool small = frame <= PACKET_RING_SMALL;
    frame = small ? PACKET_RING_SMALL : RTE_ALIGN_CEIL(frame, PACKET_RING_STEP);
    unsigned block = small ? 2 * frame : 4 * frame;
    return finish(snprintf(devargs, DF_DEVARGS_MAX,
                           "net_af_packet_df%u,iface=%s,qpairs=1,framesz=%u,blocksz=%u,framecnt=%u", config->number,
                           config->vif_name, frame, block, PACKET_RING_FRAMES));
}

static int afxdp_devargs(const struct df_port_config *config, char *devargs)
{
    int err = existing_device(config->vif_name);
    if (err)
        return err;
    return finish(snprintf(devargs, DF_DEVARGS_MAX, "net_af_xdp_df%u,iface=%s,start_queue=0,queue_count=1,force_copy=1",
                           config->number, config->vif_name));
}

static int memif_devargs(const struct df_port_config *config, char *devargs)
{
    if (df_vif_name_check_socket(config->vif_name) != 0)
        return -EINVAL;
    int err = config->server ? df_socket_path_prepare(config->vif_name) : 0;
    if (err)
        return err;
    return finish(snprintf(devargs, DF_DEVARGS_MAX, "net_memif_df%u,role=%s,id=0,socket=%s,socket-abstract=no,bsize=%u",
                           config->number, config->server ? "server" : "client", config->vif_name,
                           RTE_ALIGN_CEIL((unsigned)config->mtu + DF_PORT_FRAME_OVERHEAD, 2048u)));
}

static int configured_devargs(const struct df_port_config *config, char *devargs)
{
    if (!config->devargs || !config->devargs[0])
        return -ENODEV;
    return finish(snprintf(devargs, DF_DEVARGS_MAX, "%s", config->devargs));
}

int df_guest_devargs(const struct df_port_config *config, char *devargs)
{
    static const struct {
        const char *vif_type;
        int (*make)(const struct df_port_config *config, char *devargs);
    } makers[] = {
        {"tap", tap_devargs},     {"veth", veth_devargs},         {"afxdp", afxdp_devargs},
        {"memif", memif_devargs}, {"ethdev", configured_devargs},
    };
    for (unsigned i = 0; i < RTE_DIM(makers); i++)
        if (strcmp(makers[i].vif_type, config->vif_type) == 0)
            return makers[i].make(config, devargs);
    return -EPROTONOSUPPORT;
}
