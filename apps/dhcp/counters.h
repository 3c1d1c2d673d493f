/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Everything that can become of a packet that came to the server: group, name and meaning, as `df-ctl apps` shows them.
 * A packet that was understood counts once under received; then once under sent or refused, or under neither where the
 * protocol has no answer (RELEASE, DECLINE).
 */

#define DF_DHCP_COUNTER_LIST(X)                                                                                        \
    X(DISCOVER, "received", "discover", "a client looks for servers")                                                  \
    X(SELECTING, "received", "request_selecting", "a client takes an offer")                                           \
    X(INIT_REBOOT, "received", "request_init_reboot", "a client asks for the address it had before")                   \
    X(RENEWING, "received", "request_renewing", "a client extends its lease, by unicast")                              \
    X(REBINDING, "received", "request_rebinding", "a client extends its lease, by broadcast")                          \
    X(INFORM, "received", "inform", "a client with an address asks for options")                                       \
    X(RELEASE, "received", "release", "a client gives its address back; it stays the port's")                          \
    X(DECLINE, "received", "decline", "a client found its address in use by somebody else; it stays the port's")       \
    X(OFFER, "sent", "offer", "")                                                                                      \
    X(ACK, "sent", "ack", "")                                                                                          \
    X(NAK, "sent", "nak", "the client asked for an address that is not its port's")                                    \
    X(RATE, "refused", "rate", "over df_dhcp_max_rate_per_sec, or the port is blocked for that")                       \
    X(FRAME, "refused", "frame", "not a whole UDP packet to port 67")                                                  \
    X(MESSAGE, "refused", "message", "not a DHCP request, or an option is malformed")                                  \
    X(TYPE, "refused", "type", "a message type that clients do not send")                                              \
    X(RELAYED, "refused", "relayed", "giaddr is set: it is a relay's, and comes from a client's port")                 \
    X(CHADDR, "refused", "chaddr", "chaddr is not the sender's or not the port's MAC")                                 \
    X(NO_LEASE, "refused", "no_lease", "the port has no IPv4 address on a subnet with DHCP")                           \
    X(NO_SERVER, "refused", "no_server", "the subnet has neither dhcp_ip, nor a DHCP port, nor a gateway")             \
    X(OTHER_SERVER, "refused", "other_server", "meant for another server")                                             \
    X(INCOMPLETE, "refused", "incomplete", "a REQUEST or INFORM that names no address")                                \
    X(SEND, "refused", "send", "the answer could not be sent")                                                         \
    X(LEFT_OUT, "sent", "options_left_out", "options that did not fit into the client's maximum message size")

enum df_dhcp_counter {
#define X(ENUM, group, name, help) DF_DHCP_COUNT_##ENUM,
    DF_DHCP_COUNTER_LIST(X)
#undef X
        DF_DHCP_COUNTERS
};
