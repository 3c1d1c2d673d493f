/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/ovsdb/text.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_itself(unsigned char byte)
{
    return byte >= 0x20 && byte <= 0x7e;
}

/* U+0100 to U+01FF in UTF-8: 110001xx 10xxxxxx. */
#define LEAD 0xc4
#define LEAD_MASK 0xfc

static size_t encode(const unsigned char *from, size_t len, unsigned char *to)
{
    unsigned char *start = to;
    for (size_t i = 0; i < len; i++) {
        if (is_itself(from[i])) {
            *to++ = from[i];
        } else {
            *to++ = (unsigned char)(LEAD | from[i] >> 6);
            *to++ = (unsigned char)(0x80 | (from[i] & 0x3f));
        }
    }
    return (size_t)(to - start);
}

json_t *df_ovsdb_text(const void *data, size_t len)
{
    unsigned char *bytes = malloc(2 * len + 1);
    if (!bytes)
        return NULL;
    size_t text_len = encode(data, len, bytes);
    json_t *text = json_stringn_nocheck((const char *)bytes, text_len);
    free(bytes);
    return text;
}

json_t *df_ovsdb_name(const char *name)
{
    return df_ovsdb_text(name, strlen(name));
}

int df_ovsdb_text_bytes(const char *text, size_t text_len, char *to, size_t *len)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + text_len;
    char *start = to;
    while (at < end) {
        if (is_itself(*at)) {
            *to++ = (char)*at++;
            continue;
        }
        if ((*at & LEAD_MASK) != LEAD || end - at < 2 || (at[1] & 0xc0) != 0x80)
            return -EPROTO;
        unsigned char byte = (unsigned char)((at[0] & 3) << 6 | (at[1] & 0x3f));
        if (is_itself(byte))
            return -EPROTO;
        *to++ = (char)byte;
        at += 2;
    }
    *to = '\0';
    *len = (size_t)(to - start);
    return 0;
}

static void print_uuid(const unsigned char digest[], char uuid[DF_OVSDB_UUID_LEN + 1])
{
    char *to = uuid;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        to += sprintf(to, "%02x", digest[i]);
    }
}

void df_ovsdb_uuid(const char *space, const void *name, size_t len, char uuid[DF_OVSDB_UUID_LEN + 1])
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL)) {
        EVP_DigestUpdate(context, space, strlen(space) + 1);
        EVP_DigestUpdate(context, name, len);
        EVP_DigestFinal_ex(context, digest, NULL);
    }
    EVP_MD_CTX_free(context);
    /* A custom UUID, RFC 9562, 5.8. */
    digest[6] = (unsigned char)((digest[6] & 0x0f) | 0x80);
    digest[8] = (unsigned char)((digest[8] & 0x3f) | 0x80);
    print_uuid(digest, uuid);
}

void df_ovsdb_row_uuid(const char *table, const char *id, char uuid[DF_OVSDB_UUID_LEN + 1])
{
    df_ovsdb_uuid(table, id, strlen(id), uuid);
}
