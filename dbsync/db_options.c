/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/db_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MAX_MS 3600000

bool df_option_number(const char *argument, unsigned most, unsigned *number)
{
    errno = 0;
    unsigned long read = strtoul(argument, NULL, 10);
    *number = (unsigned)read;
    return argument[strspn(argument, "0123456789")] == '\0' && errno == 0 && read > 0 && read <= most;
}

bool df_db_options_take(struct df_db_options *options, int option, const char *argument)
{
    switch (option) {
    case DF_DB_OPTION_DB:
        options->db = argument;
        return true;
    case DF_DB_OPTION_USER:
        options->user = argument;
        return true;
    case DF_DB_OPTION_PASSWORD:
        options->password_file = argument;
        return true;
    case DF_DB_OPTION_CA:
        options->ca = argument;
        return true;
    case DF_DB_OPTION_CERT:
        options->cert = argument;
        return true;
    case DF_DB_OPTION_KEY:
        options->key = argument;
        return true;
    case DF_DB_OPTION_TIMEOUT:
        return df_option_number(argument, TIMEOUT_MAX_MS, &options->timeout_ms);
    default:
        return false;
    }
}

static int read_password(const char *path, const char **password, struct df_error *error)
{
    static char line[1024];
    FILE *file = fopen(path, "re");
    if (!file)
        return df_error_set(error, -errno, "--password-file %s: %s", path, strerror(errno));
    bool any = fgets(line, sizeof(line), file) != NULL;
    fclose(file);
    line[strcspn(line, "\r\n")] = '\0';
    *password = line;
    return any && *line ? 0 : df_error_set(error, -EINVAL, "--password-file %s: its first line is empty", path);
}

int df_db_options_config(const struct df_db_options *options, const struct df_db_driver **driver,
                         struct df_db_config *config, struct df_error *error)
{
    static char name[32];
    const char *db = options->db ? options->db : getenv("DF_DB");
    db = db ? db : DF_DB_DEFAULT;
    const char *colon = strchr(db, ':');
    if (!colon || colon == db || !colon[1] || colon - db >= (ptrdiff_t)sizeof(name))
        return df_error_set(error, -EINVAL, "the database must be DRIVER:LOCATION, not '%s'", db);
    snprintf(name, sizeof(name), "%.*s", (int)(colon - db), db);
    *driver = df_db_driver_find(name);
    if (!*driver)
        return df_error_set(error, -EPROTONOSUPPORT, "there is no database driver '%s': see df-db drivers", name);
    *config = (struct df_db_config){.location = colon + 1,
                                    .user = options->user,
                                    .ca = options->ca,
                                    .cert = options->cert,
                                    .key = options->key,
                                    .timeout_ms = options->timeout_ms};
    return options->password_file ? read_password(options->password_file, &config->password, error) : 0;
}
