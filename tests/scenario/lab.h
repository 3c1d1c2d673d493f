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

/** Writes objects to the database, as `df-db load` would, and lets the controller settle. */
void lab_model(const char *json);
void lab_delete(const char *table, const char *id);

/** Turns the clock of controller and worker on. */
void lab_turn_ms(uint64_t ms);

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

/** Takes over what others wrote to the database that lies in this folder. */
void lab_settle(void);
const char *lab_directory(void);

const struct df_clock *lab_clock(void);
struct df_controller *lab_controller(void);
struct df_datapath *lab_datapath(void);
