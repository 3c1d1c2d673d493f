/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <net/if.h>
#include <stdbool.h>

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

/* A device as it is when a port takes it: a later one of the same name is another one. */
struct df_netdev {
    char name[IFNAMSIZ];
    unsigned index; /* in this network namespace */
};

void df_netdev_take(struct df_netdev *netdev, const char *name);

/** Deleted, renamed, or moved to another network namespace. */
bool df_netdev_is_gone(const struct df_netdev *netdev);

/**
 * Keeps this host's own network stack out of the device, which hears what a guest sends as well as the port does: no IPv6
 * on it, no answer to ARP for the host's addresses, and no packet taken whose source is not reached by it, which is
 * every one. Without permission to write below /proc/sys it does nothing.
 */
void df_netdev_silence(const char *name);

#define DF_TAP_FILES_MAX 512

/*
 * The descriptors of this process that have a tap device. They tell whether the device still is, also in another
 * network namespace and under another name. Returns how many were written, at most DF_TAP_FILES_MAX.
 */
unsigned df_tap_files(int *fds);

/** The first of now that is not in before, or -1. */
int df_tap_file_new(const int *before, unsigned n_before, const int *now, unsigned n_now);

/** The device of this descriptor was deleted. */
bool df_tap_is_gone(int fd);
