/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the kernel says about a network device, for ports whose driver does not tell. Names are checked ones. Control
 * thread.
 */

enum df_netdev_state {
    DF_NETDEV_GONE, /* not in this network namespace */
    DF_NETDEV_DOWN,
    DF_NETDEV_NO_CARRIER,
    DF_NETDEV_UP,
};

enum df_netdev_state df_netdev_state(const char *name);
