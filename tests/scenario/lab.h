/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdint.h>

#include "control/controller.h"
#include "fastpath/drop.h"

/*
 * A lab of one node: the real database, controller, apps, tables and worker in one process, with ports of memory and a
 * clock that is turned by hand. A test reads like the notes of a network engineer:
 *
 *     lab_model("{'lport': [{'id': 'vm1', ...");        what Neutron would have written; ' stands for "
 *     lab_send("vm1", "icmp,dl_src=...,nw_dst=...");     a frame in words (control/trace/words.h), from the guest
 *     lab_expect("vm2", "icmp,dl_src=...");              the next frame at that guest is exactly this one
 *     lab_expect_silence();                              and nobody else got anything
 *     lab_expect_drop("spoofed_mac", 1);                 one packet more was dropped for this reason, none for another
 *
 * A port is local when it is bound to chassis "node1" with vif_type ethdev; its vif_name, by which the functions
 * here call it, is one of vm1 to vm16. Each test runs in a process of its own, so nothing outlives it.
 *
 * Use TestSuite(name, .init = lab_up, .fini = lab_down). lab_down() ends every test with the oracle: a full recompile
 * changes nothing.
 *
 * The environment may say DF_LAB_CACHE=off: no flow cache, so all packets walk the tables, and nothing else may change;
 * or DF_LAB_CACHE=twice: each frame is sent twice, and what the second one, from the cache where it can be, becomes is
 * what the first one became. The clock then moves on with each frame, so tests of limits must not be run that way.
 */

void lab_up(void);
void lab_down(void);

/** Starts with these apps instead of the default l2,l3,portsec,dhcp; ends with NULL. Instead of lab_up(). */
void lab_up_with(const char *const *apps, const char *apps_dir);

/** How connections are tracked. Zeroes: as lab_up_secgroup() has it. */
struct lab_connections {
    uint32_t max;          /* 0: 4096 */
    uint32_t max_per_port; /* 0: as many */
    bool no_pick_up;       /* a TCP connection begins with a SYN only */
};

/* What the lab's worker keeps of datagrams in fragments, and of fragments that wait. */
#define LAB_FRAGMENT_DATAGRAMS 256
#define LAB_FRAGMENTS_HELD 64
#define LAB_FRAGMENT_TIMEOUT_MS 30000

/** Packets may have 9000 bytes. Before the lab starts. */
void lab_take_jumbo_frames(void);

/** Tables hold 16,384 entries, and not 4,096. Before the lab starts. */
void lab_take_large_tables(void);

/** Starts with the app secgroup too. Instead of lab_up(). */
void lab_up_secgroup(void);
void lab_up_connections(const struct lab_connections *connections);

/*
 * A node with an underlay: device up0, whose MAC is LAB_UNDERLAY_MAC. Two nodes are neighbours, and there is no gateway
 * to others. For the model: chassis that have these addresses.
 */
#define LAB_UNDERLAY_IP "192.0.2.1"
#define LAB_UNDERLAY_MAC "02:00:00:00:ff:01"
#define LAB_PEER2 "192.0.2.2"
#define LAB_PEER2_MAC "02:00:00:00:ff:02"
#define LAB_PEER3 "192.0.2.3"
#define LAB_PEER3_MAC "02:00:00:00:ff:03"
#define LAB_UNDERLAY_IP6 "2001:db8:ff::1"
#define LAB_PEER2_IP6 "2001:db8:ff::2"
#define LAB_PEER3_IP6 "2001:db8:ff::3"

/** Starts with the apps secgroup and tunneling too. Instead of lab_up(). */
void lab_up_tunneling(void);

/**
 * Likewise, on this underlay, and nothing was sent yet. An exception port is a device of memory too, by its own name,
 * and takes LAB_EXCEPTIONS_PER_SECOND packets.
 */
void lab_up_underlay(const struct df_underlay_config *underlay);
#define LAB_EXCEPTIONS_PER_SECOND 800
#define LAB_FLOOD_COPIES_PER_SECOND 3200000 /* of which a 64th at once */
#define LAB_ANNOUNCE_MS 2000                /* between the two times at which a node says which addresses it has */

/** Writes objects to the database, as `df-db load` would, and lets the controller settle. */
void lab_model(const char *json);
void lab_delete(const char *table, const char *id);

