/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "fastpath/ports/port.h"

/*
 * Device arguments for a guest's interface: made here from checked names, never taken from a database.
 *
 *   tap    net_tap        a tap device of that name, made by us
 *   veth   net_af_packet  one end of a veth pair, or any device of the kernel
 *   afxdp  net_af_xdp     the same with AF_XDP
 *   memif  net_memif      shared memory over a unix socket
 *   ethdev                config->devargs, the operator's
 */

#define DF_DEVARGS_MAX 1024

/**
 * Writes the device arguments. Control thread.
 *
 * @param devargs room for DF_DEVARGS_MAX bytes
 * @return 0, -EINVAL (vif_name), -ENODEV (no such device, no devargs), -EADDRINUSE, -EACCES, -ENOENT (memif as server),
 *         -E2BIG (devargs too long)
 */
int df_guest_devargs(const struct df_port_config *config, char *devargs);
