/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/lookup/id_map.h"

#include <stdlib.h>

void *df_id_map_add(struct df_hash_map *map, uint64_t id, size_t size)
{
    size_t rounded = (size + 63) & ~(size_t)63;
    struct df_id_object *object = aligned_alloc(64, rounded);
    if (object == NULL)
        return NULL;
    memset(object, 0, rounded);
    object->id = id;
    object->hash.hash = df_id_hash(id);
    if (df_hash_map_add(map, &object->hash) != 0) {
        free(object);
        return NULL;
    }
    return object;
}