/** Turns the clock of controller and worker on. */
void lab_turn_ms(uint64_t ms);

/** Two seconds pass, in which the aging looks at each connection, and what it took down is free again. */
void lab_age(void);

/** Sends a frame and lets the worker, and the controller if it was punted, do their work. */
void lab_send(const char *port, const char *words);
void lab_send_bytes(const char *port, const uint8_t *frame, size_t len);

/** The frame that the words mean. *len is the room, and becomes the length. */
void lab_frame(const char *words, uint8_t *frame, size_t *len);

/** The next frame at the port: taken out, *len is its length; NULL when there is none. Valid until the next call. */
const uint8_t *lab_receive(const char *port, size_t *len);

/** The next frame at the port is these words; a difference is shown byte by byte. */
void lab_expect(const char *port, const char *words);
void lab_expect_bytes(const char *port, const uint8_t *frame, size_t len);

/**
 * The next frame at the port is an ICMP or ICMPv6 error for the frame of these words: from the router it was sent to,
 * by its address from, all checksums right, and with as much of the packet behind it as there may be.
 */
void lab_expect_icmp_error(const char *port, const char *from, uint8_t type, uint8_t code, const char *quoted);

/** Likewise: it says that packets of more than mtu bytes do not get through. */
void lab_expect_too_big(const char *port, const char *from, uint16_t mtu, const char *quoted);

/** It is sent, comes to that port as it is, and nowhere else. */
void lab_passes(const char *from, const char *words, const char *to);
void lab_passes_bytes(const char *from, const uint8_t *frame, size_t len, const char *to);

/** It is sent, comes to nobody, and is dropped for this reason. */
void lab_refused(const char *from, const char *words, const char *reason);
void lab_refused_bytes(const char *from, const uint8_t *frame, size_t len, const char *reason);

/* How a packet is tunnelled. Zeroes: VXLAN over untagged IPv4 is {.type = "vxlan"}. */
struct lab_way {
    const char *type;
    bool ip6;
    uint16_t vlan;
    bool checksum; /* IPv6: of UDP */
    unsigned ecn;  /* of the outer IP header */
};

/** Where the outer IP header is, the one behind it, and the packet inside. */
size_t lab_way_ip(const struct lab_way *way);
size_t lab_way_l4(const struct lab_way *way);
size_t lab_way_len(const struct lab_way *way);

/** As the three below, by this way; the peer's address is of its family. */
void lab_wrap_by(const struct lab_way *way, const char *peer, uint32_t key, const char *words, uint8_t *frame,
                 size_t *len);
void lab_send_by(const struct lab_way *way, const char *peer, uint32_t key, const char *words);
uint16_t lab_expect_by(const struct lab_way *way, const char *peer, uint32_t key, const char *words);

/** The frame of these words as the peer sends it, by a tunnel with that key; *len is the room, and becomes the length. */
void lab_wrap(const char *peer, uint32_t key, const char *words, uint8_t *frame, size_t *len);

/** It comes from the peer. */
void lab_send_tunnel(const char *peer, uint32_t key, const char *words);

/**
 * The next frame at up0 is for this peer, by a tunnel with that key, and inside are these words. The outer headers are
 * right to the byte. Returns the source port; over IPv6 the flow label, which is the same.
 */
uint16_t lab_expect_tunnel(const char *peer, uint32_t key, const char *words);

/** No frame waits at this port, or at any port. */
void lab_expect_none(const char *port);
void lab_expect_silence(void);

/** Since this was last asked packets were dropped n times for this reason and never for another. */
void lab_expect_drop(const char *reason, uint64_t n);
void lab_expect_no_drop(void);

/** All drops of the port for this reason since it opened. */
uint64_t lab_port_drops(const char *lport, const char *reason);

/** The last packet was decided by the tables, or by the flow cache (which holds by itself where there is none). */
void lab_expect_walked(void);
void lab_expect_cached(void);

/** Writes a row as another program could, past all checks, and settles it; bytes NULL: deletes it. */
void lab_write_row(const char *table, const char *id, const void *bytes, size_t len);

const struct df_clock *lab_clock(void);
struct df_controller *lab_controller(void);
struct df_datapath *lab_datapath(void);
