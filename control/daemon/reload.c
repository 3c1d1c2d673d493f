/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/internal.h"

/* SIGHUP: what can change while the daemon runs is taken over, what cannot is named, and a bad file changes nothing. */

static void report_difference(const char *section, const char *key, bool at_run_time, void *arg)
{
    (void)arg;
    if (at_run_time)
        df_log(DF_LOG_INFO, "[%s] %s changed", section, key);
    else
        df_log(DF_LOG_WARNING, "[%s] %s changed: that needs a restart (systemctl restart df-switchd)", section, key);
}

void df_daemon_reload(struct df_daemon *daemon)
{
    struct df_config *fresh;
    struct df_error error;
    if (!daemon->options.config_path) {
        df_log(DF_LOG_INFO, "there is no configuration file to read again");
        return;
    }
    if (df_config_load(daemon->options.config_path, &fresh, &error) != 0) {
        df_log(DF_LOG_ERROR, "%s; the configuration stays as it was", error.text);
        return;
    }
    df_config_diff(daemon->config, fresh, report_difference, NULL);
    /* The running configuration stays, for its strings are in use; log_level is all that changes at run time. */
    char *level = daemon->config->log_level;
    daemon->config->log_level = fresh->log_level;
    fresh->log_level = level;
    df_log_set_level(df_config_log_level(daemon->config));
    df_config_free(fresh);
    df_log(DF_LOG_INFO, "configuration read again");
}
