/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbsync/error.h"
#include "fastpath/packet/addr.h"

/*
 * A packet in words, as `ovs-appctl ofproto/trace` takes it, becomes a frame with right lengths and checksums:
 *
 *     icmp,nw_dst=10.0.0.2
 *     tcp,src=web1,dst=db1,tp_dst=5432,tcp_flags=syn
 *     arp,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.2
 *     icmp6,icmp_type=135,nd_target=2001:db8::2
 *     udp,nw_dst=10.0.0.2,ip_id=7,frag_offset=1480,frag_more=1,len=1480
 *     sctp,nw_dst=10.0.0.2,sctp_chunk=init_ack,sctp_tag=7,sctp_init_tag=8
 *     icmp,nw_dst=10.0.0.2,icmp_type=3,icmp_code=3,quote=[udp,tp_src=53,tp_dst=4000]
 *
 * Invariant: the frame depends on the words and on what the names say, nothing else, and an error names the word that
 * is wrong. What is left out is filled in as the guest behind the port would: its own MAC and address, the MAC of the
 * next hop for the destination, TTL 64. A packet that an ICMP error quotes went the other way than the error.
 */

#define DF_WORDS_FRAME_MAX 9216 /* bytes of the longest frame */

/* What is known of a port by name. A zero address is none. */
struct df_words_station {
    struct df_mac mac;
    struct df_ip ip4, ip6;
};

/* Where names and defaults come from. Each may be NULL: then words must give what it would have. */
struct df_words_names {
    /** The port of that name; name NULL: the port that sends. Errors name it. */
    int (*station)(void *arg, const char *name, struct df_words_station *station, struct df_error *error);
    /** The MAC to which the sending port addresses a packet for dst: dst's own or a router's. */
    int (*next_hop)(void *arg, const struct df_ip *dst, struct df_mac *mac, struct df_error *error);
    void *arg;
};

/**
 * Makes the frame. Any thread that the names' functions may run on.
 *
 * @param text  words, or the frame itself in hexadecimal (blanks and colons between bytes are fine)
 * @param names may be NULL
 * @param frame room for *len bytes; *len becomes the frame's length
 * @return 0, or -EINVAL, -ENOSPC (longer than the room), or what a name's function returned
 */
int df_words_to_frame(const char *text, const struct df_words_names *names, uint8_t *frame, size_t *len,
                      struct df_error *error);
