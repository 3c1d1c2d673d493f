/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stddef.h>

/*
 * Bytes as OVSDB keeps them. Its strings are UTF-8 without NUL (RFC 7047, 3.1), a row's data is any bytes. A byte from
 * 0x20 to 0x7e is itself, any other byte b is the character U+0100 + b, which is two bytes of UTF-8 and needs no escape
 * in JSON. So names stay readable in `ovsdb-client dump`, order and equality are the bytes', and a packed row is a
 * sixth longer than its bytes where base64 would make it a third; random bytes are 1.7 times as long.
 *
 * A row's _uuid is a digest of its name: OVSDB finds rows by _uuid alone without looking at all of them.
 *
 * All of it is pure.
 */

#define DF_OVSDB_UUID_LEN 36

/** The string of these bytes; NULL when there is no memory. */
json_t *df_ovsdb_text(const void *data, size_t len);

/** The same of a name. */
json_t *df_ovsdb_name(const char *name);

/**
 * The bytes of a string.
 *
 * @param to has room for as many bytes as the string has, and for a NUL that is put behind the bytes
 * @return 0, or -EPROTO: it was not made by df_ovsdb_text()
 */
int df_ovsdb_text_bytes(const char *text, size_t text_len, char *to, size_t *len);

/** The _uuid of what is called (space, name): two names are never one. */
void df_ovsdb_uuid(const char *space, const void *name, size_t len, char uuid[DF_OVSDB_UUID_LEN + 1]);

/** The _uuid of a row of the contract. */
void df_ovsdb_row_uuid(const char *table, const char *id, char uuid[DF_OVSDB_UUID_LEN + 1]);
