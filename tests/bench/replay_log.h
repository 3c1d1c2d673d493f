/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <rte_log.h>

extern int replay_logtype;

#define LOG(...) rte_log(RTE_LOG_ERR, (uint32_t)replay_logtype, "net_replay: " __VA_ARGS__)
