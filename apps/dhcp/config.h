/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "apps/dhcp/options.h"
#include "control/app.h"

/* The app's configuration, section [df_dhcp_app]. Set once at start, then only read. */
struct df_dhcp_config {
    struct df_dhcp_buffer dns; /* option 6 of subnets that name no server */
    uint16_t mtu;              /* bytes, of networks that name none */
    uint32_t max_rate;         /* packets per port in one second */
    uint32_t block_ms;         /* how long a port over it is not answered */
    bool link_local_route;     /* 169.254.169.254/32 among the routes */
    uint32_t lease_s;          /* seconds; UINT32_MAX is for ever (RFC 2132 section 9.2) */
    const char *dns_domain;    /* of networks that name none; "": none */
};

extern struct df_dhcp_config df_dhcp_config;

/** The keys and what takes them, for df_app.options. */
extern const struct df_app_option df_dhcp_config_options[];
