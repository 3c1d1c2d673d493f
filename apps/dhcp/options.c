/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/dhcp/options.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/model/address.h"

bool df_dhcp_value_put(struct df_dhcp_buffer *value, const void *data, uint32_t len)
{
    if (len > sizeof(value->data) - value->len)
        return false;
    if (len > 0) /* data may be NULL then, which memcpy() forbids */
        memcpy(value->data + value->len, data, len);
    value->len += len;
    return true;
}

bool df_dhcp_value_put_route(struct df_dhcp_buffer *value, uint32_t destination, unsigned prefix_len, uint32_t router)
{
    uint8_t bytes[9] = {(uint8_t)prefix_len};
    uint32_t octets = (prefix_len + 7) / 8;
    memcpy(bytes + 1, &destination, octets);
    memcpy(bytes + 1 + octets, &router, sizeof(router));
    return df_dhcp_value_put(value, bytes, 1 + octets + (uint32_t)sizeof(router));
}

static int put(struct df_dhcp_buffer *value, const void *data, uint32_t len)
{
    return df_dhcp_value_put(value, data, len) ? 0 : -EINVAL;
}

/* ---- Lists: items between commas or blanks. */

#define ITEM_MAX 256

/* Copies the next item and moves *text behind it; -ENOENT behind the last, -EINVAL for one too long. */
static int next_item(const char **text, char item[ITEM_MAX])
{
    const char *from = *text + strspn(*text, ", \t");
    size_t len = strcspn(from, ", \t");
    if (len == 0)
        return -ENOENT;
    if (len >= ITEM_MAX)
        return -EINVAL;
    memcpy(item, from, len);
    item[len] = 0;
    *text = from + len;
    return 0;
}

static int put_items(const char *text, struct df_dhcp_buffer *value,
                     int (*put_item)(const char *item, struct df_dhcp_buffer *value))
{
    char item[ITEM_MAX];
    int rc;
    while ((rc = next_item(&text, item)) == 0) {
        rc = put_item(item, value);
        if (rc < 0)
            return rc;
    }
    return rc == -ENOENT && value->len > 0 ? 0 : -EINVAL;
}

/* ---- Types */

static int encode_ip(const char *text, struct df_dhcp_buffer *value)
{
    struct in_addr address;
    if (inet_pton(AF_INET, text, &address) != 1)
        return -EINVAL;
    return put(value, &address, sizeof(address));
}

static int encode_ips(const char *text, struct df_dhcp_buffer *value)
{
    return put_items(text, value, encode_ip);
}

static int encode_ip_pairs(const char *text, struct df_dhcp_buffer *value)
{
    int rc = put_items(text, value, encode_ip);
    return rc == 0 && value->len % 8 == 0 ? 0 : -EINVAL;
}

/* A number in decimal or, after 0x, in hexadecimal digits, nothing before or behind it. */
static int parse_number(const char *text, unsigned long long max, unsigned long long *number)
{
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return -EINVAL;
    errno = 0;
    *number = strtoull(text, &end, strncasecmp(text, "0x", 2) == 0 ? 16 : 10);
    return errno == 0 && *end == 0 && *number <= max ? 0 : -EINVAL;
}

static int encode_u8(const char *text, struct df_dhcp_buffer *value)
{
    unsigned long long number;
    if (parse_number(text, UINT8_MAX, &number) < 0)
        return -EINVAL;
    uint8_t byte = (uint8_t)number;
    return put(value, &byte, sizeof(byte));
}

static int encode_u16(const char *text, struct df_dhcp_buffer *value)
{
    unsigned long long number;
    if (parse_number(text, UINT16_MAX, &number) < 0)
        return -EINVAL;
    uint16_t be = htons((uint16_t)number);
    return put(value, &be, sizeof(be));
}

static int encode_u32(const char *text, struct df_dhcp_buffer *value)
{
    unsigned long long number;
    if (parse_number(text, UINT32_MAX, &number) < 0)
        return -EINVAL;
    uint32_t be = htonl((uint32_t)number);
    return put(value, &be, sizeof(be));
}

/* Two's complement: seconds east or west of Greenwich (option 2). */
static int encode_s32(const char *text, struct df_dhcp_buffer *value)
{
    unsigned long long number;
    bool minus = text[0] == '-';
    if (parse_number(text + minus, INT32_MAX, &number) < 0)
        return -EINVAL;
    uint32_t be = htonl(minus ? 0u - (uint32_t)number : (uint32_t)number);
    return put(value, &be, sizeof(be));
}

