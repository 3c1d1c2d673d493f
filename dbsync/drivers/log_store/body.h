/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"

/*
 * A transaction as bytes: what drivers keep in a log of their own where the database has none. The functions are pure.
 *
 * One change after another: kind (S set, D delete), length of table (1 byte) and id (1 byte), length of data (4 bytes,
 * big endian), then the three.
 */

#define DF_BODY_NAME_MAX 128                /* of a table and of an id */
#define DF_BODY_VALUE_MAX ((size_t)1 << 20) /* of a row's data */
#define DF_BODY_MAX ((size_t)16 << 20)      /* of a transaction */
#define DF_BODY_CHANGE_MAX (7 + 2 * DF_BODY_NAME_MAX)

/**
 * Checks what a commit is given: names and values of a size that can be kept, and no row twice.
 * @return 0, -EINVAL with a text, -ENOMEM
 */
int df_body_check(const struct df_db_op *ops, size_t n, struct df_error *error);

/** Bytes that the change takes. */
size_t df_body_size(const struct df_db_op *op);

/** Writes the change, df_body_size() bytes, and returns where the next one goes. */
char *df_body_put(char *to, const struct df_db_op *op);

/** Whether all of the bytes are changes: 0 or -EBADMSG. */
int df_body_verify(const void *bytes, size_t len);

/** Tells every change of what was verified, with this revision. @return 0 or what cb returned */
int df_body_tell(const void *bytes, size_t len, uint64_t revision, df_db_row_cb cb, void *arg);
