/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/fragment/pieces.h"

#include <string.h>

/* Where a piece that begins at start belongs. From the end on, because most come in order. */
static unsigned place_of(const struct df_pieces *pieces, uint32_t start)
{
    unsigned at = pieces->n;
    while (at > 0 && pieces->piece[at - 1].start >= start)
        at--;
    return at;
}

/* Do they not agree on where the datagram ends? */
static bool ends_elsewhere(const struct df_pieces *pieces, uint32_t end, bool more)
{
    if (more)
        return pieces->total != 0 && end >= pieces->total;
    if (pieces->total != 0)
        return end != pieces->total;
    return pieces->n > 0 && pieces->piece[pieces->n - 1].end > end;
}

static bool overlaps(const struct df_pieces *pieces, unsigned at, uint32_t start, uint32_t end)
{
    return (at > 0 && pieces->piece[at - 1].end > start) || (at < pieces->n && pieces->piece[at].start < end);
}

static void insert(struct df_pieces *pieces, unsigned at, uint32_t start, uint32_t end)
{
    memmove(&pieces->piece[at + 1], &pieces->piece[at], (pieces->n - at) * sizeof(pieces->piece[0]));
    pieces->piece[at].start = (uint16_t)start;
    pieces->piece[at].end = (uint16_t)end;
    pieces->n++;
    pieces->bytes += end - start;
}

enum df_piece df_pieces_add(struct df_pieces *pieces, uint16_t offset, uint16_t len, bool more)
{
    uint32_t end = (uint32_t)offset + len;
    unsigned at = place_of(pieces, offset);
    if (ends_elsewhere(pieces, end, more))
        return DF_PIECE_OVERLAP;
    if (at < pieces->n && pieces->piece[at].start == offset && pieces->piece[at].end == end)
        return DF_PIECE_DUPLICATE;
    if (overlaps(pieces, at, offset, end))
        return DF_PIECE_OVERLAP;
    if (pieces->n == DF_PIECES_MAX)
        return DF_PIECE_TOO_MANY;
    if (!more)
        pieces->total = end;
    if (len > 0)
        insert(pieces, at, offset, end);
    return DF_PIECE_NEW;
}
