/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/ovsdb/frame.h"

#include <errno.h>

#define MAX_DEPTH 64 /* OVSDB's messages need twelve */

/* Whether the byte may come at this place; moves the depth. */
static bool step(struct df_ovsdb_frame *frame, char byte)
{
    switch (byte) {
    case '"':
        frame->in_string = true;
        return frame->depth > 0;
    case '{':
    case '[':
        return ++frame->depth <= MAX_DEPTH && (frame->depth > 1 || byte == '{');
    case '}':
    case ']':
        return frame->depth-- > 0;
    case ' ':
    case '\t':
    case '\n':
    case '\r':
        return true;
    default:
        return frame->depth > 0;
    }
}

static void step_in_string(struct df_ovsdb_frame *frame, char byte)
{
    if (frame->escaped)
        frame->escaped = false;
    else if (byte == '\\')
        frame->escaped = true;
    else if (byte == '"')
        frame->in_string = false;
}

ssize_t df_ovsdb_frame_end(struct df_ovsdb_frame *frame, const char *bytes, size_t len)
{
    while (frame->at < len) {
        char byte = bytes[frame->at++];
        if (frame->in_string) {
            step_in_string(frame, byte);
            continue;
        }
        if (!step(frame, byte))
            return -EPROTO;
        if (frame->depth == 0 && byte == '}')
            return (ssize_t)frame->at;
    }
    return 0;
}
