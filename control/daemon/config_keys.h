/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "control/daemon/config.h"

/* The table of keys behind config.c. Private to it and config_values.c. */

enum df_config_type {
    DF_CONFIG_TEXT,
    DF_CONFIG_BOOL,   /* true or false */
    DF_CONFIG_UINT,   /* min to max */
    DF_CONFIG_CHOICE, /* one of choices */
    DF_CONFIG_COMMAS, /* list, separated by commas */
    DF_CONFIG_WORDS,  /* list, separated by white space */
};

struct df_config_key {
    const char *section;
    const char *name;
    enum df_config_type type;
    const char *fallback; /* as it would stand in the file */
    const char *help;
    /** Says what is wrong with the text (or with one item of a list), or NULL. */
    const char *(*check)(const char *value);
    const char *choices; /* "auto|yes|no" */
    uint32_t min, max;
    size_t offset; /* of the field in struct df_config */
    bool at_run_time;
};

extern const struct df_config_key df_config_keys[];
extern const size_t df_config_n_keys;
