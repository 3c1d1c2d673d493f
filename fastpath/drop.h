/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Every reason for which a packet can be dropped: number, name, help text. Declared here once; `df-ctl drops`, trace,
 * metrics and the documentation take them from this list. A drop without a reason does not exist.
 */

#define DF_DROP_LIST(X)                                                                                                \
    X(NONE, "none", "not dropped")                                                                                     \
    X(CHAINED, "chained", "the frame is longer than a packet buffer: raise [fastpath] mbuf_size")                      \
    X(TRUNCATED, "truncated", "a header goes past the end of the packet")                                              \
    X(BAD_ETHERNET, "bad_ethernet", "source MAC is a group address, or zero")                                          \
    X(BAD_VLAN, "bad_vlan", "more VLAN tags than two, or a tag where none belongs")                                    \
    X(BAD_IP, "bad_ip", "an IP header is wrong: version, lengths, checksum, fragment, order of headers")               \
    X(BAD_IP_SOURCE, "bad_ip_source", "IP source is multicast, broadcast, loopback or IPv4-mapped")                    \
    X(BAD_L4, "bad_l4", "a transport header is malformed")                                                             \
    X(BAD_ARP, "bad_arp", "ARP is not Ethernet over IPv4, or malformed (RFC 826)")                                     \
    X(BAD_ND, "bad_nd", "a neighbour discovery message breaks RFC 4861 section 7.1")                                   \
    X(TOO_MANY_HEADERS, "too_many_headers", "more IPv6 extension headers than are followed")                           \
    X(NO_LPORT, "no_lport", "the port it came in by has no logical port, or is not open yet")                          \
    X(PORT_NOT_PROGRAMMED, "port_not_programmed", "port security of the port is not known yet")                        \
    X(SPOOFED_MAC, "spoofed_mac", "source MAC is not the port's")                                                      \
    X(SPOOFED_IPV4, "spoofed_ipv4", "IPv4 source is not the port's")                                                   \
    X(SPOOFED_IPV6, "spoofed_ipv6", "IPv6 source is not the port's")                                                   \
    X(SPOOFED_ARP, "spoofed_arp", "ARP sender is not the port's address")                                              \
    X(SPOOFED_ND, "spoofed_nd", "neighbour advertisement for an address that is not the port's")                       \
    X(ROGUE_DHCP, "rogue_dhcp", "a DHCP server's packet from a guest")                                                 \
    X(ROGUE_RA, "rogue_ra", "a router advertisement or redirect from a guest")                                         \
    X(SG_NOT_PROGRAMMED, "sg_not_programmed", "security groups of the port are not known yet")                         \
    X(SG_EGRESS, "sg_egress", "no rule of the sender's security groups allows it")                                     \
    X(SG_INGRESS, "sg_ingress", "no rule of the receiver's security groups allows it")                                 \
    X(CONN_INVALID, "conn_invalid", "the packet fits no state of its connection, and cannot begin one")                \
    X(CONN_RST_WINDOW, "conn_rst_window", "a TCP reset outside the receiver's window (RFC 5961)")                      \
    X(CONN_UNRELATED, "conn_unrelated", "an ICMP error that quotes no connection")                                     \
    X(CONN_TABLE_FULL, "conn_table_full", "no room for a connection: raise [fastpath] connections_max")                \
    X(CONN_PORT_LIMIT, "conn_port_limit",                                                                              \
      "the port has as many connections as it may: [fastpath] connections_per_port")                                   \
    X(FRAG_TINY, "frag_tiny", "a first fragment without a whole transport header (RFC 1858, RFC 7112)")                \
    X(FRAG_OVERLAP, "frag_overlap", "fragments of one packet overlap (RFC 5722)")                                      \
    X(FRAG_LIMIT, "frag_limit", "pushed out while it waited for its first fragment, or one of too many of a datagram") \
    X(FRAG_TIMEOUT, "frag_timeout", "the first fragment did not come in time")                                         \
    X(ETHERTYPE, "ethertype", "port security lets only IP and ARP pass")                                               \
    X(L2_UNKNOWN, "l2_unknown", "destination MAC is not on the network")                                               \
    X(L2_NO_MEMBER, "l2_no_member", "broadcast or multicast with nobody to hear it")                                   \
    X(FLOOD_PEER_LIMIT, "flood_peer_limit", "a broadcast that left nodes out: more have the network than get copies")  \
    X(L2_RESERVED, "l2_reserved", "IEEE 802.1D reserved destination")                                                  \
    X(HAIRPIN, "hairpin", "destination is the port it came from")                                                      \
    X(L3_NOT_IP, "l3_not_ip", "sent to a router, and not IP")                                                          \
    X(L3_NO_ROUTE, "l3_no_route", "the router has no route to the destination")                                        \
    X(L3_NO_NEIGHBOUR, "l3_no_neighbour", "nobody on the network has the destination or the next hop")                 \
    X(L3_TTL, "l3_ttl", "TTL or hop limit ran out")                                                                    \
    X(L3_TO_ROUTER, "l3_to_router", "sent to the router itself, which speaks only ICMP echo")                          \
    X(L3_MULTICAST, "l3_multicast", "multicast, broadcast or link-local is not routed")                                \
    X(EGRESS_NO_PATH, "egress_no_path", "the destination port is not on this node and no path leads to it")            \
    X(EGRESS_DETACHED, "egress_detached", "the destination port is not attached")                                      \
    X(TOO_BIG, "too_big",                                                                                              \
      "longer than the MTU on its way, and must not be fragmented: its sender is told, if that may be")                \
    X(TOO_BIG_NOT_IP, "too_big_not_ip", "longer than the MTU on its way, and not IP: nobody can be told")              \
    X(TOO_BIG_IP6, "too_big_ip6", "IPv6 of at most 1280 bytes, and the way carries less: raise [df] underlay_mtu")     \
    X(TOO_BIG_PIECES, "too_big_pieces",                                                                                \
      "longer than the MTU on its way, which is so small that fragments are too many")                                 \
    X(UNDERLAY_OTHER, "underlay_other", "came in by the underlay, and is not for a tunnel of this node")               \
    X(TUNNEL_MALFORMED, "tunnel_malformed", "the outer headers of a tunnelled packet are wrong")                       \
    X(TUNNEL_FRAGMENT, "tunnel_fragment", "a fragment of a tunnelled packet: the underlay's MTU is too small")         \
    X(TUNNEL_EXTENSION, "tunnel_extension", "the outer IPv6 header of a tunnelled packet has extension headers")       \
    X(TUNNEL_CHECKSUM, "tunnel_checksum", "the outer UDP or GRE checksum is wrong")                                    \
    X(TUNNEL_PAYLOAD, "tunnel_payload", "a Geneve packet with something else than an Ethernet frame in it")            \
    X(TUNNEL_OPTION, "tunnel_option", "a Geneve packet with an option that must be understood, and is not")            \
    X(TUNNEL_CONTROL, "tunnel_control", "a Geneve control message, of which this node knows none")                     \
    X(TUNNEL_ECN, "tunnel_ecn",                                                                                        \
      "marked on its way for congestion, and the sender inside does not know of marks (RFC 6040)")                     \
    X(TUNNEL_UNKNOWN_PEER, "tunnel_unknown_peer", "came by a tunnel from an address that is no chassis'")              \
    X(TUNNEL_VTEP_TYPE, "tunnel_vtep_type", "a vtep sent something else than VXLAN")                                   \
    X(TUNNEL_UNKNOWN_KEY, "tunnel_unknown_key", "no network on this node has the tunnel's key")                        \
    X(TUNNEL_AMBIGUOUS_KEY, "tunnel_ambiguous_key",                                                                    \
      "two networks of different types have the key, and the sender cannot speak one of the types")                    \
    X(TUNNEL_UNKNOWN_MAC, "tunnel_unknown_mac", "came by a tunnel for a MAC that no port on this node has")            \
    X(TUNNEL_UNREACHABLE, "tunnel_unreachable", "the other node is dead, or no way leads to it: df-ctl chassis")       \
    X(PEER_UNRESOLVED, "peer_unresolved",                                                                              \
      "the MAC of the other node, or of the gateway to it, is asked for, and enough packets wait")                     \
    X(RESOLVE_QUEUE_FULL, "resolve_queue_full",                                                                        \
      "as many packets as may wait for the MAC of that node, or of all nodes")                                         \
    X(RESOLVE_FAILED, "resolve_failed",                                                                                \
      "nobody answered for the MAC of the other node, or of the gateway: df-ctl underlay")                             \
    X(TX_FULL, "tx_full", "the transmit queue was full")                                                               \
    X(TX_DOWN, "tx_down", "the interface of the port is not there, or went away while packets waited for it")          \
    X(NO_MBUF, "no_mbuf", "no packet buffer for a copy, a fragment or an answer")                                      \
    X(RATE_ANSWER, "rate_answer", "over the limit of answers per port")                                                \
    X(RATE_PUNT, "rate_punt", "over the limit of punted packets per port")                                             \
    X(RATE_FLOOD, "rate_flood", "the port had more copied to others than it may: [fastpath] flood_copies_per_second")  \
    X(RATE_EXCEPTION, "rate_exception",                                                                                \
      "over the limit of packets between underlay and host: [fastpath] exceptions_per_second")                         \
    X(PUNT_FULL, "punt_full", "the queue to the controller was full")                                                  \
    X(ANSWER_NONE, "answer_none", "no answer is due (RFC 1122 section 3.2.2, RFC 4443 section 2.4 e)")                 \
    X(LOOP, "loop", "more tables walked than a pipeline has")

enum df_drop {
#define X(ENUM, name, help) DF_DROP_##ENUM,
    DF_DROP_LIST(X)
#undef X
        DF_DROPS
};

/** Name and help text of a reason, for people. */
const char *df_drop_name(enum df_drop reason);
const char *df_drop_help(enum df_drop reason);
