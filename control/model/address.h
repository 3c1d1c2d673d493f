/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/packet/addr.h"

/* Addresses from and to the text of the model. All return 0 or -EINVAL; IPv4 becomes the mapped form. */

int df_mac_parse(const char *text, struct df_mac *mac);
int df_ip_parse(const char *text, struct df_ip *ip);

/** "10.0.0.0/24", or an address alone (its full length). bits: in the mapped form. Host bits are kept. */
int df_prefix_parse(const char *text, struct df_ip *ip, unsigned *bits);

/** Clears the bits behind the prefix. */
void df_ip_mask(struct df_ip *ip, unsigned bits);

#define DF_MAC_TEXT 18
#define DF_IP_TEXT 46
const char *df_mac_text(const struct df_mac *mac, char text[DF_MAC_TEXT]);
const char *df_ip_text(const struct df_ip *ip, char text[DF_IP_TEXT]);
