/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "control/underlay/underlay.h"

/*
 * The keys of the underlay in [df], read: what this node is, and whom it asks for a MAC.
 *
 * Invariant: settings that a caller holds are whole and do not change; an address is one of each family at most.
 *
 * Control thread.
 */

struct df_settings_family {
    struct df_ip ip; /* zero: none */
    unsigned bits;   /* of the prefix on link, in the mapped form */
    struct df_ip gateway;
};

struct df_settings_neighbour {
    struct df_ip ip;
    struct df_mac mac;
};

struct df_settings {
    struct df_underlay_end end;
    char *name, *exception_name;
    struct df_settings_family ip4, ip6;
    struct df_settings_neighbour *neighbours; /* permanent */
    size_t n_neighbours;
    struct df_mac others; /* permanent, of all that are not among them; zero: none */
};

/** -EINVAL: the error names the key and the remedy, and there is nothing to free. */
int df_settings_read(const struct df_underlay_config *config, struct df_settings *settings, struct df_error *error);
void df_settings_free(struct df_settings *settings);

/** The family of an address. */
const struct df_settings_family *df_settings_family(const struct df_settings *settings, const struct df_ip *ip);

/** The MAC that the configuration has for it, or NULL. */
const struct df_mac *df_settings_permanent(const struct df_settings *settings, const struct df_ip *ip);

/** Whom packets for ip are sent to on link: itself, or its gateway. False: there is no way. */
bool df_settings_next_hop(const struct df_settings *settings, const struct df_ip *ip, struct df_ip *hop);
