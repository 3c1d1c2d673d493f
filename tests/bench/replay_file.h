/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The two pcap files of a replay port: the one it receives from, read whole when the port is probed, and
 * the one to which it writes the first frames sent to it, so that they can be looked at field by field.
 *
 * `struct frames` does not change after frames_load(): any number of queues reads it. A capture takes
 * the bursts of several queues, one at a time.
 */

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_mbuf.h>
#include <rte_spinlock.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* One frame, in a whole number of cache lines: one line for the 60 bytes of a minimum frame. A long one may be here
 * with its head only. */
struct frame {
    uint16_t bytes; /* on the wire */
    uint16_t lines;
    uint8_t data[];
};

/* The frames in the order of the file, one after the other in one piece of memory. */
struct frames {
    struct frame *first;
    const struct frame *end;
    size_t size; /* bytes of that memory */
    uint64_t count;
    uint32_t longest; /* bytes */
    uint16_t lines;   /* of each frame; 0: they differ */
};

/* The frames sent to the port, until enough are written. */
struct capture {
    rte_spinlock_t lock;
    uint64_t left;
    FILE *file;
};

/* Reads the first `copy` bytes of each Ethernet frame of a pcap file into `frames`, which is zero. Otherwise says
 * what is wrong with the file and returns a negative errno. */
int frames_load(struct frames *frames, const char *path, uint32_t copy);
void frames_free(struct frames *frames);

/* The frame that follows, round the end of the file. */
static inline const struct frame *frame_after(const struct frames *frames, const struct frame *frame)
{
    const struct frame *next = RTE_PTR_ADD(frame, (size_t)frame->lines * RTE_CACHE_LINE_SIZE);

    return likely(next != frames->end) ? next : frames->first;
}

/* The frame that comes `count` ones later: at once where all have the same number of lines. */
const struct frame *frames_after(const struct frames *frames, const struct frame *frame, uint64_t count);

/* Makes the file, with room for `count` frames. Errors as above. */
int capture_open(struct capture *capture, const char *path, uint64_t count);
void capture_close(struct capture *capture);

/* Writes what there is room for. The frames are in the file when this returns. */
void capture_burst(struct capture *capture, struct rte_mbuf **mbufs, uint16_t count);

static inline bool capture_has_room(const struct capture *capture)
{
    return unlikely(__atomic_load_n(&capture->left, __ATOMIC_RELAXED) > 0);
}
