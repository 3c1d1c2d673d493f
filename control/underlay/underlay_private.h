/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/underlay/held.h"
#include "control/underlay/mld.h"
#include "control/underlay/neighbours.h"
#include "control/underlay/own_port.h"
#include "control/underlay/remotes.h"
#include "control/underlay/settings.h"
#include "control/underlay/underlay.h"

/* What underlay.c and report.c share. Private to control/underlay. */

/* Another station says that an address of ours is its own. */
struct df_underlay_conflict {
    struct df_ip ip;
    struct df_mac mac;
    uint64_t at_ms;
    uint64_t n; /* 0: none was seen */
};

struct df_underlay_port {
    struct df_datapath *dp;
    struct df_settings settings;
    struct df_own_port port, exception;
    struct df_watched mac_watched;
    struct df_neighbours *neighbours;
    struct df_remotes *remotes;
    struct df_held *held;
    uint16_t (*port_of)(void *arg, uint32_t lport);
    void *port_of_arg;

    bool was_up;        /* at the last settle */
    unsigned announces; /* that are still to be sent */
    uint64_t announce_ms;
    struct df_mld mld;
    struct df_underlay_conflict conflict;
};