static int encode_bool(const char *text, struct df_dhcp_buffer *value)
{
    static const char *const words[2][4] = {{"0", "false", "no", "off"}, {"1", "true", "yes", "on"}};
    for (uint8_t truth = 0; truth < 2; truth++) {
        for (size_t i = 0; i < 4; i++) {
            if (strcasecmp(text, words[truth][i]) == 0)
                return put(value, &truth, sizeof(truth));
        }
    }
    return -EINVAL;
}

static int encode_string(const char *text, struct df_dhcp_buffer *value)
{
    size_t len = strlen(text);
    return len > 0 && len <= DF_DHCP_VALUE_MAX ? put(value, text, (uint32_t)len) : -EINVAL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "0x0102", "01:02" or "0102": pairs of digits, a colon between pairs or not. */
static int encode_hex(const char *text, struct df_dhcp_buffer *value)
{
    if (strncasecmp(text, "0x", 2) == 0)
        text += 2;
    while (*text) {
        int high = hex_digit(text[0]);
        int low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            return -EINVAL;
        uint8_t byte = (uint8_t)(high << 4 | low);
        if (put(value, &byte, 1) < 0)
            return -EINVAL;
        text += 2;
        if (text[0] == ':' && text[1])
            text++;
    }
    return value->len > 0 ? 0 : -EINVAL;
}

/* An option that the table does not have: bytes where the text says so, else the text itself. */
static int encode_any(const char *text, struct df_dhcp_buffer *value)
{
    bool hex = strncasecmp(text, "0x", 2) == 0 || (strlen(text) > 2 && text[2] == ':');
    if (hex && encode_hex(text, value) == 0)
        return 0;
    value->len = 0;
    return encode_string(text, value);
}

/* A name as labels (RFC 1035 section 3.1), without compression, which RFC 3397 section 2 leaves to the sender. */
static int encode_domain(const char *name, struct df_dhcp_buffer *value)
{
    size_t total = strlen(name);
    if (total > 0 && name[total - 1] == '.')
        total--;
    if (total == 0 || total > 253)
        return -EINVAL;
    for (size_t at = 0; at <= total;) {
        size_t len = strcspn(name + at, ".");
        if (len > total - at)
            len = total - at;
        if (len == 0 || len > 63)
            return -EINVAL;
        uint8_t prefix = (uint8_t)len;
        if (put(value, &prefix, 1) < 0 || put(value, name + at, (uint32_t)len) < 0)
            return -EINVAL;
        at += len + 1;
    }
    return put(value, "", 1);
}

static int encode_domains(const char *text, struct df_dhcp_buffer *value)
{
    return put_items(text, value, encode_domain);
}

/* "destination,next hop,destination,next hop": the destination an IPv4 prefix. */
static int encode_routes(const char *text, struct df_dhcp_buffer *value)
{
    char item[ITEM_MAX];
    int rc;
    while ((rc = next_item(&text, item)) == 0) {
        struct df_ip destination, router;
        unsigned bits;
        if (df_prefix_parse(item, &destination, &bits) < 0 || !df_ip_is4(&destination) || bits < 96)
            return -EINVAL;
        if (next_item(&text, item) < 0 || df_ip_parse(item, &router) < 0 || !df_ip_is4(&router))
            return -EINVAL;
        df_ip_mask(&destination, bits);
        if (!df_dhcp_value_put_route(value, destination.word[3], bits - 96, router.word[3]))
            return -EINVAL;
    }
    return rc == -ENOENT && value->len > 0 ? 0 : -EINVAL;
}

enum kind {
    ANY,
    OURS,
    IP,
    IPS,
    IP_PAIRS,
    U8,
    U16,
    U32,
    S32,
    BOOL,
    STRING,
    HEX,
    DOMAINS,
    ROUTES,
};

static const struct {
    int (*encode)(const char *text, struct df_dhcp_buffer *value);
    const char *expects;
} kinds[] = {
    [ANY] = {encode_any, "must be text, or bytes as 0x0102 or 01:02"},
    [OURS] = {NULL, "must not be set"},
    [IP] = {encode_ip, "must be an IPv4 address"},
    [IPS] = {encode_ips, "must be IPv4 addresses with commas between"},
    [IP_PAIRS] = {encode_ip_pairs, "must be pairs of IPv4 addresses with commas between"},
    [U8] = {encode_u8, "must be a number from 0 to 255"},
    [U16] = {encode_u16, "must be a number from 0 to 65535"},
    [U32] = {encode_u32, "must be a number from 0 to 4294967295"},
    [S32] = {encode_s32, "must be a number from -2147483647 to 2147483647"},
    [BOOL] = {encode_bool, "must be true or false"},
    [STRING] = {encode_string, "must be text"},
    [HEX] = {encode_hex, "must be bytes as 0x0102 or 01:02"},
    [DOMAINS] = {encode_domains, "must be domain names with commas between"},
    [ROUTES] = {encode_routes, "must be prefix,next hop,prefix,next hop"},
};

static const struct {
    uint8_t code;
    uint8_t kind;
    const char *names; /* blanks between */
} table[] = {
    {DF_DHCP_NETMASK, IP, "netmask subnet-mask"},
    {2, S32, "time-offset"},
    {DF_DHCP_ROUTER, IPS, "router routers"},
    {4, IPS, "time-server time-servers"},
    {5, IPS, "name-server ien116-name-servers"},
    {DF_DHCP_DNS, IPS, "dns-server domain-name-servers"},
    {7, IPS, "log-server log-servers"},
    {8, IPS, "cookie-servers"},
    {9, IPS, "lpr-server lpr-servers"},
    {10, IPS, "impress-servers"},
    {11, IPS, "resource-location-servers"},
    {DF_DHCP_HOST_NAME, STRING, "hostname host-name"},
    {13, U16, "boot-file-size boot-size"},
    {14, STRING, "merit-dump"},
    {DF_DHCP_DOMAIN_NAME, STRING, "domain-name"},
    {16, IP, "swap-server"},
    {17, STRING, "root-path"},
    {18, STRING, "extension-path extensions-path"},
    {19, BOOL, "ip-forward-enable ip-forwarding"},
    {20, BOOL, "non-local-source-routing"},
    {21, IP_PAIRS, "policy-filter"},
    {22, U16, "max-datagram-reassembly max-dgram-reassembly"},
    {23, U8, "default-ttl default-ip-ttl"},
    {24, U32, "path-mtu-aging-timeout"},
    {DF_DHCP_MTU, U16, "mtu interface-mtu"},
    {27, BOOL, "all-subnets-local"},
    {DF_DHCP_BROADCAST, IP, "broadcast broadcast-address"},
    {29, BOOL, "perform-mask-discovery"},
    {30, BOOL, "mask-supplier"},
    {31, BOOL, "router-discovery"},
    {32, IP, "router-solicitation router-solicitation-address"},
    {33, IP_PAIRS, "static-route static-routes"},
    {34, BOOL, "trailer-encapsulation"},
    {35, U32, "arp-timeout arp-cache-timeout"},
    {36, BOOL, "ethernet-encap ieee802-3-encapsulation"},
    {37, U8, "tcp-ttl default-tcp-ttl"},
    {38, U32, "tcp-keepalive tcp-keepalive-interval"},
    {39, BOOL, "tcp-keepalive-garbage"},
    {40, STRING, "nis-domain"},
    {41, IPS, "nis-server nis-servers"},
    {42, IPS, "ntp-server ntp-servers"},
    {43, HEX, "vendor-encap vendor-encapsulated-options"},
    {44, IPS, "netbios-ns netbios-name-servers"},
    {45, IPS, "netbios-dd netbios-dd-server"},
    {46, U8, "netbios-nodetype netbios-node-type"},
    {47, STRING, "netbios-scope"},
    {48, IPS, "x-windows-fs font-servers"},
    {49, IPS, "x-windows-dm x-display-manager"},
    {DF_DHCP_REQUESTED_IP, OURS, "requested-address dhcp-requested-address"},
    {DF_DHCP_LEASE_TIME, U32, "lease-time dhcp-lease-time"},
    {DF_DHCP_OVERLOAD, OURS, "option-overload dhcp-option-overload"},
    {DF_DHCP_TYPE, OURS, "message-type dhcp-message-type"},
    {DF_DHCP_SERVER_ID, OURS, "server-identifier dhcp-server-identifier"},
    {DF_DHCP_PARAMETERS, OURS, "parameter-request dhcp-parameter-request-list"},
    {DF_DHCP_MESSAGE, OURS, "message dhcp-message"},
    {DF_DHCP_MAX_SIZE, OURS, "max-message-size dhcp-max-message-size"},
    {DF_DHCP_T1, U32, "T1 dhcp-renewal-time"},
    {DF_DHCP_T2, U32, "T2 dhcp-rebinding-time"},
    {60, STRING, "vendor-class vendor-class-identifier"},
    {DF_DHCP_CLIENT_ID, OURS, "client-id dhcp-client-identifier"},
    {64, STRING, "nis+-domain nisplus-domain"},
    {65, IPS, "nis+-server nisplus-servers"},
    {DF_DHCP_TFTP_NAME, STRING, "tftp-server tftp-server-name"},
    {DF_DHCP_BOOT_FILE, STRING, "bootfile-name boot-file-name filename"},
    {68, IPS, "mobile-ip-home mobile-ip-home-agent"},
    {69, IPS, "smtp-server"},
    {70, IPS, "pop3-server pop-server"},
    {71, IPS, "nntp-server"},
    {72, IPS, "www-server"},
    {73, IPS, "finger-server"},
    {74, IPS, "irc-server"},
    {75, IPS, "streettalk-server"},
    {76, IPS, "streettalk-directory-assistance-server"},
    {DF_DHCP_RELAY_INFO, OURS, "agent-info agent-id relay-agent-information"},
    {93, U16, "client-arch"},
    {94, HEX, "client-interface-id"},
    {97, HEX, "client-machine-id"},
    {100, STRING, "posix-timezone pcode"},
    {101, STRING, "tzdb-timezone tcode"},
    {DF_DHCP_DOMAIN_SEARCH, DOMAINS, "domain-search"},
    {DF_DHCP_ROUTES, ROUTES, "classless-static-route classless-static-routes rfc3442-classless-static-routes"},
    {125, HEX, "vendor-id-encap vivso"},
    {150, IPS, "tftp-server-address"},
    {DF_DHCP_MS_ROUTES, ROUTES, "ms-classless-static-route ms-classless-static-routes"},
    {DF_DHCP_SIADDR, IP, "server-ip-address siaddr next-server"},
};

#define TABLE_SIZE (sizeof(table) / sizeof(table[0]))

static bool has_name(const char *names, const char *name)
{
    size_t want = strlen(name);
    for (const char *at = names; *at;) {
        size_t len = strcspn(at, " ");
        if (len == want && strncasecmp(at, name, len) == 0)
            return true;
        at += len + strspn(at + len, " ");
    }
    return false;
}

static enum kind kind_of(uint8_t code)
{
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        if (table[i].code == code)
            return table[i].kind;
    }
    return ANY;
}

