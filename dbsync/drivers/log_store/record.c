/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/log_store/record.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dbsync/drivers/log_store/body.h"

/* A line of text, so that a person may read it, and the body behind it. */
#define LINE "dragonflow %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %zu %s\n"

size_t df_record_size(const struct df_record *record)
{
    return DF_RECORD_HEAD_MAX + DF_RECORD_NAME_MAX + (record->body ? record->len : 0);
}

size_t df_record_put(char *to, const struct df_record *record)
{
    int n = sprintf(to, LINE, DF_RECORD_VERSION, record->revision, record->oldest, record->bytes, record->len,
                    record->body ? "-" : record->name);
    if (record->body && record->len)
        memcpy(to + n, record->body, record->len);
    return (size_t)n + (record->body ? record->len : 0);
}

static int take_line(struct df_record *record, const char *line)
{
    unsigned version;
    char more, name[DF_RECORD_NAME_MAX];
    if (sscanf(line, "dragonflow %9u", &version) != 1)
        return -EBADMSG;
    if (version != DF_RECORD_VERSION)
        return -EPROTONOSUPPORT;
    if (sscanf(line, "dragonflow %9u %16" SCNu64 " %16" SCNu64 " %16" SCNu64 " %9zu %39[0-9a-f-]%c", &version,
               &record->revision, &record->oldest, &record->bytes, &record->len, name, &more) != 6)
        return -EBADMSG;
    memcpy(record->name, name, sizeof name);
    return record->len <= DF_BODY_MAX && record->oldest <= record->revision + 1 ? 0 : -EBADMSG;
}

int df_record_take(struct df_record *record, const char *data, size_t len)
{
    char line[DF_RECORD_HEAD_MAX + DF_RECORD_NAME_MAX];
    const char *end = len ? memchr(data, '\n', len) : NULL;
    *record = (struct df_record){0};
    if (!end || (size_t)(end - data) >= sizeof line || memchr(data, '\0', (size_t)(end - data)))
        return -EBADMSG;
    memcpy(line, data, (size_t)(end - data));
    line[end - data] = '\0';
    int rc = take_line(record, line);
    size_t rest = len - (size_t)(end + 1 - data);
    if (rc)
        return rc;
    if (strcmp(record->name, "-") == 0) {
        record->body = end + 1;
        return rest == record->len ? 0 : -EBADMSG;
    }
    record->pieces = (unsigned)((record->len + DF_RECORD_PIECE - 1) / DF_RECORD_PIECE);
    return rest == 0 && record->len ? 0 : -EBADMSG;
}

void df_row_head_put(char to[DF_ROW_HEAD], size_t total)
{
    uint32_t be = htobe32((uint32_t)total);
    memcpy(to, &be, sizeof be);
}

int df_row_record_take(struct df_row_record *row, const char *data, size_t len)
{
    uint32_t be;
    if (len < sizeof be)
        return -EBADMSG;
    memcpy(&be, data, sizeof be);
    row->total = be32toh(be);
    row->data = data + sizeof be;
    row->len = len - sizeof be;
    if (row->total > DF_BODY_VALUE_MAX + DF_BODY_CHANGE_MAX)
        return -EBADMSG;
    return row->len == (row->total < DF_RECORD_PIECE ? row->total : DF_RECORD_PIECE) ? 0 : -EBADMSG;
}

size_t df_lease_record_put(char to[DF_LEASE_RECORD_MAX], const struct df_lease_record *lease)
{
    return (size_t)snprintf(to, DF_LEASE_RECORD_MAX, "%u %s", lease->ttl, lease->owner);
}

int df_lease_record_take(struct df_lease_record *lease, const char *data, size_t len)
{
    char text[DF_LEASE_RECORD_MAX];
    int n = 0;
    if (len == 0 || len >= sizeof text || memchr(data, '\0', len))
        return -EBADMSG;
    memcpy(text, data, len);
    text[len] = '\0';
    if (sscanf(text, "%9u%n", &lease->ttl, &n) != 1 || text[n] != ' ' || lease->ttl == 0)
        return -EBADMSG;
    size_t owner = len - (size_t)n - 1;
    if (owner == 0 || owner >= sizeof lease->owner)
        return -EBADMSG;
    memcpy(lease->owner, text + n + 1, owner + 1);
    return 0;
}

const char *df_key_log(uint64_t revision, char key[DF_KV_KEY_MAX])
{
    snprintf(key, DF_KV_KEY_MAX, "log/%" PRIu64, revision);
    return key;
}

static bool is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-_:@.", c);
}

static char *escape(char *to, const char *text)
{
    for (; *text; text++)
        if (is_plain(*text))
            *to++ = *text;
        else
            to += sprintf(to, "%%%02X", (unsigned char)*text);
    *to = '\0';
    return to;
}

const char *df_key_row(const char *folder, const char *table, const char *id, char key[DF_KV_KEY_MAX])
{
    char *to = escape(key + sprintf(key, "%s/", folder), table);
    *to++ = '/';
    escape(to, id);
    return key;
}

const char *df_key_piece(const char *name, unsigned i, char key[DF_KV_KEY_MAX])
{
    snprintf(key, DF_KV_KEY_MAX, "piece/%s.%u", name, i);
    return key;
}

const char *df_key_name(const char *folder, const char *name, char key[DF_KV_KEY_MAX])
{
    escape(key + sprintf(key, "%s/", folder), name);
    return key;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

int df_key_name_take(const char *key, char name[129])
{
    const char *from = strchr(key, '/');
    size_t n = 0;
    for (from = from ? from + 1 : ""; *from; n++) {
        int high = *from == '%' ? hex_digit(from[1]) : -1, low = high >= 0 ? hex_digit(from[2]) : -1;
        if (n == 128 || (low < 0 && !is_plain(*from)) || (low == 0 && high == 0))
            return -EBADMSG;
        name[n] = low >= 0 ? (char)(high << 4 | low) : *from;
        from += low >= 0 ? 3 : 1;
    }
    name[n] = '\0';
    return n ? 0 : -EBADMSG;
}
