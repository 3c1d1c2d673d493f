/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <event2/event.h>

/*
 * The network devices of this host that come, as the kernel tells of them by rtnetlink: a port whose device is plugged
 * after it was bound opens at once.
 *
 * Invariant: whatever comes is told. When the kernel's messages overflowed it is told that any may have come.
 *
 * Control thread.
 */

struct df_links;

/**
 * Tells from now on.
 *
 * @param came called when a device was made, moved to this namespace, or set up; name NULL: any may have
 * @return NULL: errno says why not, and there is nothing to free
 */
struct df_links *df_links_new(struct event_base *base, void (*came)(void *arg, const char *name), void *arg);

/** NULL is ignored. */
void df_links_free(struct df_links *links);
