/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * A TCP proxy of 127.0.0.1 from one port to another, a process of its own. To kill it is to cut its connections and to
 * refuse new ones. After SIGUSR1 it goes on to pass what clients say, and drops what they are answered.
 */

/** Is the proxy; does not return. */
void proxy_run(uint16_t from, uint16_t to) __attribute__((noreturn));
