/* SPDX-License-Identifier: Apache-2.0 */
#include "control/compile/segment.h"

#include <string.h>

struct df_segment df_segment_of(const Df__LogicalSwitch *lswitch)
{
    return (struct df_segment){
        .network = lswitch->unique_key,
        .network_type = lswitch->network_type,
        .has_segmentation_id = lswitch->has_segmentation_id,
        .segmentation_id = lswitch->segmentation_id,
    };
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_same(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    if (!a || !b)
        return a == b;
    struct df_segment x = df_segment_of((const Df__LogicalSwitch *)a);
    struct df_segment y = df_segment_of((const Df__LogicalSwitch *)b);
    return x.network == y.network && same_text(x.network_type, y.network_type) &&
           x.has_segmentation_id == y.has_segmentation_id && x.segmentation_id == y.segmentation_id;
}

void df_segment_changes(struct df_object *object, const ProtobufCMessage *new)
{
    if (object->table == DF_NB_LSWITCH && !is_same(object->message, new))
        df_watched_fire(&object->segment);
}
