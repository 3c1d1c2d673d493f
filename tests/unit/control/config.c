/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/config.h"
#include "control/daemon/config_keys.h"
#include "dbsync/pubsub/publisher_sockets.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Loads text as a file; the path of the file stands in *path until the next call. */
static int load_text(const char *text, struct df_config **config, struct df_error *error)
{
    char path[] = "/tmp/df-config-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    int rc = df_config_load(path, config, error);
    unlink(path);
    return rc;
}

static struct df_config *load_good(const char *text)
{
    struct df_config *config;
    struct df_error error;
    cr_assert_eq(load_text(text, &config, &error), 0, "%s", error.text);
    return config;
}

Test(config, without_a_file_every_key_has_its_default)
{
    struct df_config *config;
    struct df_error error;
    char host[256];
    gethostname(host, sizeof(host));
    cr_assert_eq(df_config_load(NULL, &config, &error), 0);
    cr_expect_str_eq(config->host, host);
    cr_expect_str_eq(config->nb_db_class, "lmdb");
    cr_expect_str_eq(config->apps_list[0], "l2");
    cr_expect_str_eq(config->apps_list[3], "dhcp");
    cr_expect_str_eq(config->apps_list[4], "secgroup");
    cr_expect_str_eq(config->apps_list[5], "tunneling");
    cr_expect_null(config->apps_list[6]);
    cr_expect_null(config->ports[0]);
    cr_expect_eq(config->flow_cache_entries, 131072);
    cr_expect_eq(config->mbuf_size, 2048);
    cr_expect_str_eq(config->memif, "no");
    cr_expect_eq(config->connections_max, 1048576);
    cr_expect_eq(config->connections_per_port, 262144);
    cr_expect_str_eq(config->tcp_pick_up, "yes");
    cr_expect_eq(config->fragment_timeout, 30);
    cr_expect_not(config->lmdb_create);
    cr_expect_str_eq(config->rpc_socket, "/run/dragonflow/df.sock");
    cr_expect_eq(df_config_log_level(config), DF_LOG_INFO);
    df_config_free(config);
}

Test(config, a_file_sets_what_it_names_and_nothing_else)
{
    struct df_config *config = load_good("# a comment\n"
                                         "[df]\n"
                                         "host = compute-7\n"
                                         "apps_list = l2, portsec\n"
                                         "log_level = debug ; while we look for it\n"
                                         "[lmdb]\n"
                                         "create = true\n"
                                         "[fastpath]\n"
                                         "idle_us=50\n");
    cr_expect_str_eq(config->host, "compute-7");
    cr_expect_str_eq(config->apps_list[1], "portsec");
    cr_expect_null(config->apps_list[2]);
    cr_expect_eq(df_config_log_level(config), DF_LOG_DEBUG);
    cr_expect(config->lmdb_create);
    cr_expect_eq(config->idle_us, 50);
    cr_expect_eq(config->mbufs, 32768);
    df_config_free(config);
}

Test(config, a_list_goes_on_in_indented_lines)
{
    struct df_config *config = load_good("[fastpath]\n"
                                         "ports = up0=0000:02:00.0\n"
                                         "  up1=0000:02:00.1,rx_vec_en=1\n"
                                         "\tsim=net_null0,no-rx=1 tap=net_tap0\n"
                                         "workers = 1\n");
    cr_expect_str_eq(config->ports[0], "up0=0000:02:00.0");
    cr_expect_str_eq(config->ports[1], "up1=0000:02:00.1,rx_vec_en=1");
    cr_expect_str_eq(config->ports[2], "sim=net_null0,no-rx=1");
    cr_expect_str_eq(config->ports[3], "tap=net_tap0");
    cr_expect_null(config->ports[4]);
    cr_expect_str_eq(config->workers, "1");
    df_config_free(config);
}

struct bad {
    char text[160];
    char expected[120]; /* the error has it */
};

