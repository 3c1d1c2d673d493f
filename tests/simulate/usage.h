/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What this process has used: bytes of its TCP connections, CPU time, memory. Any thread. */

struct usage_socket {
    uint64_t inode;
    uint64_t received, sent; /* bytes */
};

struct usage {
    uint64_t wall_ns;
    uint64_t cpu_ns;   /* of the whole process */
    uint64_t resident; /* bytes */
    uint64_t peak;     /* the most that was resident since usage_forget_peak() */
    struct usage_socket *sockets;
    size_t n_sockets;
};

/** How much a connection that there was not in `not_of` (NULL: any) moved from `from` to `to`, in bytes. */
struct usage_bytes {
    uint64_t received, sent;
};

void usage_take(struct usage *usage);
void usage_free(struct usage *usage);
struct usage_bytes usage_bytes(const struct usage *from, const struct usage *to, const struct usage *not_of);

/** The peak begins anew. Memory that was freed is given back before. */
void usage_forget_peak(void);
