/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dbsync/driver.h"
#include "tests/system/db/proxy.h"

/*
 * A real database server as the tests have it, and what they do to it.
 *
 * A program of tests has one server, which it starts before the first test and which every test finds empty. A server
 * is one member or a cluster of them. A member is a process in a folder of its own, which is a file system of its own
 * so that it can be full, and listens on a port of its own. The whole program lives in network, mount and process
 * namespaces of its own (program.c), so ports are always free and nothing outlives it.
 *
 * Clients do not connect to a member's port but to its door: a small TCP proxy in front of it, so that a connection
 * can be cut or lose its answers while the member is well.
 *
 * struct server is memory that the processes of the program share: any of them may do what is declared here, one at a
 * time. What goes wrong in here ends the calling process with a message: a test of a driver cannot go on without.
 *
 * To plug a database in: servers/NAME.c with a struct server_kind for each way in which it can be set up (alone, in a
 * cluster, with TLS), its declaration and a line in servers/kinds.[hc], and lines in meson.build.
 */

#define SERVER_MEMBERS 6
#define SERVER_TEXT 512

struct server_member {
    char path[96];            /* its folder: it is started there, and its output is in the file `log` */
    uint16_t port, door;      /* ports from port + 1 to port + 4 are its own, too */
    pid_t pid, proxy;         /* 0: does not run */
    atomic_bool swallows;     /* the door lets nothing out */
    struct proxy_tally tally; /* of the door, all along; server_mend() knocks, too */
};

struct server {
    char kind[32];
    char path[64]; /* temporary folder of all of it; the folders of members are m0, m1... in it */
    unsigned n;
    /*
     * Whether others take over as soon as it works from a member that says nothing. Where a test is not about that, they wait
     * for some seconds: a busy machine would change the leader now and then.
     */
    bool elects_soon;
    struct server_member members[SERVER_MEMBERS];
    /* What a driver needs to know, empty: nothing. A kind may set these when it is started. */
    char location[SERVER_TEXT]; /* is set before: 127.0.0.1:DOOR,127.0.0.1:DOOR... */
    char user[SERVER_TEXT], password[SERVER_TEXT], ca[SERVER_TEXT], cert[SERVER_TEXT], key[SERVER_TEXT];
};

struct server_kind {
    const char *name;    /* as in meson.build, such as etcd or etcd-cluster */
    const char *driver;  /* of df_db_driver_find() */
    const char *program; /* must be there, or the tests fail and name the package; NULL: nothing is needed */
    const char *package; /* of Debian */
    unsigned members;    /* 0: an embedded database, location is the server's path */
    unsigned disk_mib; /* of each member's file system: enough for all tests, not so large that filling it takes long */
    /* Once, before members are started; NULL: nothing to do. May write files and set the texts of server. */
    void (*prepare)(struct server *server);
    /* In the process that becomes a member, in its folder: execs. Also for each restart: the data may be there. */
    void (*run)(const struct server *server, unsigned m);
    /* Whether a member answers, asked until it does; NULL: whether its port takes a connection. */
    bool (*is_ready)(const struct server *server, unsigned m);
    /* Once, when all members are ready for the first time: makes a cluster of them, adds users; NULL: nothing to do. */
    void (*form)(struct server *server);
    /* The member that leads at present, -1 when none does; NULL: there is no such thing. */
    int (*leader)(const struct server *server);
    /*
     * Members that take over may lack writes that were not acknowledged, though they were seen. Then: what to add to the
     * location so that those that were acknowledged are on every member; NULL: what was seen stays.
     */
    const char *keeps_acknowledged;
    /*
     * Waits until another member may go, and until who leads will stay: all that there are have everything, and none is
     * about to take over. NULL: there is nothing to wait for.
     */
    void (*settle)(const struct server *server);
    /* Whether a member gets what the leader writes, some time after it; NULL: that is nothing special. */
    bool (*follows)(const struct server *server, unsigned m);
    /*
     * What is stored goes elsewhere in the database, which clients are told of: what they follow ends, and what they ask
     * fails for a moment, or nobody knows whether it was done. NULL: there is no such thing.
     */
    void (*move)(const struct server *server, unsigned m);
    unsigned shortest_ttl; /* of a lease, in seconds; 0: two */
    bool stays_full;       /* a member whose disk is full must be ended before there is room again, and started anew */
    /* Empties the database as if it were new; NULL: members are killed, their folders emptied, and it is started anew. */
    void (*wipe)(const struct server *server);
};

/** Starts a server and waits until it is ready. */
struct server *server_start(const struct server_kind *kind, bool elects_soon);

/** The server of this program, in any of its processes. */
struct server *server_here(void);
const struct server_kind *server_kind(const struct server *server);

/** How to open it; the texts are the server's. */
struct df_db_config server_config(const struct server *server);

/** Whatever was done to it: everything runs again and is ready, doors are open, disks are free. */
void server_heal(struct server *server);

/** The same, and the database is empty. */
void server_restore(struct server *server);

/* Members. They wait until it is done; a member that is started is ready when they return. */
void server_kill(struct server *server, unsigned m);   /* SIGKILL */
void server_run(struct server *server, unsigned m);    /* unless it runs */
void server_revive(struct server *server, unsigned m); /* the same, and again when it ends of what was before */
void server_begin(struct server *server, unsigned m);  /* the same, but does not wait for it: a cluster needs others */
void server_pause(struct server *server, unsigned m);
void server_continue(struct server *server, unsigned m);
bool server_runs(const struct server *server, unsigned m);
/** The leader; member 0 where there is no such thing. Waits until there is one. */
unsigned server_leader(const struct server *server);

/* Doors. */
void server_cut(struct server *server, unsigned m);     /* ends its connections and refuses new ones */
void server_swallow(struct server *server, unsigned m); /* requests pass, what comes back does not, until it is cut */
void server_mend(struct server *server, unsigned m);    /* as if nothing had been; an open one is left as it is */

/* Disks. */
void server_fill(struct server *server, unsigned m);
void server_free(struct server *server, unsigned m);

/** Whether something listens on this port of 127.0.0.1. */
bool server_listens(uint16_t port);

/** Runs a shell command, made as by printf(); returns its status. What it prints goes to the file `commands`. */
int server_command(const struct server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** As server_command(), but again and again until it succeeds; the process ends when it does not. */
void server_insist(const struct server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** As server_command(), but gives the first line of what it prints, and ends the process where it fails. */
void server_ask(const struct server *server, char *line, size_t size, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/**
 * Makes a certificate authority and certificates for 127.0.0.1 and localhost in the server's path: ca.pem, server.pem,
 * server.key, client.pem, client.key (its name: dragonflow), and other-ca.pem, which signed nothing. What a test may put
 * in the place of the server's: good.pem and good.key, which are the same, expired.pem, elsewhere.pem (of another host).
 */
void server_certificates(const struct server *server);

/** Ends the process with a message. */
void server_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