static int find_name(const char *name, uint8_t *code)
{
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        if (has_name(table[i].names, name)) {
            *code = table[i].code;
            return 0;
        }
    }
    return -ENOENT;
}

int df_dhcp_option_find(const char *key, uint8_t *code)
{
    unsigned long long number;
    if (parse_number(key, UINT8_MAX, &number) == 0 && number != DF_DHCP_PAD)
        *code = (uint8_t)number;
    else if (find_name(key, code) < 0)
        return -ENOENT;
    return kind_of(*code) == OURS ? -EPERM : 0;
}

int df_dhcp_option_encode(uint8_t code, const char *text, struct df_dhcp_buffer *value)
{
    value->len = 0;
    enum kind kind = kind_of(code);
    return kinds[kind].encode ? kinds[kind].encode(text, value) : -EINVAL;
}

const char *df_dhcp_option_expects(uint8_t code)
{
    return kinds[kind_of(code)].expects;
}

/* NULL: taken. */
static const char *take(struct df_dhcp_opts *opts, const char *key, const char *text)
{
    struct df_dhcp_buffer scratch;
    uint8_t code;
    switch (df_dhcp_option_find(key, &code)) {
    case 0:
        break;
    case -EPERM:
        return "the server itself fills this option; remove it";
    default:
        return "no such option; use its number or a name that dnsmasq has";
    }
    if (opts->text[code])
        return "the option is there twice; the first one holds";
    if (df_dhcp_option_encode(code, text, &scratch) < 0)
        return df_dhcp_option_expects(code);
    opts->text[code] = text;
    return NULL;
}

void df_dhcp_opts_read(const Df__DhcpParams *params, struct df_dhcp_opts *opts,
                       void (*bad)(void *arg, const char *key, const char *value, const char *why), void *arg)
{
    memset(opts, 0, sizeof(*opts));
    for (size_t i = 0; params && i < params->n_opts; i++) {
        const char *key = params->opts[i]->key ? params->opts[i]->key : "";
        const char *text = params->opts[i]->value ? params->opts[i]->value : "";
        const char *why =
            i < DF_DHCP_OPTS_MAX ? take(opts, key, text) : "too many options; this and those behind it are left out";
        if (why && bad)
            bad(arg, key, text, why);
        if (i >= DF_DHCP_OPTS_MAX)
            break;
    }
}
