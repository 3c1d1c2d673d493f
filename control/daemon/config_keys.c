/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/config_keys.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "control/daemon/build_info.h"
#include "control/model/address.h"
#include "fastpath/eal.h"

static const char *check_not_empty(const char *value)
{
    return *value ? NULL : "must not be empty";
}

static const char *check_absolute(const char *value)
{
    return *value == '/' ? NULL : "must be an absolute path";
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
    return *value == '\0' || df_ip_parse(value, &ip) == 0 ? NULL : "must be an IPv4 or IPv6 address";
}

static const char *check_app(const char *value)
{
    for (const char *at = value; *at; at++)
        if (!isalnum((unsigned char)*at) && *at != '_')
            return "must be names of apps: letters, digits and _";
    return NULL;
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

const struct df_config_key df_config_keys[] = {
    KEY("df", "host", DF_CONFIG_TEXT, host, "",
        "This node's name: ports whose binding.chassis is this are local. Empty: the host name."),
    KEY("df", "nb_db_class", DF_CONFIG_TEXT, nb_db_class, "lmdb",
        "Driver of the northbound database. `df-db drivers` lists them.", .check = check_not_empty),
    KEY("df", "apps_list", DF_CONFIG_COMMAS, apps_list, "l2,l3,portsec,dhcp",
        "Network services to load, separated by commas.", .check = check_app),
    KEY("df", "apps_dir", DF_CONFIG_TEXT, apps_dir, DF_APPS_DIR, "Where the services' df_app_NAME.so are.",
        .check = check_absolute),
    KEY("df", "local_ip", DF_CONFIG_TEXT, local_ip, "", "This node's tunnel end point. Empty: none.",
        .check = check_ip),
    KEY("df", "vhost_sock_dir", DF_CONFIG_TEXT, vhost_sock_dir, "/run/dragonflow",
        "Folder of the sockets of vhost-user and memif ports: a vif_name is a name below it, or a path into it.",
        .check = check_absolute),
    KEY("df", "log_level", DF_CONFIG_CHOICE, log_level, "info", "What is logged: this and what is more important.",
        .choices = "error|warning|info|debug", .at_run_time = true),

    KEY("lmdb", "path", DF_CONFIG_TEXT, lmdb_path, "/var/lib/dragonflow/nb",
        "Directory of the embedded database, for nb_db_class = lmdb.", .check = check_absolute),
    KEY("lmdb", "create", DF_CONFIG_BOOL, lmdb_create, "false",
        "Make the database if there is none; otherwise wait until `df-db init` did."),

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
    KEY("fastpath", "idle_us", DF_CONFIG_UINT, idle_us, "0",
        "Sleep that long after 1000 rounds without a packet. 0: poll always.", .max = 100 * 1000),

    KEY("rpc", "socket", DF_CONFIG_TEXT, rpc_socket, "/run/dragonflow/df.sock", "Unix socket for df-ctl, mode 0600.",
        .check = check_socket),
};

const size_t df_config_n_keys = sizeof(df_config_keys) / sizeof(df_config_keys[0]);
