/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "apps/dhcp/codec.h"
#include "dbsync/schema.h"

/*
 * Options from text: which option a name means, what type its value has, and the bytes of a value.
 *
 * One table (options.c) says it for every option; names are dnsmasq's, which Neutron's users write, and ISC dhcpd's.
 */

#define DF_DHCP_VALUE_MAX 1024 /* bytes; more than one option holds is split on the wire (RFC 3396) */

struct df_dhcp_buffer {
    uint32_t len;
    uint8_t data[DF_DHCP_VALUE_MAX];
};

/* "server-ip-address" among the options sets the field siaddr. As in dnsmasq it has the number of the end mark. */
#define DF_DHCP_SIADDR DF_DHCP_END

/** Appends bytes; false: the value is full, and as it was. */
bool df_dhcp_value_put(struct df_dhcp_buffer *value, const void *data, uint32_t len);

/** Appends a route as in RFC 3442: only the octets of the destination that its length covers, then the router. */
bool df_dhcp_value_put_route(struct df_dhcp_buffer *value, uint32_t destination, unsigned prefix_len, uint32_t router);

/**
 * The option that a name or number means.
 * @return 0; -ENOENT: unknown; -EPERM: the server itself says what is in it
 */
int df_dhcp_option_find(const char *key, uint8_t *code);

/** Turns text into the option's bytes. -EINVAL: it is not of the option's type, or too long. */
int df_dhcp_option_encode(uint8_t code, const char *text, struct df_dhcp_buffer *value);

/** What the text of an option must look like, for messages: "must be an IPv4 address". */
const char *df_dhcp_option_expects(uint8_t code);

/* A port's own options: text by code, NULL where it has none. Every text encodes. */
#define DF_DHCP_OPTS_MAX 256 /* entries of dhcp_params.opts that are looked at */
struct df_dhcp_opts {
    const char *text[256];
};

/**
 * Reads dhcp_params.opts (params may be NULL). What cannot be used is left out, and told to bad (may be NULL).
 * The texts stay those of params.
 */
void df_dhcp_opts_read(const Df__DhcpParams *params, struct df_dhcp_opts *opts,
                       void (*bad)(void *arg, const char *key, const char *value, const char *why), void *arg);
