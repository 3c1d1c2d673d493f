/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Which bytes of a datagram its fragments have brought.
 *
 * Invariant: pieces are sorted, no two overlap, and none goes past the datagram's end once that is known. Each is kept
 * as it came, not merged with its neighbours, so that an exact duplicate is told from an overlap.
 *
 * Private to fastpath/fragment. Threads: the worker.
 */

/* 64 KiB over the smallest link of today, 576 bytes, are 119 fragments. */
#define DF_PIECES_MAX 128

struct df_pieces {
    uint32_t bytes; /* sum of all */
    uint32_t total; /* bytes of the datagram; 0: not known yet */
    uint16_t n;
    struct {
        uint16_t start, end; /* offsets of the first byte, and behind the last */
    } piece[DF_PIECES_MAX];
};

enum df_piece {
    DF_PIECE_NEW,
    DF_PIECE_DUPLICATE, /* exactly a piece that is there */
    DF_PIECE_OVERLAP,   /* shares bytes with another, or they do not agree on where the datagram ends */
    DF_PIECE_TOO_MANY,
};

/** Adds a fragment's bytes, unless it is DF_PIECE_NEW none. more: it is not the last one. */
enum df_piece df_pieces_add(struct df_pieces *pieces, uint16_t offset, uint16_t len, bool more);

/** Did all come? */
static inline bool df_pieces_are_complete(const struct df_pieces *pieces)
{
    return pieces->total != 0 && pieces->bytes == pieces->total;
}
