/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/rethinkdb/scram.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITERATIONS_MAX 1000000 /* a server must not keep us busy for minutes */
#define SALT_MAX 256

/* RFC 5802 section 5.1: a comma and an equals sign of a name are written as numbers. */
static int escape_name(char *to, size_t size, const char *name)
{
    size_t n = 0;
    for (; *name; name++) {
        if (n + 4 > size)
            return -EINVAL;
        if (*name == ',' || *name == '=')
            n += (size_t)sprintf(to + n, *name == ',' ? "=2C" : "=3D");
        else
            to[n++] = *name;
    }
    to[n] = '\0';
    return 0;
}

int df_scram_first(struct df_scram *scram, const char *user, char text[DF_SCRAM_TEXT_MAX])
{
    unsigned char random[15];
    char name[DF_SCRAM_TEXT_MAX / 2];
    if (escape_name(name, sizeof name, user))
        return -EINVAL;
    if (RAND_bytes(random, sizeof random) != 1)
        return -EIO;
    EVP_EncodeBlock((unsigned char *)scram->nonce, random, sizeof random);
    snprintf(scram->first_bare, sizeof scram->first_bare, "n=%s,r=%s", name, scram->nonce);
    snprintf(text, DF_SCRAM_TEXT_MAX, "n,,%.*s", DF_SCRAM_TEXT_MAX - 8, scram->first_bare);
    return 0;
}

static int decode64(const char *text, size_t len, unsigned char *to, size_t max)
{
    unsigned char block[SALT_MAX + 4];
    if (len == 0 || len % 4 || len / 4 * 3 > SALT_MAX)
        return -EBADMSG;
    int n = EVP_DecodeBlock(block, (const unsigned char *)text, (int)len);
    if (n < 0)
        return -EBADMSG;
    n -= (text[len - 1] == '=') + (text[len - 2] == '=');
    if ((size_t)n > max)
        return -EBADMSG;
    memcpy(to, block, (size_t)n);
    return n;
}

struct server_first {
    const char *nonce, *salt;
    size_t nonce_len, salt_len;
    unsigned long iterations;
};

/* r=NONCE,s=SALT,i=ITERATIONS */
static int take_first(struct server_first *first, const char *text)
{
    char *end;
    if (strncmp(text, "r=", 2) != 0)
        return -EBADMSG;
    first->nonce = text + 2;
    first->nonce_len = strcspn(first->nonce, ",");
    text = first->nonce + first->nonce_len;
    if (strncmp(text, ",s=", 3) != 0)
        return -EBADMSG;
    first->salt = text + 3;
    first->salt_len = strcspn(first->salt, ",");
    text = first->salt + first->salt_len;
    if (strncmp(text, ",i=", 3) != 0)
        return -EBADMSG;
    first->iterations = strtoul(text + 3, &end, 10);
    return end == text + 3 || (*end && *end != ',') || first->iterations == 0 || first->iterations > ITERATIONS_MAX
               ? -EBADMSG
               : 0;
}

typedef unsigned char digest[SHA256_DIGEST_LENGTH];

static void mac(const digest key, const char *text, digest to)
{
    HMAC(EVP_sha256(), key, SHA256_DIGEST_LENGTH, (const unsigned char *)text, strlen(text), to, NULL);
}

/* RFC 5802 section 3. */
static void prove(struct df_scram *scram, const digest salted, const char *auth, char proof[64])
{
    digest client_key, stored_key, server_key, signature;
    mac(salted, "Client Key", client_key);
    SHA256(client_key, sizeof client_key, stored_key);
    mac(stored_key, auth, signature);
    for (size_t i = 0; i < sizeof signature; i++)
        client_key[i] ^= signature[i];
    EVP_EncodeBlock((unsigned char *)proof, client_key, sizeof client_key);
    mac(salted, "Server Key", server_key);
    mac(server_key, auth, signature);
    EVP_EncodeBlock((unsigned char *)scram->server_signature, signature, sizeof signature);
}

int df_scram_final(struct df_scram *scram, const char *password, const char *text, char to[DF_SCRAM_TEXT_MAX])
{
    struct server_first first;
    unsigned char salt[SALT_MAX];
    digest salted;
    char auth[3 * DF_SCRAM_TEXT_MAX], without_proof[DF_SCRAM_TEXT_MAX], proof[64];
    size_t own = strlen(scram->nonce);
    if (strlen(text) >= DF_SCRAM_TEXT_MAX / 2 || take_first(&first, text) || first.nonce_len <= own ||
        strncmp(first.nonce, scram->nonce, own) != 0)
        return -EBADMSG;
    int n = decode64(first.salt, first.salt_len, salt, sizeof salt);
    if (n < 0 || PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, n, (int)first.iterations, EVP_sha256(),
                                   sizeof salted, salted) != 1)
        return -EBADMSG;
    snprintf(without_proof, sizeof without_proof, "c=biws,r=%.*s", (int)first.nonce_len, first.nonce);
    snprintf(auth, sizeof auth, "%s,%s,%s", scram->first_bare, text, without_proof);
    prove(scram, salted, auth, proof);
    snprintf(to, DF_SCRAM_TEXT_MAX, "%.*s,p=%s", DF_SCRAM_TEXT_MAX - 80, without_proof, proof);
    return 0;
}

int df_scram_verify(const struct df_scram *scram, const char *text)
{
    size_t len = strlen(scram->server_signature);
    bool is_right = strncmp(text, "v=", 2) == 0 && strlen(text) == len + 2 &&
                    CRYPTO_memcmp(text + 2, scram->server_signature, len) == 0;
    return is_right ? 0 : -EBADMSG;
}
