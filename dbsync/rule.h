/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbsync/schema.h"

/*
 * What a field means beyond its protobuf type. The rules are the annotation list of schema.c; the check, JSON and the
 * walk over references are driven by them. A string without a rule is text of at most DF_TEXT_MAX bytes, an integer
 * without a rule may have any value that JSON can carry.
 */

#define DF_ID_MAX 63
#define DF_TEXT_MAX 255
#define DF_LIST_MAX 65536

enum df_kind {
    DF_KIND_TEXT,      /* UTF-8 without control characters, at most max bytes */
    DF_KIND_ID,        /* printable ASCII, no space, no slash */
    DF_KIND_REF,       /* the id of an object in the table `refers` */
    DF_KIND_IP,        /* IPv4 or IPv6 address */
    DF_KIND_HOST,      /* an IP that one station can have: not zero, not multicast */
    DF_KIND_PREFIX,    /* address/length, nothing behind the length */
    DF_KIND_IP_PREFIX, /* an IP or a PREFIX */
    DF_KIND_REMOTE,    /* an IP or address/length, of which what is behind the length does not count */
    DF_KIND_INTERFACE, /* address/length of an interface */
    DF_KIND_MAC,       /* of a station: not zero, not multicast */
    DF_KIND_WORD,      /* one of words */
    DF_KIND_PROTOCOL,  /* IP protocol: number or name */
    DF_KIND_NUMBER,    /* min..max */
    DF_KIND_MAP,       /* repeated {key, value}, in JSON an object */
    DF_KIND_PARTS,     /* repeated messages, of which one in a stored row that cannot be takes no other along */
};

struct df_rule {
    const ProtobufCMessageDescriptor *message;
    size_t offset; /* of the field in its C struct */
    enum df_kind kind;
    bool required;
    enum df_nb_table refers;
    const char *words; /* separated by one space */
    uint64_t min, max; /* NUMBER; max also for TEXT */
};

/** The rule of a field; the rule of unannotated fields where it has none. Never NULL. */
const struct df_rule *df_rule_of(const ProtobufCMessageDescriptor *message, const ProtobufCFieldDescriptor *field);

/** NULL when text fits; else what to say of it ("is not an IP address"), good until this thread's next call. */
const char *df_rule_refuses(const struct df_rule *rule, const char *text);
