/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding. The functions are pure but for the
 * nonce; what the server says is taken apart with its limits.
 */

#define DF_SCRAM_TEXT_MAX 1024

struct df_scram {
    char nonce[32];
    char first_bare[DF_SCRAM_TEXT_MAX]; /* n=USER,r=NONCE */
    char server_signature[64];          /* base64: what the server must prove */
};

/** The first message, with a new nonce. @return 0, -EINVAL: the name is too long, -EIO: no random numbers */
int df_scram_first(struct df_scram *scram, const char *user, char text[DF_SCRAM_TEXT_MAX]);

/** The second message, from the server's first. @return 0, -EBADMSG */
int df_scram_final(struct df_scram *scram, const char *password, const char *server_first,
                   char text[DF_SCRAM_TEXT_MAX]);

/** Whether the server knows the password, too. @return 0, -EBADMSG */
int df_scram_verify(const struct df_scram *scram, const char *server_final);
