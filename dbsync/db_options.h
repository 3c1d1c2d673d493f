/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <getopt.h>
#include <stdbool.h>

#include "dbsync/driver.h"

/* Options of command line tools that say which database, and how to be let in. */

struct df_db_options {
    const char *db; /* DRIVER:LOCATION; NULL: the environment's DF_DB, or the default */
    const char *user, *password_file, *ca, *cert, *key;
    unsigned timeout_ms;
};

#define DF_DB_DEFAULT "lmdb:/var/lib/dragonflow/nb"

enum {
    DF_DB_OPTION_DB = 1000,
    DF_DB_OPTION_USER,
    DF_DB_OPTION_PASSWORD,
    DF_DB_OPTION_CA,
    DF_DB_OPTION_CERT,
    DF_DB_OPTION_KEY,
    DF_DB_OPTION_TIMEOUT
};

/* For the table of getopt_long(). */
#define DF_DB_OPTIONS_LONG                                                                                             \
    {"db", required_argument, NULL, DF_DB_OPTION_DB}, {"user", required_argument, NULL, DF_DB_OPTION_USER},            \
        {"password-file", required_argument, NULL, DF_DB_OPTION_PASSWORD},                                             \
        {"ca", required_argument, NULL, DF_DB_OPTION_CA}, {"cert", required_argument, NULL, DF_DB_OPTION_CERT},        \
        {"key", required_argument, NULL, DF_DB_OPTION_KEY},                                                            \
    {                                                                                                                  \
        "timeout", required_argument, NULL, DF_DB_OPTION_TIMEOUT                                                       \
    }

#define DF_DB_OPTIONS_HELP                                                                                             \
    "      --db DRIVER:LOCATION   the database (DF_DB, or " DF_DB_DEFAULT ")\n"                                        \
    "      --user NAME            to log in with\n"                                                                    \
    "      --password-file FILE   whose first line is the password\n"                                                  \
    "      --ca FILE              certificates of whom is believed: speak by TLS\n"                                    \
    "      --cert FILE            one's own certificate\n"                                                             \
    "      --key FILE             its key\n"                                                                           \
    "      --timeout MS           of an answer of the database (5000)\n"

/** An argument that is a number from 1 to most. False: it is none. */
bool df_option_number(const char *argument, unsigned most, unsigned *number);

/** Takes an option of the table. False: it is none of them, or its argument cannot be. */
bool df_db_options_take(struct df_db_options *options, int option, const char *argument);

/**
 * The driver and its configuration; strings are the options', and some the process's for good. -EINVAL,
 * -EPROTONOSUPPORT, or the password file's error.
 */
int df_db_options_config(const struct df_db_options *options, const struct df_db_driver **driver,
                         struct df_db_config *config, struct df_error *error);
