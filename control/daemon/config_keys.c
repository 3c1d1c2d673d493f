/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/config_keys.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "control/daemon/build_info.h"
#include "control/model/address.h"
#include "control/underlay/underlay.h"
#include "dbsync/driver.h"
#include "fastpath/eal.h"
#include "fastpath/tables/flood_allowance.h"
#include "fastpath/tunnel/tunnel.h"
#include "fastpath/ports/vif_name.h"

static const char *check_not_empty(const char *value)
{
    return *value ? NULL : "must not be empty";
}

static const char *check_absolute(const char *value)
{
    return *value == '/' ? NULL : "must be an absolute path";
}

static const char *check_file(const char *value)
{
    return *value == '\0' || *value == '/' ? NULL : "must be an absolute path";
}

static const char *check_driver(const char *value)
{
    return df_db_driver_find(value) ? NULL : "must be a driver of this build: see df-db drivers";
}

static const char *check_socket(const char *value)
{
    if (strlen(value) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return "is longer than a unix socket's path may be (107 bytes)";
    return check_absolute(value);
}

static const char *check_ip(const char *value)
{
    struct df_ip ip;
    return df_ip_parse(value, &ip) == 0 ? NULL : "must be an IPv4 or IPv6 address";
}

static const char *check_ip_prefix(const char *value)
{
    struct df_ip ip;
    unsigned bits;
    return df_prefix_parse(value, &ip, &bits) == 0 ? NULL : "must be an IPv4 or IPv6 address, or ADDRESS/LENGTH";
}

static const char *check_device(const char *value)
{
    if (*value == '\0' || df_vif_name_check_device(value) == 0)
        return NULL;
    return "must be the name of a network device: letters, digits, `.', `_' and `-', at most 15";
}

static const char *check_app(const char *value)
{
    for (const char *at = value; *at; at++)
        if (!isalnum((unsigned char)*at) && *at != '_')
            return "must be names of apps: letters, digits and _";
    return NULL;
}

static const char *check_tunnel_type(const char *value)
{
    return df_tunnel_type_of(value) ? NULL : "must be names of tunnel types: geneve, vxlan, gre";
}

static const char *check_lcores(const char *value)
{
    unsigned lcores[128];
    return df_config_lcores(value, lcores, 128) >= 0 ? NULL : "must be a list of CPUs such as 1,3-5";
}

static const char *check_control_lcore(const char *value)
{
    unsigned lcores[2];
    int n = df_config_lcores(value, lcores, 2);
    return n == 0 || n == 1 ? NULL : "must be one CPU";
}

static const char *check_port(const char *value)
{
    const char *equals = strchr(value, '=');
    if (!equals || equals == value || !equals[1])
        return "must be NAME=DEVARGS, such as up0=0000:02:00.0 or up0=net_af_packet0,iface=eth1";
    return equals - value < 64 ? NULL : "has a port name of more than 63 bytes";
}

#define KEY(section_, name_, type_, field_, fallback_, help_, ...)                                                     \
    {                                                                                                                  \
        .section = section_, .name = name_, .type = type_, .offset = offsetof(struct df_config, field_),               \
        .fallback = fallback_, .help = help_, __VA_ARGS__                                                              \
    }

/*
 * Time is kept in milliseconds of 32 bits, which an idle time must not come near. One of a second
 * or two would mean nothing: of what the flow cache serves packets are noted only each few seconds.
 */
#define TIMEOUT_MIN_S 3
#define TIMEOUT_MAX_S (1000 * 1000)
#define TIMEOUT(name_, state_, seconds_, help_)                                                                        \
    KEY("connections", name_, DF_CONFIG_UINT, conn_timeout_s[state_], #seconds_, help_, .min = TIMEOUT_MIN_S,          \
        .max = TIMEOUT_MAX_S)

const struct df_config_key df_config_keys[] = {
    KEY("df", "host", DF_CONFIG_TEXT, host, "",
        "This node's name: ports whose binding.chassis is this are local. Empty: the host name."),
    KEY("df", "nb_db_class", DF_CONFIG_TEXT, nb_db_class, "lmdb",
        "Driver of the northbound database. `df-db drivers` lists them.", .check = check_driver),
    KEY("df", "remote_db_hosts", DF_CONFIG_TEXT, remote_db_hosts, "127.0.0.1:4001",
        "Where it is, for drivers other than lmdb: HOST:PORT, separated by commas, or what docs/databases.md says of\n"
        "the driver.",
        .check = check_not_empty),
    KEY("df", "enable_selective_topology_distribution", DF_CONFIG_BOOL, selective, "false",
        "Hear only of networks, groups and routers that ports of this node need, and not of the whole cloud. For\n"
        "more than a few hundred nodes."),
    KEY("df", "enable_df_pub_sub", DF_CONFIG_BOOL, pub_sub, "false",
        "Hear of changes by publishers (df-publisher) rather than by watching the database."),
    KEY("df", "pub_sub_driver", DF_CONFIG_CHOICE, pub_sub_driver, "zmq_pubsub_driver",
        "By what. With redis and etcd it is the watch of the database itself, which must be that one.",
        .choices = "zmq_pubsub_driver|redis_db_pubsub_driver|etcd_pubsub_driver"),
    KEY("df", "publishers_ips", DF_CONFIG_COMMAS, publishers_ips, "127.0.0.1",
        "Where publishers are: HOST or HOST:PORT, separated by commas."),
    KEY("df", "publisher_port", DF_CONFIG_UINT, publisher_port, "8866", "Port of those that are named without one.",
        .min = 1, .max = 65535),
    KEY("df", "apps_list", DF_CONFIG_COMMAS, apps_list, "l2,l3,portsec,dhcp,secgroup,tunneling",
        "Network services to load, separated by commas.", .check = check_app),
    KEY("df", "apps_dir", DF_CONFIG_TEXT, apps_dir, DF_APPS_DIR, "Where the services' df_app_NAME.so are.",
        .check = check_absolute),
    KEY("df", "local_ip", DF_CONFIG_COMMAS, local_ip, "",
        "This node's tunnel end point on underlay_port: ADDRESS or ADDRESS/LENGTH, an IPv4 or an IPv6 address or one "
        "of\n"
        "each, separated by a comma. LENGTH is that of the prefix that is on link; without it all other nodes are on\n"
        "link, or all behind underlay_gateway if that is set. Empty: none.",
        .check = check_ip_prefix),
    KEY("df", "underlay_port", DF_CONFIG_TEXT, underlay_port, "",
        "The port of [fastpath] ports by which tunnels leave and arrive. It is the node's own; ARP, neighbour "
        "discovery\n"
        "and, without underlay_exception, ping of local_ip are answered there. Empty: no tunnels."),
    KEY("df", "underlay_gateway", DF_CONFIG_COMMAS, underlay_gateway, "",
        "The router to the nodes that are not on link: an address, or one of each family, separated by a comma.",
        .check = check_ip),
    KEY("df", "underlay_vlan", DF_CONFIG_UINT, underlay_vlan, "0",
        "The VLAN of the underlay on underlay_port: its tag is on all that is sent and must be on all that comes.\n"
        "0: untagged.",
        .max = 4094),
    KEY("df", "underlay_neighbours", DF_CONFIG_COMMAS, underlay_neighbours, "",
        "The MACs of other nodes that are not to be asked for by ARP or neighbour discovery: IP=MAC, separated by\n"
        "commas; *=MAC is where all go that are not in the list.",
        .check = df_underlay_neighbour_error),
    KEY("df", "underlay_exception", DF_CONFIG_TEXT, underlay_exception, "",
        "The name of a tap device by which this host shares the underlay: what comes and is neither a tunnel's nor\n"
        "answered is the host's, and what the host sends leaves. It has the MAC of underlay_port, and frames as they\n"
        "are on the wire, tags included. Give it local_ip. Empty: none, and such packets are dropped.",
        .check = check_device),
    KEY("df", "underlay_mtu", DF_CONFIG_UINT, underlay_mtu, "1500",
        "The longest IP packet that the underlay carries. A network's MTU and 50 bytes of outer headers should fit: "
        "what\n"
        "does not is fragmented, or its sender told.",
        .min = 576, .max = DF_MBUF_SIZE_MAX),
    KEY("df", "tunnel_types", DF_CONFIG_COMMAS, tunnel_types, "geneve,vxlan,gre",
        "The kinds of tunnel that this node speaks, the best first: geneve, vxlan, gre, separated by commas. To "
        "another\n"
        "node a network's packets go by the network's own type if both speak it, else by the best that both do.",
        .check = check_tunnel_type),
    KEY("df", "tunnel_udp6_checksum", DF_CONFIG_BOOL, tunnel_udp6_checksum, "true",
        "Whether VXLAN and Geneve over IPv6 leave with a UDP checksum, which takes reading every byte. Without it "
        "only\n"
        "end points that take zero (RFC 6935) hear this node: those of this daemon do, the kernel's if told to."),
    KEY("df", "vhost_sock_dir", DF_CONFIG_TEXT, vhost_sock_dir, "/run/dragonflow",
        "Folder of the sockets of vhost-user and memif ports: a vif_name is a name below it, or a path into it.",
        .check = check_absolute),
    KEY("df", "log_level", DF_CONFIG_CHOICE, log_level, "info", "What is logged: this and what is more important.",
        .choices = "error|warning|info|debug", .at_run_time = true),

    KEY("lmdb", "path", DF_CONFIG_TEXT, lmdb_path, "/var/lib/dragonflow/nb",
        "Directory of the embedded database, for nb_db_class = lmdb.", .check = check_absolute),
    KEY("lmdb", "create", DF_CONFIG_BOOL, lmdb_create, "false",
        "Make the database if there is none; otherwise wait until `df-db init` did."),

    KEY("database", "user", DF_CONFIG_TEXT, db_user, "", "Name to log in with. Empty: none."),
    KEY("database", "password_file", DF_CONFIG_TEXT, db_password_file, "",
        "File whose first line is the password. Empty: none.", .check = check_file),
    KEY("database", "ca", DF_CONFIG_TEXT, db_ca, "",
        "Certificates (PEM) of whom is believed: the database is spoken to by TLS, and must prove who it is.",
        .check = check_file),
    KEY("database", "cert", DF_CONFIG_TEXT, db_cert, "", "This node's own certificate (PEM). Empty: none.",
        .check = check_file),
    KEY("database", "key", DF_CONFIG_TEXT, db_key, "", "Its key (PEM).", .check = check_file),
    KEY("database", "timeout_ms", DF_CONFIG_UINT, db_timeout_ms, "5000",
        "Milliseconds that an answer of the database may take; one about this node's lease has 2500 at most.",
        .min = 100, .max = 60000),

    KEY("df_zmq", "key_file", DF_CONFIG_TEXT, zmq_key_file, "",
        "This node's pair of CURVE keys, as df-publisher --make-keys prints it. Empty: publishers are not asked who\n"
        "they are, and speak in clear.",
        .check = check_file),
    KEY("df_zmq", "server_key_file", DF_CONFIG_TEXT, zmq_server_key_file, "",
        "The publishers' public key: a line \"public KEY\".", .check = check_file),

    KEY("fastpath", "backend", DF_CONFIG_CHOICE, backend, "fastpath",
        "What moves packets: fastpath is DPDK, null only counts entries and needs no DPDK.",
        .choices = "fastpath|null"),
    KEY("fastpath", "workers", DF_CONFIG_TEXT, workers, "",
        "CPUs of the workers, such as 1,3-5. Empty: one, the last CPU that the daemon may run on.",
        .check = check_lcores),
    KEY("fastpath", "control_lcore", DF_CONFIG_TEXT, control_lcore, "",
        "CPU of the control thread. Empty: those that the daemon may run on and no worker has.",
        .check = check_control_lcore),
    KEY("fastpath", "ports", DF_CONFIG_WORDS, ports, "",
        "Physical and bench ports: NAME=DEVARGS with DPDK device arguments, separated by white space. A line that\n"
        "begins with a space goes on with the list. A logical port with vif_type ethdev names one as its vif_name.\n"
        "PCI is scanned for the addresses that stand here and no others, so no NIC of the host is taken unasked.",
        .check = check_port),
    KEY("fastpath", "plugins", DF_CONFIG_COMMAS, plugins, "",
        "DPDK driver plug-ins to load, separated by commas. DPDK refuses files below a folder that all may write."),
    KEY("fastpath", "hugepages", DF_CONFIG_CHOICE, hugepages, "auto",
        "auto takes hugepages if there are any; no costs speed, and no vhost-user guest can be plugged.",
        .choices = "auto|yes|no"),
    KEY("fastpath", "memory_mb", DF_CONFIG_UINT, memory_mb, "0",
        "Memory for DPDK beside packet buffers, in MiB. 0: 64.", .max = 1024 * 1024),
    KEY("fastpath", "mbufs", DF_CONFIG_UINT, mbufs, "32768", "Packet buffers, shared by all ports.", .min = 1024,
        .max = 16 * 1024 * 1024),
    KEY("fastpath", "mbuf_size", DF_CONFIG_UINT, mbuf_size, "2048",
        "Bytes of a frame that a packet buffer holds. A network's MTU and 22 bytes more must fit, so that an MTU of\n"
        "9000 takes 9216; longer frames are dropped, and a port of a network with a longer MTU is refused.",
        .min = 2048, .max = DF_MBUF_SIZE_MAX),
    KEY("fastpath", "memif", DF_CONFIG_CHOICE, memif, "no",
        "yes lets ports have vif_type memif. Its peer can crash the daemon and get at its memory, because\n"
        "DPDK's driver believes what the peer writes into shared memory: for peers trusted as the daemon itself.",
        .choices = "yes|no"),
    KEY("fastpath", "flow_cache_entries", DF_CONFIG_UINT, flow_cache_entries, "131072",
        "Flows that each worker remembers, rounded up to a power of two. 0: no cache.", .max = 64 * 1024 * 1024),
    KEY("fastpath", "table_entries_max", DF_CONFIG_UINT, table_entries_max, "1000000",
        "Entries that one pipeline table can hold. More are refused by name.", .min = 1024, .max = 64 * 1024 * 1024),
    KEY("fastpath", "answers_per_second", DF_CONFIG_UINT, answers_per_second, "1000",
        "ARP, ND and ICMP answers that a worker gives to one port.", .max = 100 * 1000 * 1000),
    KEY("fastpath", "punts_per_second", DF_CONFIG_UINT, punts_per_second, "100",
        "Packets (DHCP and such) that a worker hands to the controller from one port.", .max = 1000 * 1000),
    KEY("fastpath", "exceptions_per_second", DF_CONFIG_UINT, exceptions_per_second, "100000",
        "Packets that a worker passes from the underlay to the host by underlay_exception, and as many the other way,\n"
        "so that they leave it time for tunnels. More are dropped as rate_exception.",
        .max = 100 * 1000 * 1000),
    KEY("fastpath", "flood_copies_per_second", DF_CONFIG_UINT, flood_copies_per_second, "500000",
        "Copies that a worker makes of one port's broadcast, multicast and unknown unicast: one for each local port\n"
        "and each other node of the network. More are dropped as rate_flood, frame by frame. 0: no limit.",
        .max = DF_FLOODS_PER_SECOND_MAX),
    KEY("fastpath", "idle_us", DF_CONFIG_UINT, idle_us, "0",
        "Sleep that long after 1000 rounds without a packet. 0: poll always.", .max = 100 * 1000),
    KEY("fastpath", "connections_max", DF_CONFIG_UINT, connections_max, "1048576",
        "Connections of stateful security groups, of all ports. Each takes about 150 bytes when it is first used.\n"
        "When the table is full, new ones are refused as conn_table_full and those that are there go on.",
        .min = 1024, .max = DF_CONN_MAX),
    KEY("fastpath", "connections_per_port", DF_CONFIG_UINT, connections_per_port, "262144",
        "Connections of one port: a guest that floods has its own limit. More are refused as conn_port_limit, and so\n"
        "are more than are still free of all, so that some guests do not take the table from the others. With\n"
        "connections_max or above one guest may have them all.",
        .min = 1, .max = DF_CONN_MAX),
    KEY("fastpath", "tcp_pick_up", DF_CONFIG_CHOICE, tcp_pick_up, "yes",
        "yes lets a TCP packet from the middle of a session begin a connection, so that sessions survive a restart of\n"
        "the daemon and `df-ctl conn delete`; no wants a SYN, and drops the packet as conn_invalid.",
        .choices = "yes|no"),
    KEY("fastpath", "fragment_datagrams", DF_CONFIG_UINT, fragment_datagrams, "4096",
        "Fragmented datagrams that a worker follows at a time, rounded up to a power of two. One more makes it forget\n"
        "the oldest of the port, or network behind tunnels, that has most.",
        .min = 16, .max = 1024 * 1024),
    KEY("fastpath", "fragments_held", DF_CONFIG_UINT, fragments_held, "1024",
        "Fragments that wait on a worker for the first one of their datagram, which has the ports. Each keeps a\n"
        "packet buffer of the mbufs. One more pushes out the oldest datagram of the port, or network behind tunnels, "
        "that\n"
        "has most: that is dropped as frag_limit.",
        .max = 1024 * 1024),
    KEY("fastpath", "fragment_timeout", DF_CONFIG_UINT, fragment_timeout, "30",
        "Seconds that a datagram's fragments may take to come.", .min = 1, .max = 3600),

    TIMEOUT("tcp_timeout_syn_sent", DF_CONN_TCP_SYN_SENT, 120,
            "Seconds without a packet after which a connection of this protocol and state is forgotten. Names and\n"
            "defaults are those of Linux (net.netfilter.nf_conntrack_*)."),
    TIMEOUT("tcp_timeout_syn_recv", DF_CONN_TCP_SYN_RECV, 60, "SYN and SYN-ACK were seen."),
    TIMEOUT("tcp_timeout_established", DF_CONN_TCP_ESTABLISHED, 432000, "Five days."),
    TIMEOUT("tcp_timeout_unacknowledged", DF_CONN_TCP_PICKED_UP, 300,
            "It was picked up in the middle of its session, and the other end sent nothing yet."),
    TIMEOUT("tcp_timeout_fin_wait", DF_CONN_TCP_FIN_WAIT, 120, "One side sent its FIN."),
    TIMEOUT("tcp_timeout_close_wait", DF_CONN_TCP_CLOSE_WAIT, 60, "The FIN was acknowledged."),
    TIMEOUT("tcp_timeout_last_ack", DF_CONN_TCP_LAST_ACK, 30, "Both sides sent their FIN."),
    TIMEOUT("tcp_timeout_time_wait", DF_CONN_TCP_TIME_WAIT, 120, "Both FINs were acknowledged."),
    TIMEOUT("tcp_timeout_close", DF_CONN_TCP_CLOSE, 10, "It was reset."),
    TIMEOUT("udp_timeout", DF_CONN_UDP_SINGLE, 30, "Nobody replied yet."),
    TIMEOUT("udp_timeout_stream", DF_CONN_UDP_STREAM, 120, "There was a reply."),
    TIMEOUT("icmp_timeout", DF_CONN_ICMP, 30, "Echoes of ICMP and ICMPv6."),
    TIMEOUT("sctp_timeout_closed", DF_CONN_SCTP_CLOSED, 10, "It was aborted, or shut down."),
    TIMEOUT("sctp_timeout_cookie_wait", DF_CONN_SCTP_COOKIE_WAIT, 3, "INIT was seen."),
    TIMEOUT("sctp_timeout_cookie_echoed", DF_CONN_SCTP_COOKIE_ECHOED, 3, "COOKIE ECHO was seen."),
    TIMEOUT("sctp_timeout_established", DF_CONN_SCTP_ESTABLISHED, 210, "Heartbeats keep it."),
    TIMEOUT("sctp_timeout_shutdown_sent", DF_CONN_SCTP_SHUTDOWN_SENT, 3, "SHUTDOWN was seen."),
    TIMEOUT("sctp_timeout_shutdown_recd", DF_CONN_SCTP_SHUTDOWN_RECD, 3, "SHUTDOWN of the other side was seen."),
    TIMEOUT("sctp_timeout_shutdown_ack_sent", DF_CONN_SCTP_SHUTDOWN_ACK_SENT, 3, "SHUTDOWN ACK was seen."),
    TIMEOUT("sctp_timeout_heartbeat_sent", DF_CONN_SCTP_HEARTBEAT_SENT, 30,
            "A heartbeat of an association that was not seen to begin."),
    TIMEOUT("generic_timeout", DF_CONN_OTHER, 600, "Any other protocol."),

    KEY("rpc", "socket", DF_CONFIG_TEXT, rpc_socket, "/run/dragonflow/df.sock", "Unix socket for df-ctl, mode 0600.",
        .check = check_socket),
};

const size_t df_config_n_keys = sizeof(df_config_keys) / sizeof(df_config_keys[0]);