ParameterizedTestParameters(config, a_bad_file_is_refused_with_its_line)
{
    static struct bad cases[] = {
        {"[df]\nhsot = a\n", ":2: [df] has no key `hsot'"},
        {"[df]\n\nlog_level = loud\n", ":3: [df] log_level must be one of error|warning|info|debug, not `loud'"},
        {"[df]\nlog_level = err\n", "must be one of"},
        {"[df]\nlocal_ip = 10.0.0\n", "must be an IPv4 or IPv6 address, or ADDRESS/LENGTH, not `10.0.0'"},
        {"[df]\nunderlay_gateway = 192.0.2.0/24\n", "underlay_gateway must be an IPv4 or IPv6 address, not"},
        {"[df]\ntunnel_types = vxlan,stt\n",
         "tunnel_types must be names of tunnel types: geneve, vxlan, gre, not `stt'"},
        {"[df]\nunderlay_port = up0\nlocal_ip = 192.0.2.1\ntunnel_types = gre,vxlan,gre\n[fastpath]\n"
         "ports = up0=net_null0\n",
         "[df] tunnel_types has gre twice"},
        {"[df]\nunderlay_port = up0\nlocal_ip = 192.0.2.1\ntunnel_types =\n[fastpath]\nports = up0=net_null0\n",
         "tunnel_types is empty"},
        {"[df]\ntunnel_udp6_checksum = maybe\n", "tunnel_udp6_checksum must be"},
        {"[df]\nunderlay_vlan = 4095\n", "underlay_vlan must be a number from 0 to 4094"},
        {"[df]\nunderlay_exception = host0/1\n", "underlay_exception must be the name of a network device"},
        {"[df]\napps_list = l2,../evil\n", "must be names of apps"},
        {"[df]\napps_dir = apps\n", "must be an absolute path"},
        {"[df]\nnb_db_class =\n", "must be a driver of this build"},
        {"[df]\nnb_db_class = oracle\n", "nb_db_class must be a driver of this build: see df-db drivers, not `oracle'"},
        {"[df]\nremote_db_hosts =\n", "must not be empty"},
        {"[lmdb]\ncreate = yes\n", "must be true or false, not `yes'"},
        {"[fastpath]\nmbufs = 1\n", "must be a number from 1024 to 16777216, not `1'"},
        {"[fastpath]\nmbufs = -1024\n", "must be a number"},
        {"[fastpath]\nmbufs = 4096k\n", "must be a number"},
        {"[fastpath]\nmbufs = 99999999999999999999\n", "must be a number"},
        {"[fastpath]\nmbuf_size = 2047\n", "must be a number from 2048 to 16384, not `2047'"},
        {"[fastpath]\nmbuf_size = 16385\n", "must be a number from 2048 to 16384"},
        {"[fastpath]\nmemif = true\n", "must be one of yes|no, not `true'"},
        {"[fastpath]\nconnections_max = 0\n", "connections_max must be a number from 1024 to 16777215, not `0'"},
        {"[fastpath]\nconnections_max = 16777216\n", "must be a number from 1024 to 16777215"},
        {"[fastpath]\nconnections_per_port = 0\n", "connections_per_port must be a number from 1 to 16777215"},
        {"[fastpath]\ntcp_pick_up = maybe\n", "tcp_pick_up must be one of yes|no, not `maybe'"},
        {"[fastpath]\nfragment_timeout = 0\n", "fragment_timeout must be a number from 1 to 3600, not `0'"},
        {"[connections]\nudp_timeout = 2\n", ":2: [connections] udp_timeout must be a number from 3 to 1000000"},
        {"[connections]\nudp_timeout = 1000001\n", "must be a number from 3 to 1000000"},
        {"[connections]\nudp_timeout = 30s\n", "must be a number from 3 to 1000000, not `30s'"},
        {"[connections]\nudp_timeouts = 30\n", ":2: [connections] has no key `udp_timeouts'"},
        {"[df]\nunderlay_neighbours = *=02:00:00:00:00:01,192.0.2.2\n",
         ":2: [df] underlay_neighbours must be IP=MAC, or *=MAC for all others, not `192.0.2.2'"},
        {"[df]\nunderlay_mtu = 575\n", "underlay_mtu must be a number from 576 to"},
        {"[df]\nunderlay_port = up0\n[fastpath]\nports = up0=net_null0\n", "local_ip is not"},
        {"[df]\nunderlay_port = up0\nlocal_ip = 2001:db8::1,2001:db8::2\n[fastpath]\nports = up0=net_null0\n",
         "local_ip has two addresses of a family"},
        {"[df]\nunderlay_port = up0\nlocal_ip = 192.0.2.1\nunderlay_gateway = 2001:db8::fe\n[fastpath]\n"
         "ports = up0=net_null0\n",
         "underlay_gateway 2001:db8::fe: local_ip has no address of its family"},
        {"[df]\nunderlay_port = up0\nlocal_ip = 192.0.2.1/24\nunderlay_gateway = 203.0.113.1\n[fastpath]\n"
         "ports = up0=net_null0\n",
         "underlay_gateway 203.0.113.1 is not in the prefix of local_ip"},
        {"[df]\nunderlay_port = up0\nlocal_ip = 2001:db8::1\nunderlay_mtu = 1000\n[fastpath]\nports = up0=net_null0\n",
         "underlay_mtu 1000 is below the 1280 bytes"},
        {"[df]\nunderlay_port = up0\nlocal_ip = 192.0.2.1\n[fastpath]\nports = up=x up00=y\n",
         "underlay_port up0 is not one of [fastpath] ports"},
        {"[fastpath]\nworkers = 3-1\n", "must be a list of CPUs"},
        {"[fastpath]\ncontrol_lcore = 0,1\n", "must be one CPU"},
        {"[fastpath]\nports = up0\n", "must be NAME=DEVARGS"},
        {"[fastpath]\nports = up0=0000:02:00.0\n  =x\n", "must be NAME=DEVARGS"},
        {"[df]\nhost = a\n  b\n", ":2: [df] host is not a list, but the next line goes on with it"},
        {"[df]\nhost = a\nhost = b\n", ":3: [df] host is given twice"},
        {"host = a\n", ":1: a key stands before the first [section]"},
        {"[df]\njust some words\n", ":2: neither [section], nor key = value"},
        {"[rpc]\nsocket = relative.sock\n", "must be an absolute path"},
        {"[df]\nenable_df_pub_sub = yes\n", "enable_df_pub_sub must be true or false, not `yes'"},
        {"[df]\npub_sub_driver = zmq_bind_pubsub_driver\n",
         "must be one of zmq_pubsub_driver|redis_db_pubsub_driver|etcd_pubsub_driver, not `zmq_bind_pubsub_driver'"},
        {"[df]\npublisher_port = 0\n", "publisher_port must be a number from 1 to 65535, not `0'"},
        {"[df]\npublisher_port = 65536\n", "publisher_port must be a number from 1 to 65535"},
        {"[database]\nca = /none/ca.pem\n",
         "[database] lmdb: the certificate of the authority '/none/ca.pem' cannot be used: No such file or directory"},
        {"[database]\ncert = /none/cert.pem\n", "[database] lmdb: TLS needs a certificate and its key, or neither"},
        {"[df]\nenable_df_pub_sub = true\npublishers_ips =\n", "[df] publishers_ips is empty: say where"},
        {"[df]\nenable_df_pub_sub = true\npublishers_ips = api1, 192.0.2.1:99999\n",
         "[df] publishers_ips: publisher 192.0.2.1:99999: its port must be 1 to 65535"},
        {"[df]\nenable_df_pub_sub = true\npub_sub_driver = redis_db_pubsub_driver\n",
         "pub_sub_driver redis_db_pubsub_driver is the watch of that database, and nb_db_class is lmdb"},
        {"[df]\nenable_df_pub_sub = true\npub_sub_driver = etcd_pubsub_driver\n",
         "pub_sub_driver etcd_pubsub_driver is the watch of that database, and nb_db_class is lmdb"},
        {"[df_zmq]\nkey_file = /nowhere/keys\n", "[df_zmq] key_file and server_key_file: set both, or none of them"},
        {"[df_zmq]\nserver_key_file = /nowhere/public\n", "[df_zmq] key_file and server_key_file: set both"},
        {"[df_zmq]\nkey_file = keys\n", "key_file must be an absolute path, not `keys'"},
        {"[df_zmq]\nserver_key_file = public\n", "server_key_file must be an absolute path"},
        {"[df_zmq]\nkey_file = /nowhere/keys\nserver_key_file = /nowhere/public\n",
         "[df_zmq] /nowhere/keys: No such file or directory; df-publisher --make-keys makes"},
    };
    return cr_make_param_array(struct bad, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct bad *bad, config, a_bad_file_is_refused_with_its_line)
{
    struct df_config *config = NULL;
    struct df_error error = {.text = ""};
    cr_expect_eq(load_text(bad->text, &config, &error), -EINVAL, "%s", bad->text);
    cr_expect_null(config);
    cr_expect(strstr(error.text, bad->expected), "got: %s, wanted: %s", error.text, bad->expected);
    cr_expect(strstr(error.text, "/tmp/df-config-"), "no file name: %s", error.text);
}

Test(config, a_line_that_is_too_long_is_refused_and_not_split)
{
    char text[8192] = "[df]\nhost = ";
    struct df_config *config;
    struct df_error error;
    memset(text + strlen(text), 'a', 5000);
    cr_expect_eq(load_text(text, &config, &error), -EINVAL);
    cr_expect(strstr(error.text, ":2: the line is too long"), "%s", error.text);
}

Test(config, a_socket_path_that_no_socket_can_have_is_refused)
{
    char text[256] = "[rpc]\nsocket = /";
    struct df_config *config;
    struct df_error error;
    memset(text + strlen(text), 'a', 120);
    cr_expect_eq(load_text(text, &config, &error), -EINVAL);
    cr_expect(strstr(error.text, "107 bytes"), "%s", error.text);
}

Test(config, a_missing_file_is_named)
{
    struct df_config *config;
    struct df_error error;
    cr_expect_eq(df_config_load("/nowhere/dragonflow.ini", &config, &error), -ENOENT);
    cr_expect(strstr(error.text, "/nowhere/dragonflow.ini"), "%s", error.text);
}

Test(config, keys_of_apps_are_known_once_an_app_asks_for_them)
{
    struct df_config *config = load_good("[df_dhcp_app]\nlease = 60\nlaese = 61\n");
    struct df_error error;
    char where[128];
    cr_expect_str_eq(df_config_option_where(config, where, sizeof(where)), "");
    cr_expect_null(df_config_option(config, "df_dhcp_app", "domain"));
    cr_expect_str_eq(df_config_option(config, "df_dhcp_app", "lease"), "60");
    cr_expect(strstr(df_config_option_where(config, where, sizeof(where)), ":2"), "%s", where);
    cr_expect_eq(df_config_unclaimed(config, &error), -EINVAL);
    cr_expect(strstr(error.text, ":3: no loaded app knows [df_dhcp_app] laese"), "%s", error.text);
    df_config_option(config, "df_dhcp_app", "laese");
    cr_expect_eq(df_config_unclaimed(config, &error), 0);
    df_config_free(config);
}

Test(config, the_underlay_is_made_of_its_keys)
{
    struct df_config *config = load_good("[df]\nunderlay_port = up0\nlocal_ip = 192.0.2.1\nunderlay_mtu = 9000\n"
                                         "underlay_neighbours = 192.0.2.2=02:00:00:00:00:02, *=02:00:00:00:00:fe\n"
                                         "[fastpath]\nports = a=x up0=net_af_packet0,iface=eth1\n");
    struct df_underlay_config underlay = df_config_underlay(config);
    cr_expect_str_eq(underlay.port, "up0");
    cr_expect_str_eq(underlay.local_ips[0], "192.0.2.1");
    cr_expect_null(underlay.local_ips[1]);
    cr_expect_eq(underlay.mtu, 9000);
    cr_expect_str_eq(underlay.neighbours[1], "*=02:00:00:00:00:fe");
    cr_expect_null(underlay.neighbours[2]);
    cr_expect_str_eq(underlay.types[0], "geneve", "the order is upstream's");
    cr_expect(underlay.udp6_checksum);
    df_config_free(config);
    config = load_good("[df]\ntunnel_types = gre, vxlan\ntunnel_udp6_checksum = false\n");
    underlay = df_config_underlay(config);
    cr_expect(strcmp(underlay.types[0], "gre") == 0 && strcmp(underlay.types[1], "vxlan") == 0 && !underlay.types[2]);
    cr_expect_not(underlay.udp6_checksum);
    df_config_free(config);
    config = load_good("[df]\nlocal_ip = 2001:db8::1\n"); /* nothing hangs on it yet */
    df_config_free(config);
}

/* Those of other databases are in the build or not. */
Test(config, changes_come_by_publishers_or_by_the_watch_of_the_database)
{
    static const struct {
        const char *database; /* NULL: the default */
        const char *text;
        bool by_publishers;
    } cases[] = {
        {NULL, "", false},
        {NULL, "enable_df_pub_sub = true\n", true},
        {NULL, "enable_df_pub_sub = true\npub_sub_driver = zmq_pubsub_driver\n", true},
        {NULL, "pub_sub_driver = redis_db_pubsub_driver\npublishers_ips =\n", false},
        {"redis", "enable_df_pub_sub = true\nnb_db_class = redis\n", true},
        {"redis", "enable_df_pub_sub = true\nnb_db_class = redis\npub_sub_driver = redis_db_pubsub_driver\n", false},
        {"redis", "nb_db_class = redis\npub_sub_driver = etcd_pubsub_driver\n", false},
        {"etcd", "enable_df_pub_sub = true\nnb_db_class = etcd\n", true},
        {"etcd", "enable_df_pub_sub = true\nnb_db_class = etcd\npub_sub_driver = etcd_pubsub_driver\n", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        struct df_subscriber_config subscriber;
        if (cases[i].database && !df_db_driver_find(cases[i].database))
            continue;
        snprintf(text, sizeof(text), "[df]\n%s", cases[i].text);
        struct df_config *config = load_good(text);
        cr_expect_eq(df_config_subscriber(config, &subscriber), cases[i].by_publishers, "%s", text);
        df_config_free(config);
    }
}

Test(config, publishers_are_where_the_keys_say)
{
    struct df_subscriber_config subscriber;
    struct df_config *config = load_good("[df]\nenable_df_pub_sub = true\npublishers_ips = api1, 192.0.2.7:8867\n"
                                         "publisher_port = 9000\n");
    cr_expect(df_config_subscriber(config, &subscriber));
    cr_expect_str_eq(subscriber.publishers[0], "api1");
    cr_expect_str_eq(subscriber.publishers[1], "192.0.2.7:8867");
    cr_expect_null(subscriber.publishers[2]);
    cr_expect_eq(subscriber.port, 9000);
    cr_expect_null(subscriber.curve.server_key, "in clear");
    df_config_free(config);
}

/* ---- Keys */

struct pair {
    char both[128], public_line[64], secret_line[64], bare[64];
};

static void make_pair(struct pair *pair)
{
    char public_key[41], secret_key[41];
    FILE *out = fmemopen(pair->both, sizeof(pair->both), "w");
    cr_assert_eq(df_publisher_make_keys(out), 0);
    fclose(out);
    cr_assert_eq(sscanf(pair->both, "public %40s secret %40s", public_key, secret_key), 2);
    snprintf(pair->public_line, sizeof(pair->public_line), "public %s\n", public_key);
    snprintf(pair->secret_line, sizeof(pair->secret_line), "secret %s\n", secret_key);
    snprintf(pair->bare, sizeof(pair->bare), "%s\n", public_key);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

/* With files that say that. */
static int load_keys(const char *own, const char *server, struct df_config **config, struct df_error *error)
{
    char folder[] = "/tmp/df-keys-XXXXXX", own_path[64], server_path[64], text[256];
    cr_assert_not_null(mkdtemp(folder));
    snprintf(own_path, sizeof(own_path), "%s/own", folder);
    snprintf(server_path, sizeof(server_path), "%s/server", folder);
    write_file(own_path, own);
    write_file(server_path, server);
    snprintf(text, sizeof(text), "[df_zmq]\nkey_file = %s\nserver_key_file = %s\n", own_path, server_path);
    int rc = load_text(text, config, error);
    unlink(own_path);
    unlink(server_path);
    rmdir(folder);
    return rc;
}

Test(config, publishers_are_believed_by_their_key)
{
    struct pair own, server;
    struct df_config *config;
    struct df_error error;
    struct df_subscriber_config subscriber;
    make_pair(&own);
    make_pair(&server);
    const char *server_files[] = {server.public_line, server.bare, server.both};
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(load_keys(own.both, server_files[i], &config, &error), 0, "%s", error.text);
        df_config_subscriber(config, &subscriber);
        cr_expect(strstr(own.public_line, subscriber.curve.public_key));
        cr_expect(strstr(own.secret_line, subscriber.curve.secret_key));
        cr_expect(strstr(server.public_line, subscriber.curve.server_key));
        df_config_free(config);
    }
}

Test(config, keys_that_cannot_be_are_refused_with_their_file)
{
    struct pair own, server;
    make_pair(&own);
    make_pair(&server);
    const struct {
        const char *own, *server, *expected;
    } cases[] = {
        {"", server.public_line, "/own: has no line \"public KEY\""},
        {own.secret_line, server.public_line, "/own: has no line \"public KEY\""},
        {own.public_line, server.public_line, "/own: has no line \"secret KEY\""},
        {own.bare, server.public_line, "/own: must have a line \"public KEY\" and a line \"secret KEY\""},
        {"public abc\nsecret abc\n", server.public_line, "/own: has no line \"public KEY\" with 40 characters of Z85"},
        {own.both, "", "/server: has no line \"public KEY\""},
        {own.both, server.secret_line, "/server: has no line \"public KEY\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct df_config *config = NULL;
        struct df_error error = {""};
        cr_expect_eq(load_keys(cases[i].own, cases[i].server, &config, &error), -EINVAL, "case %zu", i);
        cr_expect_null(config);
        cr_expect(strstr(error.text, "[df_zmq] "), "%s", error.text);
        cr_expect(strstr(error.text, cases[i].expected), "got: %s, wanted: %s", error.text, cases[i].expected);
    }
}

Test(config, timeouts_are_linux_s_unless_the_file_says_otherwise)
{
    struct df_config *config = load_good("");
    struct df_conn_timeouts timeouts = df_config_conn_timeouts(config);
    for (unsigned state = DF_CONN_DEAD + 1; state < DF_CONN_STATES; state++)
        cr_expect_eq(timeouts.ms[state], df_conn_timeouts_default.ms[state], "%s has %u ms, and its key %u",
                     df_conn_state_name(state), df_conn_timeouts_default.ms[state], timeouts.ms[state]);
    df_config_free(config);
}

Test(config, a_key_of_several_states_sets_them_all)
{
    struct df_config *config = load_good("[connections]\ntcp_timeout_syn_sent = 7\nicmp_timeout = 1000000\n"
                                         "generic_timeout = 5\nudp_timeout = 3\n");
    struct df_conn_timeouts timeouts = df_config_conn_timeouts(config);
    cr_expect_eq(timeouts.ms[DF_CONN_TCP_SYN_SENT], 7000);
    cr_expect_eq(timeouts.ms[DF_CONN_TCP_SYN_SENT2], 7000);
    cr_expect_eq(timeouts.ms[DF_CONN_ICMP], 1000000000);
    cr_expect_eq(timeouts.ms[DF_CONN_ICMP_REPLIED], 1000000000);
    cr_expect_eq(timeouts.ms[DF_CONN_OTHER], 5000);
    cr_expect_eq(timeouts.ms[DF_CONN_OTHER_REPLIED], 5000);
    cr_expect_eq(timeouts.ms[DF_CONN_UDP_SINGLE], 3000);
    cr_expect_eq(timeouts.ms[DF_CONN_UDP_STREAM], 120000, "a key of its own");
    df_config_free(config);
}

struct differences {
    char text[256];
};

static void note(const char *section, const char *key, bool at_run_time, void *arg)
{
    struct differences *found = arg;
    size_t len = strlen(found->text);
    snprintf(found->text + len, sizeof(found->text) - len, "%s.%s%s ", section, key, at_run_time ? "!" : "");
}

Test(config, a_difference_is_named_with_whether_it_can_be_taken_over)
{
    struct df_config *before = load_good("[df]\nhost = a\napps_list = l2\n[x_app]\nsame = 1\ngone = 1\nother = 1\n");
    struct df_config *after = load_good("[df]\nhost = a\napps_list = l2,l3\nlog_level = debug\n[lmdb]\ncreate = true\n"
                                        "[fastpath]\nidle_us = 1\n[x_app]\nsame = 1\nother = 2\nfresh = 1\n");
    struct differences found = {""};
    df_config_diff(before, after, note, &found);
    cr_expect_str_eq(found.text, "df.apps_list df.log_level! lmdb.create fastpath.idle_us x_app.other x_app.fresh "
                                 "x_app.gone ");
    found.text[0] = '\0';
    df_config_diff(after, after, note, &found);
    cr_expect_str_eq(found.text, "");
    df_config_free(before);
    df_config_free(after);
}

Test(config, lcores)
{
    unsigned lcores[8] = {0};
    cr_expect_eq(df_config_lcores("1,3-5", lcores, 8), 4);
    cr_expect_eq(lcores[0], 1);
    cr_expect_eq(lcores[1], 3);
    cr_expect_eq(lcores[3], 5);
    cr_expect_eq(df_config_lcores("", lcores, 8), 0);
    cr_expect_eq(df_config_lcores("0-7", lcores, 2), 2, "no more than there is room for");
    static const char *const bad[] = {"a", "1,", ",1", "1-", "-1", "2-1", "1 2", "1024", "1--3"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_eq(df_config_lcores(bad[i], lcores, 8), -EINVAL, "%s", bad[i]);
}

/* Where the build puts the apps is in the sample as Debian has it. */
static char *without_apps_dir(char *text)
{
    char *line = strstr(text, "#apps_dir = ");
    cr_assert_not_null(line);
    memmove(line, strchr(line, '\n'), strlen(strchr(line, '\n')) + 1);
    return text;
}

Test(config, the_sample_file_documents_every_key_with_its_default)
{
    static char sample[65536];
    FILE *file = fopen(SOURCE_ROOT "/conf/dragonflow.ini", "r");
    cr_assert_not_null(file);
    sample[fread(sample, 1, sizeof(sample) - 1, file)] = '\0';
    fclose(file);
    char *printed = NULL;
    size_t size;
    FILE *out = open_memstream(&printed, &size);
    df_config_print(out);
    fclose(out);
    cr_expect(strstr(without_apps_dir(sample), without_apps_dir(printed)),
              "conf/dragonflow.ini is not what df-switchd --print-config prints");
    free(printed);
}

Test(config, the_manual_page_has_every_key)
{
    static char page[131072];
    FILE *file = fopen(SOURCE_ROOT "/docs/man/dragonflow.ini.5", "r");
    cr_assert_not_null(file);
    page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
    fclose(file);
    for (size_t i = 0; i < df_config_n_keys; i++) {
        char line[80];
        snprintf(line, sizeof(line), "\n.B %s\n", df_config_keys[i].name);
        cr_expect(strstr(page, line), "[%s] %s", df_config_keys[i].section, df_config_keys[i].name);
    }
}
