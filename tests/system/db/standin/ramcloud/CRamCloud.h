/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * A stand-in for RAMCloud's C library: the part of its interface that the driver uses, over a file that processes share
 * and that is the cluster. The locator is the folder of the file. What it does not show: time, failure, more than one
 * server.
 */

typedef enum Status {
    STATUS_OK = 0,
    STATUS_UNKNOWN_TABLE = 1,
    STATUS_TABLE_DOESNT_EXIST = 2,
    STATUS_OBJECT_DOESNT_EXIST = 3,
    STATUS_OBJECT_EXISTS = 4,
    STATUS_WRONG_VERSION = 5,
    STATUS_REQUEST_FORMAT_ERROR = 9,
    STATUS_COULDNT_CONNECT = 11,
    STATUS_RETRY = 17,
    STATUS_SERVICE_NOT_AVAILABLE = 18,
    STATUS_TIMEOUT = 19
} Status;

/* An operation is rejected if any of these is so. */
struct RejectRules {
    uint64_t givenVersion;
    uint8_t doesntExist, exists, versionLeGiven, versionNeGiven;
};

struct rc_client;

Status rc_connect(const char *locator, const char *cluster, struct rc_client **client);
void rc_disconnect(struct rc_client *client);
Status rc_createTable(struct rc_client *client, const char *name, uint32_t span);
Status rc_getTableId(struct rc_client *client, const char *name, uint64_t *table);
Status rc_read(struct rc_client *client, uint64_t table, const void *key, uint16_t key_len,
               const struct RejectRules *rules, uint64_t *version, void *to, uint32_t max, uint32_t *len);
Status rc_write(struct rc_client *client, uint64_t table, const void *key, uint16_t key_len, const void *from,
                uint32_t len, const struct RejectRules *rules, uint64_t *version);
Status rc_remove(struct rc_client *client, uint64_t table, const void *key, uint16_t key_len,
                 const struct RejectRules *rules, uint64_t *version);
void rc_enumerateTablePrepare(struct rc_client *client, uint64_t table, int keys_only, void **state);
Status rc_enumerateTableNext(struct rc_client *client, void *state, uint32_t *key_len, const void **key, uint32_t *len,
                             const void **data);
void rc_enumerateTableFinalize(void *state);
