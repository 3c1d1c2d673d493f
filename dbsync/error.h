/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An error message that knows its object.
 *
 * dbsync is a library of the daemon and of command line tools, so it never logs:
 * a function that fails returns a negative errno and, where the caller passed a
 * struct df_error, the text for a person: what failed, on which table, id and
 * field, and what mends it. The caller prints or logs it once.
 */

#define DF_ERROR_MAX 512

struct df_error {
    char text[DF_ERROR_MAX];
};

/**
 * Formats a message into error (which may be NULL) and returns code, so that a
 * failing function ends with `return df_error_set(error, -EINVAL, "...", ...)`.
 *
 * @param error where the text goes, cut at DF_ERROR_MAX - 1 bytes; NULL drops it
 * @param code  the negative errno to return
 */
int df_error_set(struct df_error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
