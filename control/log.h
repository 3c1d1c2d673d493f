/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-daemon.h>

/*
 * The daemon's log: one line per message on standard error with the priority prefix of sd-daemon(3) when journald reads
 * it. An error is logged once, where object, field and remedy are known. Any thread of the controller, never a worker.
 */

enum df_log_level { DF_LOG_ERROR = 3, DF_LOG_WARNING = 4, DF_LOG_INFO = 6, DF_LOG_DEBUG = 7 };

void df_log(enum df_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** What is logged: this level and more important ones. INFO at start. */
void df_log_set_level(enum df_log_level level);
