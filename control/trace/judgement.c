/* SPDX-License-Identifier: Apache-2.0 */
#include "control/trace/judgement.h"

static const char *found(const struct df_track *track)
{
    if (track->related)
        return "related";
    if (!track->conn || track->begin)
        return "new";
    return track->reply ? "reply" : "established";
}

static json_t *connection_json(const struct df_track *track)
{
    json_t *json = json_pack("{s:s}", "found", found(track));
    if (track->conn) {
        uint32_t word = atomic_load_explicit(&track->conn->word, memory_order_relaxed);
        json_object_set_new(json, "state", json_string(df_conn_state_name(DF_CONN_STATE(word))));
    }
    return json;
}

static json_t *rule_json(const struct df_names *names, uint32_t rule)
{
    json_t *json = rule && names && names->rule_words ? names->rule_words(names->arg, rule) : NULL;
    if (json)
        return json;
    return rule ? json_pack("{s:I}", "number", (json_int_t)rule) : json_null();
}

/* One that is begun in place of one that is closed was another one in the table before. */
static void add_rule(json_t *step, const struct df_names *names, const struct df_walk *walk, enum df_track_side side)
{
    const struct df_track *track = &walk->track[side];
    json_object_set_new(step, "rule", rule_json(names, walk->rule[side]));
    if (track->tracked && track->conn && track->begin)
        json_object_set_new(step, "connection", connection_json(track));
}

static void add_connection(json_t *step, const struct df_walk *walk, enum df_track_side side)
{
    if (walk->track[side].tracked)
        json_object_set_new(step, "connection", connection_json(&walk->track[side]));
}

void df_trace_add_judgement(json_t *step, const struct df_names *names, uint16_t table, const struct df_walk *walk)
{
    switch (table) {
    case DF_TABLE_EGRESS_CONNTRACK:
        add_connection(step, walk, DF_TRACK_EGRESS);
        break;
    case DF_TABLE_INGRESS_CONNTRACK:
        add_connection(step, walk, DF_TRACK_INGRESS);
        break;
    case DF_TABLE_EGRESS_SECURITY_GROUP:
        add_rule(step, names, walk, DF_TRACK_EGRESS);
        break;
    case DF_TABLE_INGRESS_SECURITY_GROUP:
        add_rule(step, names, walk, DF_TRACK_INGRESS);
        break;
    default:
        break;
    }
}
