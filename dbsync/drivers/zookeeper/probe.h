/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/error.h"

/*
 * Whether anything listens where the database should be. ZooKeeper's library tries for ever and does not say why it
 * gets nowhere; a person wants to know which host refuses, and a caller wants to know at once.
 */

/**
 * Connects to all of HOST:PORT,HOST:PORT... at once and is content with the first.
 *
 * @param addresses all of them as numbers, in the same form; free() it
 * @return 0, -ECONNREFUSED and other errors of connect(), -ETIMEDOUT, what df_net_resolve() says, -ENOMEM
 */
int df_zk_probe(const char *hosts, unsigned timeout_ms, char **addresses, struct df_error *error);
